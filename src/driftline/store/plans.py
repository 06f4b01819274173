"""A checkpoint as the commands that write it, cut so that no script is long.

A plan of one part is applied by one script. A larger one is staged part by part beside the state,
then committed by one small script: that is the moment it has happened. Its parts are then rolled
forward one by one, by the writer or, if that one died, by whoever reads the state or writes next.
So nobody ever goes on from a half-written state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from driftline.monitor.state import Outgoing
from driftline.store.packing import pack_array, pack_strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.model import InstanceKey
    from driftline.monitor.state import InstanceCheckpoint

Command: TypeAlias = "tuple[str | bytes, ...]"
"""Name, last part of the key, arguments."""

PART_BYTES: Final = 1_000_000
"""What one script may be given: some milliseconds of Redis' time."""
ARGUMENTS: Final = 1_000
"""What one command in a script may be given: Lua's stack ends below 8,000."""
PACKED_IDS: Final = 500
"""Ids in one element of a group's list."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a checkpoint is written."""

    instance: InstanceKey
    span: tuple[str, str]
    """From and to, as the scripts take them."""
    kinds: bytes
    """Packed: a key's last part, the type it must have, and so on."""
    parts: tuple[bytes, ...]
    """Packed lists of commands; at least one."""

    @property
    def size(self) -> int:
        """Bytes to send."""
        return sum(map(len, self.parts))


def build_plan(step: InstanceCheckpoint) -> Plan:
    """The plan of a checkpoint."""
    kinds = ["state", "hash", "journal", "hash", "windows", "hash", "entries", "hash"]
    kinds += ["groups", "set", "expired", "set", "outbox", "hash"]
    for number in step.groups:
        kinds += [f"group:{number}", "list"]
    return Plan(
        instance=step.instance,
        span=("" if step.from_offset is None else str(step.from_offset), str(step.to_offset)),
        kinds=pack_strings(kinds),
        parts=tuple(_parts(_commands(step))) or (pack_array(()),),
    )


def field_name(name: str) -> str:
    """The field of the state's hash for a part of the state: beside `offset` and `name`."""
    return f"f:{name}"


def encode_outgoing(outgoing: Outgoing, to_offset: int, index: int) -> bytes:
    """An event of the outbox with its place in the order."""
    place = (to_offset, index)
    return msgspec.msgpack.encode((place, outgoing.key, outgoing.headers, outgoing.value))


_StoredOutgoing = tuple[tuple[int, int], str, tuple[tuple[str, bytes], ...], bytes]
_outgoing_decoder = msgspec.msgpack.Decoder(_StoredOutgoing)


def decode_outbox(stored: Iterable[tuple[bytes, bytes]]) -> tuple[Outgoing, ...]:
    """The outbox in its order; raises ValueError (msgspec's or Unicode's) if it does not decode."""
    rows = sorted((_outgoing_decoder.decode(blob), name.decode()) for name, blob in stored)
    return tuple(Outgoing(name, key, headers, value) for (_, key, headers, value), name in rows)


def _commands(step: InstanceCheckpoint) -> Iterator[Command]:
    """Everything that frees memory comes before everything that takes some."""
    yield from _spread("HDEL", "state", [(field_name(name),) for name in step.fields_removed])
    yield from _spread("HDEL", "windows", [(name,) for name in step.windows_removed])
    yield from _spread("HDEL", "entries", [(name,) for name in step.entries_removed])
    yield from _spread("SADD", "expired", [(str(number),) for number in step.groups_removed])
    # A group is listed before it has a key, so that whoever forgets the instance finds the key.
    yield from _spread("SADD", "groups", [(str(number),) for number in step.groups])
    for number, ids in step.groups.items():
        packed = (pack_strings(ids[i : i + PACKED_IDS]) for i in _starts(ids))
        yield from _spread("RPUSH", f"group:{number}", [(blob,) for blob in packed])
    yield from _spread("HSET", "entries", list(step.entries.items()))
    yield from _spread("HSET", "windows", list(step.windows.items()))
    fields: list[Command] = [(field_name(name), blob) for name, blob in step.fields.items()]
    if step.from_offset is None:
        fields.append(("name", step.instance.name))
    yield from _spread("HSET", "state", fields)
    events = [
        (event.id, encode_outgoing(event, step.to_offset, i)) for i, event in enumerate(step.outbox)
    ]
    yield from _spread("HSET", "outbox", events)


def _starts(ids: Sequence[str]) -> range:
    return range(0, len(ids), PACKED_IDS)


def _spread(name: str, suffix: str, units: Sequence[Command]) -> Iterator[Command]:
    """One command for all units, or several where it would grow too long; units are not parted."""
    arguments: list[str | bytes] = []
    size = 0
    for unit in units:
        grown = sum(map(len, unit))
        if arguments and (len(arguments) + len(unit) > ARGUMENTS or size + grown > PART_BYTES // 4):
            yield (name, suffix, *arguments)
            arguments, size = [], 0
        arguments += unit
        size += grown
    if arguments:
        yield (name, suffix, *arguments)


def _parts(commands: Iterable[Command]) -> Iterator[bytes]:
    """Commands packed together up to the limit."""
    pending: list[bytes] = []
    size = 0
    for command in commands:
        packed = pack_strings(command)
        if pending and size + len(packed) > PART_BYTES:
            yield pack_array(pending)
            pending, size = [], 0
        pending.append(packed)
        size += len(packed)
    if pending:
        yield pack_array(pending)
