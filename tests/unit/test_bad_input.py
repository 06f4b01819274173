"""Every named bad input is refused with its code, and holds up no other record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import pytest

from driftline.config.deployment import Stream
from driftline.decode import Decoded, Decoder, RejectCode, build_decoder
from driftline.model import Role, SourcePartition
from support.bad_inputs import BAD_INPUTS, GOOD_INPUTS, NOW, STREAMS, Input, good


@dataclass(frozen=True, slots=True)
class Placed:
    """A record at its place in a partition."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@cache
def decoder(stream: str, role: Role) -> Decoder:
    """The decoder of one of the table's streams."""
    return build_decoder(Stream(stream, STREAMS[stream], ()), role)


def decode(*inputs: Input) -> Decoded:
    """The inputs, which are of one stream and role, from offset 10 on."""
    records = [
        Placed(offset, each.timestamp, each.key, each.value, each.headers)
        for offset, each in enumerate(inputs, start=10)
    ]
    first = inputs[0]
    source = SourcePartition(f"{first.stream}.{first.role}", 0)
    return decoder(first.stream, first.role).decode(source, records, seen_at=NOW * 1_000)


def test_the_table_is_large_and_its_names_differ() -> None:
    """At least 200 bad inputs, and each code is met."""
    names = [each.name for each in BAD_INPUTS]
    assert len(names) == len(set(names)) >= 200
    assert {each.code for each in BAD_INPUTS} == set(RejectCode)


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda each: each.name)
def test_a_bad_input_is_refused_and_its_neighbours_go_on(bad: Input) -> None:
    """Between two good records a bad one is refused with its code; the good ones become rows."""
    neighbour = good(bad.stream, bad.role)
    decoded = decode(neighbour, bad, neighbour)
    assert [(each.offset, each.code) for each in decoded.rejects] == [(11, bad.code)]
    assert decoded.offsets.tolist() == [10, 12]
    assert decoded.filtered == ()


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda each: each.name)
def test_a_message_is_one_short_printable_line(bad: Input) -> None:
    """A message can be shown anywhere, and says more than the code."""
    [reject] = decode(bad).rejects
    assert 20 <= len(reject.message) <= 200
    assert reject.message.isprintable()


@pytest.mark.parametrize("odd", GOOD_INPUTS, ids=lambda each: each.name)
def test_a_good_input_that_looks_bad_becomes_a_row(odd: Input) -> None:
    """What is merely unusual is taken."""
    decoded = decode(good(odd.stream, odd.role), odd)
    assert decoded.rejects == ()
    assert decoded.offsets.tolist() == [10, 11]


def test_all_bad_inputs_at_once_are_refused_one_by_one() -> None:
    """In one batch each is refused with its own code, whatever its neighbours are."""
    for stream, role in {(each.stream, each.role) for each in BAD_INPUTS}:
        bad = [each for each in BAD_INPUTS if (each.stream, each.role) == (stream, role)]
        batch = [record for each in bad for record in (each, good(stream, role))]
        decoded = decode(*batch)
        assert [each.code for each in decoded.rejects] == [each.code for each in bad]
        assert len(decoded) == len(bad)


def test_a_character_cut_over_two_records_is_bad_in_both() -> None:
    """Records are checked apart, although they are decoded together."""
    record = good("loan", Role.PREDICTIONS)
    assert record.value is not None
    first = replace(record, value=record.value + b"\xc3")
    second = replace(record, value=b"\xb6" + record.value)
    decoded = decode(record, first, second, record)
    assert [each.code for each in decoded.rejects] == [RejectCode.BAD_UTF8] * 2
    assert len(decoded) == 2


def test_a_bomb_is_found_among_records_without_brackets() -> None:
    """How deep a record is does not depend on what stands beside it."""
    bomb = next(each for each in BAD_INPUTS if each.name == "whole: arrays 65 deep")
    blank = next(each for each in BAD_INPUTS if each.name == "whole: blanks")
    decoded = decode(*[blank] * 100, bomb, *[good("loan", Role.PREDICTIONS)] * 3)
    assert decoded.rejects[100].code is RejectCode.TOO_DEEP
    assert len(decoded) == 3
