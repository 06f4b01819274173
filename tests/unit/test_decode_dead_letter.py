"""A refused record can be read back from its dead letter, and sent again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.decode import Reject, RejectCode
from driftline.decode.dead_letter import (
    DeadLetterError,
    Outbound,
    attempt_of,
    build_dead_letter,
    parse_dead_letter,
)
from driftline.model import Role, SourcePartition


@dataclass(frozen=True, slots=True)
class Refused:
    """A record of a source."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


RECORD = Refused(42, 1_769_846_400_000, b"k", b"\xff no JSON", (("trace", b"\x00\x01"),))
REJECT = Reject(42, RejectCode.BAD_UTF8, "the value is not UTF-8 at byte 0: \\xff no J")
SOURCE = SourcePartition("loan.predictions", 3, "Qk1x")


def letter_of(record: Refused) -> Outbound:
    """The dead letter of a record of the loan stream."""
    return build_dead_letter(record, REJECT, source=SOURCE, stream="loan", role=Role.PREDICTIONS)


def test_a_dead_letter_says_where_the_record_was_and_why_it_was_refused() -> None:
    """Original key, value and headers come first, driftline's headers are UTF-8 text."""
    letter = letter_of(RECORD)
    assert (letter.key, letter.value) == (RECORD.key, RECORD.value)
    assert letter.headers == (
        ("trace", b"\x00\x01"),
        ("driftline.topic", b"loan.predictions"),
        ("driftline.partition", b"3"),
        ("driftline.offset", b"42"),
        ("driftline.timestamp", b"1769846400000"),
        ("driftline.stream", b"loan"),
        ("driftline.role", b"predictions"),
        ("driftline.code", b"bad-utf8"),
        ("driftline.message", REJECT.message.encode()),
        ("driftline.attempt", b"1"),
    )


@given(
    st.builds(
        Refused,
        offset=st.integers(0, 2**63 - 1),
        timestamp=st.integers(-1, 2**63 - 1),
        key=st.none() | st.binary(max_size=20),
        value=st.none() | st.binary(max_size=50),
        headers=st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9))).map(tuple),
    )
)
def test_a_dead_letter_is_read_back_as_it_was_written(record: Refused) -> None:
    """Whatever a record held, its dead letter says."""
    letter = letter_of(record)
    parsed = parse_dead_letter(letter.key, letter.value, letter.headers)
    assert parsed.source == replace(SOURCE, incarnation="")
    assert (parsed.offset, parsed.timestamp) == (record.offset, record.timestamp)
    assert (parsed.key, parsed.value, parsed.headers) == (record.key, record.value, record.headers)
    assert (parsed.stream, parsed.role, parsed.code) == ("loan", Role.PREDICTIONS, "bad-utf8")
    assert (parsed.message, parsed.attempt) == (REJECT.message, 1)


def test_a_retry_is_the_record_as_it_came_and_counts_its_attempts() -> None:
    """A record that is sent again and refused again is at its second attempt; nothing piles up."""
    letter = letter_of(RECORD)
    again = parse_dead_letter(letter.key, letter.value, letter.headers).retry()
    assert again.headers == (("trace", b"\x00\x01"), ("driftline.attempt", b"2"))
    assert (again.key, again.value, again.timestamp) == (b"k", RECORD.value, RECORD.timestamp)
    second = letter_of(replace(RECORD, headers=again.headers))
    assert parse_dead_letter(None, None, second.headers).attempt == 2
    assert len(second.headers) == len(letter.headers)


def test_a_record_without_a_timestamp_is_sent_again_without_one() -> None:
    """The producer then sets its own."""
    letter = letter_of(replace(RECORD, timestamp=-1))
    assert parse_dead_letter(None, None, letter.headers).retry().timestamp is None


@pytest.mark.parametrize("written", [b"", b"many", b"-3", b"1e3", b"9" * 30, b"\xff"])
def test_an_attempt_that_somebody_else_wrote_counts_as_the_first(written: bytes) -> None:
    """A source's own header of that name does no harm."""
    assert attempt_of((("driftline.attempt", written),)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topic", b"\xff"),
        ("partition", b"three"),
        ("offset", b""),
        ("offset", b"9" * 30),
        ("timestamp", "\u0663".encode()),
        ("role", b"oracles"),
        ("attempt", b"1.5"),
    ],
)
def test_what_is_no_dead_letter_is_refused_by_header(name: str, value: bytes) -> None:
    """The error names the header; a missing one is refused as well."""
    header = f"driftline.{name}"
    others = tuple(each for each in letter_of(RECORD).headers if each[0] != header)
    for headers in (others, (*others, (header, value))):
        with pytest.raises(DeadLetterError, match=header):
            parse_dead_letter(None, None, headers)
