"""A checkpoint as the commands that write it, cut so that no script is long.

A plan of one part is applied by one script. A larger one is staged part by part beside the state,
then committed by one small script: that is the moment it has happened. Its parts are then rolled
forward one by one, by the writer or, if that one died, by whoever reads the state or writes next.
So nobody ever goes on from a half-written state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.monitor.state import Outgoing
from driftline.store.commands import Command, Plan
from driftline.store.packing import (
    array_head,
    join_strings,
    pack_array,
    pack_pairs,
    pack_texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from driftline.monitor.state import InstanceCheckpoint

_ALWAYS_CHECKED: Final = ("state", "journal")
"""Hashes that every script reads."""
_KIND_OF: Final = {"HDEL": "hash", "HSET": "hash", "SADD": "set", "RPUSH": "list"}

PART_BYTES: Final = 1_000_000
"""What one script may be given: some milliseconds of Redis' time."""
ARGUMENTS: Final = 1_000
"""What one command in a script may be given: Lua's stack ends below 8,000."""
_ARGUMENT_WEIGHT: Final = 32
"""What an argument costs beside its bytes, in bytes: many small ones take long, too."""
PACKED_IDS: Final = 500
"""Ids in one element of a group's list."""


def build_plan(step: InstanceCheckpoint) -> Plan:
    """The plan of a checkpoint."""
    commands = list(_commands(step))
    always = [_typed_key("HSET", suffix) for suffix in _ALWAYS_CHECKED]
    keys = dict.fromkeys([*always, *(one.key for one in commands)])
    return Plan(
        instance=step.instance,
        span=("" if step.from_offset is None else str(step.from_offset), str(step.to_offset)),
        kinds=array_head(2 * len(keys)) + b"".join(keys),
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
    yield from _each("HDEL", "state", list(map(field_name, step.fields_removed)))
    yield from _each("HDEL", "windows", step.windows_removed)
    yield from _each("HDEL", "entries", step.entries_removed)
    yield from _each("SADD", "expired", list(map(str, step.groups_removed)))
    # A group is listed before it has a key, so that whoever forgets the instance finds the key.
    yield from _each("SADD", "groups", list(map(str, step.groups)))
    for number, ids in step.groups.items():
        starts = range(0, len(ids), PACKED_IDS)
        packed = [pack_texts(ids[start : start + PACKED_IDS]) for start in starts]
        yield from _each("RPUSH", f"group:{number}", packed)
    yield from _set("entries", step.entries)
    yield from _set("windows", step.windows)
    fields = {field_name(name): blob for name, blob in step.fields.items()}
    if step.from_offset is None:
        fields["name"] = step.instance.name.encode()
    yield from _set("state", fields)
    outbox = enumerate(step.outbox)
    events = {event.id: encode_outgoing(event, step.to_offset, i) for i, event in outbox}
    yield from _set("outbox", events)


def _set(suffix: str, pairs: Mapping[str, bytes]) -> Sequence[Command]:
    """Set these fields of a hash."""
    if not pairs:
        return ()
    names, values = list(pairs), list(pairs.values())

    def pack(start: int, stop: int) -> bytes:
        return pack_pairs(names[start:stop], values[start:stop])

    return _cut("HSET", suffix, len(names), pack, width=2)


def _each(name: str, suffix: str, arguments: Sequence[str | bytes]) -> Sequence[Command]:
    """A command that takes any number of arguments."""
    if not arguments:
        return ()

    def pack(start: int, stop: int) -> bytes:
        return join_strings(arguments[start:stop])

    return _cut(name, suffix, len(arguments), pack)


def _cut(
    name: str, suffix: str, count: int, pack: Callable[[int, int], bytes], *, width: int = 1
) -> Sequence[Command]:
    """One command, or several where it would grow too long; `pack` gives arguments from, to.

    Each of the `count` things that it packs makes `width` arguments.
    """
    most = ARGUMENTS // width
    commands: list[Command] = []
    pending = [(0, count)]
    if count > most:
        pending = [(start, min(start + most, count)) for start in range(0, count, most)][::-1]
    while pending:
        start, stop = pending.pop()
        packed = pack(start, stop)
        if len(packed) > PART_BYTES // 4 and stop - start > 1:
            middle = (start + stop) // 2
            pending += [(middle, stop), (start, middle)]
        else:
            commands.append(_command(name, suffix, width * (stop - start), packed))
    return commands


def _command(name: str, suffix: str, count: int, arguments: bytes) -> Command:
    """A command with so many arguments, which are packed."""
    packed = _command_head(name, suffix, count) + arguments
    return Command(_typed_key(name, suffix), packed, len(packed) + _ARGUMENT_WEIGHT * (2 + count))


# Both are the same for most checkpoints of all instances.


@lru_cache(maxsize=1_000)
def _command_head(name: str, suffix: str, count: int) -> bytes:
    """What stands before a command's arguments."""
    return array_head(2 + count) + join_strings((name, suffix))


@lru_cache(maxsize=1_000)
def _typed_key(name: str, suffix: str) -> bytes:
    """See `Command.key`."""
    return join_strings((suffix, _KIND_OF[name]))


def _parts(commands: Iterable[Command]) -> Iterator[bytes]:
    """Commands packed together up to the limit."""
    pending: list[bytes] = []
    size = 0
    for _, packed, weight in commands:
        if pending and size + weight > PART_BYTES:
            yield pack_array(pending)
            pending, size = [], 0
        pending.append(packed)
        size += weight
    if pending:
        yield pack_array(pending)
