"""Event time: a watermark that never runs ahead of what is still to be read, and never stops."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.clocks import BEFORE_ALL, MAX_POINTS, StreamClock, StreamClockState
from driftline.eventlog.messages import Passage, Progress
from driftline.model import SECOND, Micros, Role, SourcePartition

NOW: Micros = 1_700_000_000 * SECOND
YEAR: Micros = 365 * 86_400 * SECOND
BOTH = (Role.PREDICTIONS, Role.LABELS)
NONE = np.empty(0, np.int64)
seeds = st.integers(0, 1 << 32)
quick = settings(deadline=None, max_examples=100, print_blob=True)


@dataclass
class Heard:
    """A stream's clock, and readers that report to it."""

    clock: StreamClock = field(default_factory=lambda: StreamClock((Role.PREDICTIONS,)))
    partitions: int = 1

    def report(
        self,
        seen_at: Micros | None,
        newest: Micros | None = None,
        *,
        partition: int = 0,
        role: Role = Role.PREDICTIONS,
        unread: int = 0,
        incarnation: str = "",
        ended: bool = False,
    ) -> Micros:
        """A reader's progress: its clock, the newest event time it passed, what it has not read."""
        passage = Passage("s", role, newest, NONE, NONE)
        progress = Progress(
            source=SourcePartition(role.value, partition, incarnation),
            first=0,
            next=1,
            log_start=0,
            log_end=1 + unread,
            seen_at=seen_at,
            passages=(passage,),
            partitions=self.partitions,
            ended=ended,
        )
        before = self.clock.watermark
        risen = self.clock.on_progress(progress, passage)
        assert risen == (self.clock.watermark > before), "whether it rose is said"
        assert self.clock.watermark >= before, "a watermark never falls"
        return self.clock.watermark


def test_nothing_is_known_before_every_partition_was_heard_of() -> None:
    """Also of the labels, where the stream has them."""
    heard = Heard(StreamClock(BOTH), partitions=2)
    assert heard.report(NOW, NOW, partition=0, unread=9) == BEFORE_ALL
    assert heard.report(NOW, NOW, partition=1, unread=9) == BEFORE_ALL
    assert heard.report(NOW, NOW, partition=0, role=Role.LABELS, unread=9) == BEFORE_ALL
    assert heard.report(NOW, NOW - 5, partition=1, role=Role.LABELS, unread=9) == NOW - 5


def test_a_backlog_goes_by_its_own_event_time() -> None:
    """While there is more to read, no time passes but that of the records."""
    heard = Heard()
    heard.report(NOW, NOW - YEAR, unread=1)
    assert heard.report(NOW + 60 * SECOND, unread=1) == NOW - YEAR


def test_a_silent_source_does_not_stop_time() -> None:
    """Once caught up, time goes on from the newest event as it passes on the reader's clock."""
    heard = Heard()
    assert heard.report(NOW, NOW - YEAR) == NOW - YEAR
    assert heard.report(NOW + 5 * SECOND) == NOW - YEAR + 5 * SECOND
    assert heard.report(NOW + 90 * SECOND) == NOW - YEAR + 90 * SECOND


def test_one_silent_partition_holds_time_only_until_its_reader_reports() -> None:
    """The busy one's clock counts as of the moment that both have reported on."""
    heard = Heard(partitions=2)
    heard.report(NOW, NOW, partition=0)
    heard.report(NOW, NOW, partition=1)
    for second in range(1, 100):
        now = NOW + second * SECOND
        heard.report(now, now, partition=0)
        if second % 5 == 0:
            assert heard.report(now, partition=1) == now


def test_an_empty_partition_holds_nothing_back() -> None:
    """It has nothing that could come late."""
    heard = Heard(partitions=2)
    heard.report(NOW, partition=1)
    assert heard.report(NOW, NOW - YEAR, partition=0, unread=5) == NOW - YEAR


def test_a_partition_with_unread_records_may_hold_anything() -> None:
    """Where all that was read was refused, nothing is known of what follows."""
    heard = Heard(partitions=2)
    heard.report(NOW, partition=1, unread=5)
    assert heard.report(NOW, NOW, partition=0) == BEFORE_ALL


def test_years_old_labels_are_not_overtaken() -> None:
    """An empty labels topic stands at today; with its first label it stands years back.

    Between the two the predictions' reader must not make a watermark of today.
    """
    heard = Heard(StreamClock(BOTH))
    old = NOW - 10 * YEAR
    heard.report(NOW, role=Role.LABELS)
    assert heard.report(NOW + 1, old, unread=100) <= old
    assert heard.report(NOW + 2, old + SECOND, role=Role.LABELS, unread=100) <= old
    assert heard.report(NOW + 3, old + 2 * SECOND, unread=50) <= old + SECOND


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("role", BOTH)
def test_years_old_records_sent_after_a_wait_are_not_late(role: Role, first: int) -> None:
    """Whoever starts a worker, has a coffee, and then sends the records of last year."""
    heard = Heard(StreamClock(BOTH), partitions=2)
    for second in range(0, 60, 5):
        for one in BOTH:
            for partition in (0, 1):
                at = NOW + second * SECOND + partition
                assert heard.report(at, role=one, partition=partition) == BEFORE_ALL
    now, old = NOW + 60 * SECOND, NOW - 10 * YEAR
    assert heard.report(now, old, role=role, partition=first, unread=9) <= old
    for one in BOTH:
        for partition in (0, 1):
            assert heard.report(now, role=one, partition=partition, unread=0) <= old + SECOND
    assert old <= heard.clock.watermark <= old + SECOND, "time has begun, years back"


def test_files_go_by_event_time_alone() -> None:
    """And hold nothing back once they were read to the end; with all at the end, time is there."""
    heard = Heard(StreamClock(BOTH))
    heard.report(None, NOW)
    assert heard.report(None, NOW - 50, role=Role.LABELS) == NOW - 50
    assert heard.report(None, role=Role.LABELS, ended=True) == NOW
    assert heard.report(None, NOW + 70) == NOW + 70
    assert heard.report(None, ended=True) == NOW + 70


def test_a_file_without_records_ends_at_once() -> None:
    """Time goes by the other file."""
    heard = Heard(StreamClock(BOTH))
    heard.report(None, role=Role.LABELS, ended=True)
    assert heard.report(None, NOW) == NOW


def test_a_topic_that_was_made_again_begins_anew() -> None:
    """What its former life had come to says nothing; the watermark stays where it was."""
    heard = Heard(partitions=2)
    heard.report(NOW, NOW, partition=0, incarnation="a")
    heard.report(NOW, NOW, partition=1, incarnation="a")
    later = NOW + 10 * SECOND
    assert heard.report(later, NOW + SECOND, partition=0, incarnation="b", unread=3) == NOW
    assert heard.report(later, partition=1, incarnation="b", unread=3) == NOW
    assert heard.report(later, NOW + 9, partition=1, incarnation="b", unread=3) == NOW + 9


def test_a_topic_that_was_made_again_with_fewer_partitions_goes_on() -> None:
    """A partition that is no more holds nothing back."""
    heard = Heard(partitions=3)
    for partition in range(3):
        heard.report(NOW, NOW, partition=partition, incarnation="a")
    heard.partitions = 1
    later = NOW + 60 * SECOND
    assert heard.report(later, later, incarnation="b") == later


def test_a_partition_that_was_added_is_waited_for() -> None:
    """From the moment that it is known of."""
    heard = Heard()
    heard.report(NOW, NOW, unread=1)
    heard.partitions = 2
    later = NOW + 60 * SECOND
    assert heard.report(later, later, unread=1) == NOW
    assert heard.report(later, NOW + 5, partition=1, unread=1) == NOW + 5


def test_a_readers_clock_that_is_set_back_makes_no_time() -> None:
    """The hour that was taken back is not time that passed in silence."""
    hour = 3_600 * SECOND
    heard = Heard()
    heard.report(NOW, NOW)
    assert heard.report(NOW - hour, NOW + SECOND) == NOW + SECOND
    assert heard.report(NOW - hour + 5 * SECOND) == NOW + 6 * SECOND


def test_a_clock_that_ran_ahead_once_does_not_stop_time() -> None:
    """What it said is forgotten when it is set right."""
    heard = Heard(partitions=2)
    for partition in (0, 1):
        heard.report(NOW, NOW, partition=partition)
    heard.report(NOW + YEAR, partition=1)
    for second in range(1, 50):
        now = NOW + second * SECOND
        heard.report(now, now, partition=0)
        assert heard.report(now, now, partition=1) == now


@pytest.mark.parametrize("seed", range(5))
def test_a_reader_that_is_far_ahead_is_remembered_carefully(seed: int) -> None:
    """However often one reports before another does: few readings are kept, none too high."""
    chance = random.Random(seed)
    heard = Heard(partitions=2)
    heard.report(NOW, NOW, partition=1)
    said: list[tuple[Micros, Micros]] = []
    newest = now = NOW
    for _ in range(2_000):
        now += chance.randrange(SECOND)
        newest += chance.randrange(SECOND)
        unread = chance.choice([0, 5])
        heard.report(now, newest, unread=unread)
        said.append((now, newest))
    source = heard.clock._clocks["predictions"].sources[0]
    assert len(source.points) <= MAX_POINTS + 1
    for moment in range(NOW, now, (now - NOW) // 97):
        true = [clock for at, clock in said if at <= moment]
        assert source.at(moment) <= (true[-1] if true else NOW)
    assert source.at(now) == newest


@quick
@given(seeds.map(random.Random), st.integers(1, 3))
def test_the_watermark_is_never_ahead_of_what_is_unread(
    chance: random.Random, partitions: int
) -> None:
    """Live records, in order within each partition: whichever is read when, none comes late."""
    waiting: list[list[Micros]] = [[] for _ in range(partitions)]
    heard = Heard(partitions=partitions)
    for second in range(200):
        now = NOW + second * SECOND
        for queue in waiting:
            if chance.random() < 0.5:
                queue.append(now)
        partition = chance.randrange(partitions)
        queue = waiting[partition]
        taken = queue[: chance.randint(0, len(queue))]
        del queue[: len(taken)]
        newest = max(taken, default=None)
        watermark = heard.report(now, newest, partition=partition, unread=len(queue))
        assert watermark <= min((queue[0] for queue in waiting if queue), default=now)


@quick
@given(seeds.map(random.Random), st.integers(2, 4))
def test_a_backlog_of_years_is_read_without_a_late_record(
    chance: random.Random, partitions: int
) -> None:
    """Partitions of old data, each in order, read at any pace: time waits for the slowest."""
    queues = [
        sorted(NOW - chance.randrange(YEAR) for _ in range(chance.randint(1, 30)))
        for _ in range(partitions)
    ]
    heard, now = Heard(partitions=partitions), NOW
    while sum(map(len, queues)) > partitions:
        now += SECOND
        partition = chance.randrange(partitions)
        queue = queues[partition]
        # The last one stays unread: a partition that is read to its end goes on by the clock.
        taken = queue[: chance.randint(0, len(queue) - 1)]
        del queue[: len(taken)]
        newest = max(taken, default=None)
        watermark = heard.report(now, newest, partition=partition, unread=len(queue))
        assert watermark <= min(queue[0] for queue in queues)


@quick
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(-20, 40), st.none() | st.integers(-50, 50), st.booleans()
        ),
        max_size=60,
    ),
    st.integers(0, 60),
)
def test_it_goes_on_from_a_snapshot(
    reports: list[tuple[int, int, int | None, bool]], at: int
) -> None:
    """Any clocks, any times: stored and restored it is the same; and it never falls."""
    heard, other = Heard(partitions=3), Heard(partitions=3)
    now = NOW
    for number, (partition, step, newest, unread) in enumerate(reports):
        now += step * SECOND
        time = None if newest is None else now + newest * SECOND
        if number == at:
            blob = msgspec.msgpack.encode(other.clock.snapshot())
            state = msgspec.msgpack.decode(blob, type=StreamClockState)
            other.clock = StreamClock.restore((Role.PREDICTIONS,), deepcopy(state))
        for one in (heard, other):
            one.report(now, time, partition=partition, unread=unread)
        assert heard.clock.watermark == other.clock.watermark
    ours, theirs = heard.clock.snapshot(), other.clock.snapshot()
    assert msgspec.msgpack.encode(ours) == msgspec.msgpack.encode(theirs)
