"""Alerts in the memory of the API: bounded, in order, each revision once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts.event import as_record
from driftline.web.board import MOST_REVISIONS, Board
from driftline.web.entries import Filter, read_entry
from driftline.web.feed import Feed, PositionGoneError
from driftline.web.listeners import QUEUED
from driftline.web.position import read_position, write_position
from support.alert_events import drift_event, resolved_event

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertEnvelope
    from driftline.web.listeners import Listener

EVERYTHING = Filter()


def publish(feed: Feed, event: AlertEnvelope, partition: int = 0) -> None:
    offset = feed.position.get(partition, 0)
    feed.take(partition, offset, 1_000 + offset, as_record(event.data).value)


def alert(number: int, revision: int = 1, *, firing: bool = True) -> AlertEnvelope:
    made = drift_event if firing else resolved_event
    return made(alert_id=f"{number:020x}", revision=revision)


async def drain(feed: Feed, listener: Listener) -> list[str]:
    """All that waits for a listener."""
    found = []
    while (entry := await listener.next(0.001, feed.position)) is not None:
        found.append(entry.event_id)
    return found


@given(st.dictionaries(st.integers(0, 40), st.integers(0, 10**17), min_size=1))
def test_a_position_is_read_as_it_was_written(position: dict[int, int]) -> None:
    """Partitions that are not in it stand at their beginning."""
    read = read_position(write_position(position))
    assert {number: offset for number, offset in read.items() if offset} == {
        number: offset for number, offset in position.items() if offset
    }


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "-1", "1.", ".1", "1..2", "1\n", "1,2", "٣", "9" * 19, "1." * 1_024 + "1"],
)
def test_what_is_no_position_is_refused(text: str) -> None:
    """Only what we write ourselves is read."""
    with pytest.raises(ValueError, match="offsets with a dot"):
        read_position(text)


def test_the_memory_is_bounded_and_what_fires_stays_longest() -> None:
    """What ended longest ago goes first; how many went is known."""
    feed = Feed(Board(most_alerts=5))
    for number in range(4):
        publish(feed, alert(number))
    for number in range(4, 10):
        publish(feed, alert(number))
        publish(feed, alert(number, 2, firing=False))
    kept = [int(one.latest.alert_id, 16) for one in feed.board.list(EVERYTHING, 100)]
    assert kept == [9, 3, 2, 1, 0]
    assert feed.board.dropped == 5
    for number in range(10, 20):
        publish(feed, alert(number))
    assert len(feed.board) == 5


def test_bytes_are_bounded_too() -> None:
    """Also of one alert that changes for ever: the first revision and the newest are kept."""
    size = len(as_record(alert(1).data).value)
    board = Board(most_bytes=size * 10)
    feed = Feed(board)
    for number in range(100):
        publish(feed, alert(number))
    assert len(board) <= 10
    board = Board()
    feed = Feed(board)
    for revision in range(1, MOST_REVISIONS + 50):
        publish(feed, alert(1, revision))
    kept = board.get(f"{1:020x}")
    assert kept is not None
    assert len(kept.revisions) == MOST_REVISIONS
    assert [kept.revisions[0].revision, kept.latest.revision] == [1, MOST_REVISIONS + 49]


def test_a_repeated_revision_is_no_news_also_of_an_alert_that_is_not_held() -> None:
    """The topic may hold an event twice; nobody is told twice."""
    feed = Feed(Board(most_alerts=1))
    listener = feed.listen(EVERYTHING, None)
    publish(feed, alert(1))
    publish(feed, alert(2))
    publish(feed, alert(1))
    assert listener._queue.qsize() == 2
    assert [one.latest.alert_id for one in feed.board.list(EVERYTHING, 9)] == [f"{2:020x}"]


def test_what_is_no_alert_event_is_counted_and_passed_over() -> None:
    """A tombstone, garbage, another version; what follows is read."""
    feed = Feed()
    for value in (None, b"", b"{}", b"\xff", b'{"specversion":"2.0"}'):
        feed.take(0, feed.position.get(0, 0), 0, value)
    publish(feed, alert(1))
    assert (feed.unreadable, len(feed.board)) == (5, 1)
    assert feed.position == {0: 6}


async def test_a_stream_is_resumed_behind_any_event_without_gap_or_repetition() -> None:
    """From the id of each event on, what follows is what followed; over several partitions."""
    rng = random.Random(seed := random.randrange(1 << 32))
    feed = Feed()
    first = feed.listen(EVERYTHING, None)
    for number in range(60):
        publish(feed, alert(number), partition=rng.randrange(3))
    seen: list[tuple[str, str]] = []
    while (entry := await first.next(0.001, feed.position)) is not None:
        seen.append((entry.event_id, write_position(first.position)))
    assert len(seen) == 60, f"seed {seed}"
    for place, (_, event_id) in enumerate(seen):
        again = feed.listen(EVERYTHING, read_position(event_id))
        assert await drain(feed, again) == [one for one, _ in seen[place + 1 :]], f"seed {seed}"
        feed.leave(again)


async def test_a_place_that_is_not_held_any_more_is_gone_and_one_beyond_the_end_is_wrong() -> None:
    """Rather than going on with a gap."""
    feed = Feed(recent=10)
    for number in range(15):
        publish(feed, alert(number))
    with pytest.raises(PositionGoneError):
        feed.listen(EVERYTHING, {0: 4})
    assert len(await drain(feed, feed.listen(EVERYTHING, {0: 5}))) == 10
    with pytest.raises(ValueError, match="beyond the end"):
        feed.listen(EVERYTHING, {0: 16})
    with pytest.raises(ValueError, match="beyond the end"):
        feed.listen(EVERYTHING, {0: 15, 1: 1})


async def test_what_the_topic_forgot_before_it_was_read_is_gone() -> None:
    """A client that was away for longer than the topic keeps alerts is told so."""
    feed = Feed(Board())
    feed.begin(0, 500)
    with pytest.raises(PositionGoneError):
        feed.listen(EVERYTHING, {0: 499})
    place = dict(feed.position)
    publish(feed, alert(1))
    # The topic may go on to forget: what was taken in by then is held.
    feed.begin(0, 501)
    assert place == {0: 500}
    assert await drain(feed, feed.listen(EVERYTHING, place)) == [f"{alert(1).id}"]


async def test_who_waits_for_little_keeps_its_place_among_much() -> None:
    """What is not wanted moves the place on, so that it does not fall out of what is held."""
    feed = Feed(recent=10)
    rare = Filter(severity=frozenset({"info"}))
    listener = feed.listen(rare, None)
    for number in range(50):
        publish(feed, alert(number))
        if number % 9 == 0:
            assert await listener.next(0.001, feed.position) is None
    assert feed.listen(rare, dict(listener.position)) is not None


async def test_who_does_not_keep_up_is_dropped_and_nobody_else_waits() -> None:
    """The queue of one is full: it ends; the other has everything."""
    feed = Feed()
    slow, quick = feed.listen(EVERYTHING, None), feed.listen(EVERYTHING, None)
    got: list[str] = []
    for number in range(QUEUED + 10):
        publish(feed, alert(number))
        got += await drain(feed, quick)
    assert (slow.too_slow, slow.dropped.is_set()) == (True, True)
    assert not quick.dropped.is_set()
    assert got == [f"{number:020x}.1" for number in range(QUEUED + 10)]


def test_a_filter_wants_any_of_the_values_of_each_key() -> None:
    """No key wants all; a tag is any of the tags."""
    entry = read_entry((0, 0, 0), as_record(drift_event().data).value)
    assert Filter().matches(entry)
    assert Filter(tag=frozenset({"x", "eu"}), owner=frozenset({"risk"})).matches(entry)
    assert not Filter(tag=frozenset({"x"})).matches(entry)
    assert not Filter(owner=frozenset({"risk"}), signal=frozenset({"score"})).matches(entry)
