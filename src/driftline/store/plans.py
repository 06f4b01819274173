"""A checkpoint as the commands that write it, cut so that no script is long.

A plan of one part is applied by one script. A larger one is staged part by part beside the state,
then committed by one small script: that is the moment it has happened. Its parts are then rolled
forward one by one, by the writer or, if that one died, by whoever reads the state or writes next.
So nobody ever goes on from a half-written state.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from driftline.monitor.state import Outgoing
from driftline.store.packing import pack_array, pack_strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.model import InstanceKey
    from driftline.monitor.state import InstanceCheckpoint

Command: TypeAlias = "tuple[str, str, *tuple[str | bytes, ...]]"
"""Name, last part of the key, arguments."""

_KINDS_ALWAYS: Final = {"state": "hash", "journal": "hash"}
_KIND_OF: Final = {"HDEL": "hash", "HSET": "hash", "SADD": "set", "RPUSH": "list"}

PART_BYTES: Final = 1_000_000
"""What one script may be given: some milliseconds of Redis' time."""
ARGUMENTS: Final = 1_000
"""What one command in a script may be given: Lua's stack ends below 8,000."""
_ARGUMENT_WEIGHT: Final = 32
"""What an argument costs beside its bytes, in bytes: many small ones take long, too."""
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
    commands = list(_commands(step))
    kinds = _KINDS_ALWAYS | {suffix: _KIND_OF[name] for name, suffix, *_ in commands}
    return Plan(
        instance=step.instance,
        span=("" if step.from_offset is None else str(step.from_offset), str(step.to_offset)),
        kinds=pack_strings(list(chain.from_iterable(kinds.items()))),
        parts=tuple(_parts(commands)) or (pack_array(()),),
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
    yield from _cut("HDEL", "state", list(map(field_name, step.fields_removed)))
    yield from _cut("HDEL", "windows", step.windows_removed)
    yield from _cut("HDEL", "entries", step.entries_removed)
    yield from _cut("SADD", "expired", list(map(str, step.groups_removed)))
    # A group is listed before it has a key, so that whoever forgets the instance finds the key.
    yield from _cut("SADD", "groups", list(map(str, step.groups)))
    for number, ids in step.groups.items():
        starts = range(0, len(ids), PACKED_IDS)
        packed = [pack_strings(ids[start : start + PACKED_IDS]) for start in starts]
        yield from _cut("RPUSH", f"group:{number}", packed)
    # Encoded at one go: there are thousands.
    entries = zip(map(str.encode, step.entries), step.entries.values(), strict=True)
    yield from _cut("HSET", "entries", list(chain.from_iterable(entries)), width=2)
    yield from _cut("HSET", "windows", _flat(step.windows), width=2)
    fields = _flat({field_name(name): blob for name, blob in step.fields.items()})
    if step.from_offset is None:
        fields += ["name", step.instance.name]
    yield from _cut("HSET", "state", fields, width=2)
    outbox = enumerate(step.outbox)
    events = {event.id: encode_outgoing(event, step.to_offset, i) for i, event in outbox}
    yield from _cut("HSET", "outbox", _flat(events), width=2)


def _flat(pairs: Mapping[str, bytes]) -> list[str | bytes]:
    return list(chain.from_iterable(pairs.items()))


def _cut(
    name: str, suffix: str, arguments: Sequence[str | bytes], *, width: int = 1
) -> Iterator[Command]:
    """One command, or several where it would grow too long; `width` arguments stay together."""
    if not arguments:
        return
    large = len(arguments) > ARGUMENTS or sum(map(len, arguments)) > PART_BYTES // 4
    if large and len(arguments) > width:
        middle = len(arguments) // width // 2 * width
        yield from _cut(name, suffix, arguments[:middle], width=width)
        yield from _cut(name, suffix, arguments[middle:], width=width)
    else:
        yield (name, suffix, *arguments)


def _parts(commands: Iterable[Command]) -> Iterator[bytes]:
    """Commands packed together up to the limit."""
    pending: list[bytes] = []
    size = 0
    for command in commands:
        packed = pack_strings(command)
        weight = len(packed) + _ARGUMENT_WEIGHT * len(command)
        if pending and size + weight > PART_BYTES:
            yield pack_array(pending)
            pending, size = [], 0
        pending.append(packed)
        size += weight
    if pending:
        yield pack_array(pending)
