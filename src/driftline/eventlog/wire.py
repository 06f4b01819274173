"""The shapes in which messages are written: msgspec checks types against them."""

from __future__ import annotations

from typing import Any

import msgspec

from driftline.eventlog.columns import (
    pack_floats,
    pack_ints,
    pack_texts,
    unpack_codes,
    unpack_floats,
    unpack_ints,
)
from driftline.eventlog.messages import (
    Command,
    CommandKind,
    Gap,
    GapCause,
    Passage,
    Progress,
    Rows,
    Texts,
)
from driftline.eventlog.packed import (  # noqa: TC001 - msgspec reads them
    PackedFloats,
    PackedInts,
    PackedTexts,
)
from driftline.model import Role, SourcePartition


class WireSource(msgspec.Struct, array_like=True, frozen=True):
    """A source partition."""

    topic: str
    partition: int
    incarnation: str


class WireRows(msgspec.Struct, array_like=True, frozen=True, tag="rows"):
    """Rows."""

    stream: str
    role: Role
    source: WireSource
    first: int
    next: int
    seen_at: int | None
    instances: tuple[str | None, ...]
    instance_codes: PackedInts
    offsets: PackedInts
    ids: tuple[str, ...]
    times: PackedInts
    numbers: dict[str, PackedFloats]
    texts: dict[str, PackedTexts]


class WireGap(msgspec.Struct, array_like=True, frozen=True):
    """A gap."""

    first: int
    next: int
    cause: GapCause


class WirePassage(msgspec.Struct, array_like=True, frozen=True):
    """A passage."""

    stream: str
    role: Role
    newest: int | None
    rejected: PackedInts
    filtered: PackedInts


class WireProgress(msgspec.Struct, array_like=True, frozen=True, tag="progress"):
    """A progress message."""

    source: WireSource
    first: int
    next: int
    log_start: int
    log_end: int
    seen_at: int | None
    gaps: tuple[WireGap, ...]
    passages: tuple[WirePassage, ...]
    partitions: int
    ended: bool


class WireCommand(msgspec.Struct, array_like=True, frozen=True, tag="command"):
    """A command."""

    id: str
    kind: CommandKind
    by: str
    at: int
    stream: str | None
    instance: str | None
    arguments: dict[str, Any]


def from_rows(rows: Rows) -> WireRows:
    """The rows as it is written."""
    return WireRows(
        stream=rows.stream,
        role=rows.role,
        source=_from_source(rows.source),
        first=rows.first,
        next=rows.next,
        seen_at=rows.seen_at,
        instances=rows.instances,
        instance_codes=pack_ints(rows.instance_codes),
        offsets=pack_ints(rows.offsets),
        ids=rows.ids,
        times=pack_ints(rows.times),
        numbers={name: pack_floats(column) for name, column in rows.numbers.items()},
        texts={
            name: pack_texts(column.values, column.codes) for name, column in rows.texts.items()
        },
    )


def to_rows(wire: WireRows) -> Rows:
    """The rows as it was; raises StateError for columns that do not unpack."""
    return Rows(
        stream=wire.stream,
        role=wire.role,
        source=_to_source(wire.source),
        first=wire.first,
        next=wire.next,
        seen_at=wire.seen_at,
        instances=wire.instances,
        instance_codes=unpack_codes(wire.instance_codes, "instance_codes"),
        offsets=unpack_ints(wire.offsets, "offsets"),
        ids=wire.ids,
        times=unpack_ints(wire.times, "times"),
        numbers={name: unpack_floats(column, name) for name, column in wire.numbers.items()},
        texts={
            name: Texts(column.values, unpack_codes(column.codes, name))
            for name, column in wire.texts.items()
        },
    )


def from_progress(progress: Progress) -> WireProgress:
    """The progress message as it is written."""
    return WireProgress(
        source=_from_source(progress.source),
        first=progress.first,
        next=progress.next,
        log_start=progress.log_start,
        log_end=progress.log_end,
        seen_at=progress.seen_at,
        gaps=tuple(WireGap(gap.first, gap.next, gap.cause) for gap in progress.gaps),
        passages=tuple(
            WirePassage(
                stream=passage.stream,
                role=passage.role,
                newest=passage.newest,
                rejected=pack_ints(passage.rejected),
                filtered=pack_ints(passage.filtered),
            )
            for passage in progress.passages
        ),
        partitions=progress.partitions,
        ended=progress.ended,
    )


def to_progress(wire: WireProgress) -> Progress:
    """The progress message as it was; raises StateError for columns that do not unpack."""
    return Progress(
        source=_to_source(wire.source),
        first=wire.first,
        next=wire.next,
        log_start=wire.log_start,
        log_end=wire.log_end,
        seen_at=wire.seen_at,
        gaps=tuple(Gap(gap.first, gap.next, gap.cause) for gap in wire.gaps),
        passages=tuple(
            Passage(
                stream=passage.stream,
                role=passage.role,
                newest=passage.newest,
                rejected=unpack_ints(passage.rejected, "rejected"),
                filtered=unpack_ints(passage.filtered, "filtered"),
            )
            for passage in wire.passages
        ),
        partitions=wire.partitions,
        ended=wire.ended,
    )


def from_command(command: Command) -> WireCommand:
    """The command as it is written."""
    return WireCommand(
        id=command.id,
        kind=command.kind,
        by=command.by,
        at=command.at,
        stream=command.stream,
        instance=command.instance,
        arguments=dict(command.arguments),
    )


def to_command(wire: WireCommand) -> Command:
    """The command as it was."""
    return Command(
        id=wire.id,
        kind=wire.kind,
        by=wire.by,
        at=wire.at,
        stream=wire.stream,
        instance=wire.instance,
        arguments=wire.arguments,
    )


def _from_source(source: SourcePartition) -> WireSource:
    return WireSource(source.topic, source.partition, source.incarnation)


def _to_source(wire: WireSource) -> SourcePartition:
    return SourcePartition(wire.topic, wire.partition, wire.incarnation)
