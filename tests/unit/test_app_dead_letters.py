"""Dead letters go back to where they came from, each record once, and to nowhere else."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from typer import BadParameter

from driftline.app.dead_letters import (
    FoundLetter,
    LetterFilter,
    LetterReader,
    RetryPlan,
    newest_letters,
)
from driftline.app.reading_topics import TopicRecord
from driftline.cli.dead_letters import letter_json, read_place, retry_line
from driftline.decode import Reject, RejectCode
from driftline.decode.dead_letter import build_dead_letter
from driftline.model import Role, SourcePartition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True)
class Refused:
    """A record of a source."""

    offset: int
    timestamp: int = 1_700_000_000_000
    key: bytes | None = b"k\xff"
    value: bytes | None = b"{oops"
    headers: tuple[tuple[str, bytes], ...] = (("h", b"\x00"),)


def record(
    at: int,
    offset: int = 7,
    *,
    stream: str = "loans",
    topic: str = "predictions",
    code: RejectCode = RejectCode.BAD_UTF8,
) -> TopicRecord:
    """The dead letter of a record of partition 1 of a topic, at an offset of the dead letters."""
    sent = build_dead_letter(
        Refused(offset),
        Reject(offset, code, "the value is of no use"),
        source=SourcePartition(topic, 1),
        stream=stream,
        role=Role.PREDICTIONS,
    )
    return TopicRecord("dead-letters", 0, at, 1_700_000_001_000, sent.key, sent.value, sent.headers)


async def stream_of(*records: TopicRecord) -> AsyncIterator[TopicRecord]:
    for one in records:
        yield one


async def read(wanted: LetterFilter, *records: TopicRecord) -> list[FoundLetter]:
    return [one async for one in LetterReader(wanted).read(stream_of(*records))]


async def test_letters_are_picked_by_stream_code_and_offset() -> None:
    """Each condition narrows; none means all; a stranger's record is counted and passed over."""
    records = [
        record(0),
        record(1, stream="churn"),
        record(2, code=RejectCode.EMPTY_VALUE),
        TopicRecord("dead-letters", 0, 3, 0, None, b"x", ()),
    ]

    async def offsets(wanted: LetterFilter) -> list[int]:
        return [one.offset for one in await read(wanted, *records)]

    assert await offsets(LetterFilter()) == [0, 1, 2]
    assert await offsets(LetterFilter(stream="loans")) == [0, 2]
    assert await offsets(LetterFilter(stream="loans", code="empty-value")) == [2]
    assert await offsets(LetterFilter(places=frozenset({(None, 1), (0, 2), (1, 0)}))) == [1, 2]
    assert not LetterFilter()
    assert LetterFilter(places=frozenset({(None, 0)}))
    reader = LetterReader(LetterFilter())
    newest = await newest_letters(reader.read(stream_of(*records)), 2)
    assert [one.offset for one in newest.letters] == [1, 2]
    assert (newest.total, reader.unreadable) == (3, 1)


def test_a_letter_is_named_as_the_list_shows_it() -> None:
    """By its offset, or by partition and offset; anything else is wrong usage."""
    assert read_place("17") == (None, 17)
    assert read_place("2/17") == (2, 17)
    for text in ("", "x", "/17", "-1", "1/2/3", "1/"):
        with pytest.raises(BadParameter):
            read_place(text)


async def test_a_record_goes_back_as_it_came() -> None:
    """Key, value, headers, time and partition; one header more says which attempt it is."""
    (found,) = await read(LetterFilter(), record(0))
    message = RetryPlan({"predictions": 2}).message(found.letter)
    assert message is not None
    assert (message.topic, message.partition, message.key, message.value) == (
        "predictions",
        1,
        b"k\xff",
        b"{oops",
    )
    assert message.headers == (("h", b"\x00"), ("driftline.attempt", b"2"))
    assert message.timestamp == 1_700_000_000_000
    narrowed = RetryPlan({"predictions": 1}).message(found.letter)
    assert narrowed is not None
    assert narrowed.partition is None


async def test_a_record_is_sent_once_and_only_to_an_attached_topic() -> None:
    """Refused for two streams it is still one record; a forged letter reaches no other topic."""
    letters = await read(
        LetterFilter(),
        record(0),
        record(1, stream="churn"),
        record(2, 8),
        record(3, topic="payments"),
    )
    plan = RetryPlan({"predictions": 2})
    sent = [plan.message(one.letter) is not None for one in letters]
    assert sent == [True, False, True, False]
    assert (plan.sent, plan.repeated, plan.detached) == (2, 1, 1)
    assert retry_line(plan, dry_run=True) == "2 records would be sent; nothing was"


async def test_the_json_of_a_letter_holds_its_bytes() -> None:
    """Bytes are base64, a tombstone is null."""
    (found,) = await read(LetterFilter(), record(4))
    written = letter_json(found)
    assert base64.b64decode(written["value"]) == b"{oops"
    assert written["headers"] == [{"name": "h", "value": "AA=="}]
    assert written["source"] == {
        "topic": "predictions",
        "partition": 1,
        "offset": 7,
        "timestamp": 1_700_000_000_000,
    }
    assert (written["offset"], written["code"], written["attempt"]) == (4, "bad-utf8", 1)
