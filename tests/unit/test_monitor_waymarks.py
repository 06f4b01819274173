"""Where the records of a time are: never too late in a source, and not much too early."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.eventlog.messages import Rows
from driftline.model import SECOND, Role, SourcePartition
from driftline.monitor.waymarks import EVERY, MOST, Waymarks
from support.drift_data import read_drift
from support.monitor_log import PREDICTIONS, START, Log, World, build_deployment, build_stream, fill
from support.monitor_runs import build_monitor


def rows(times: list[int], first: int, *, partition: int = 0) -> Rows:
    """Rows of these times; every offset is twice the row's number."""
    count = len(times)
    return Rows(
        stream="s",
        role=Role.PREDICTIONS,
        source=SourcePartition("t", partition, "life"),
        first=2 * first,
        next=2 * (first + count),
        seen_at=None,
        instances=(None,),
        instance_codes=np.zeros(count, np.int32),
        offsets=2 * np.arange(first, first + count),
        ids=("",) * count,
        times=np.array(times, np.int64),
    )


def marked(times: list[int], size: int) -> Waymarks:
    """The marks of rows that came in batches of a size, each read twice."""
    marks = Waymarks()
    for first in range(0, len(times), size):
        for _ in range(2):
            marks.extend(rows(times[first : first + size], first))
    return marks


@given(seed=st.integers(0, 2**32), count=st.integers(1, 3_000))
@settings(max_examples=30, deadline=None)
def test_a_window_holds_every_row_of_its_time(seed: int, count: int) -> None:
    """However disordered rows are; and however they come, it is the same."""
    chance = random.Random(seed)
    times = [START + (n + chance.randint(-40, 40)) * SECOND for n in range(count)]
    at = START + chance.randint(-50, count + 50) * SECOND
    marks = marked(times, chance.randint(1, 500))
    assert marks.encode() == marked(times, chance.randint(1, 500)).encode()
    reaching = [n for n, time in enumerate(times) if time >= at]
    windows = marks.window_since(at)
    assert bool(windows) == bool(reaching)
    for window in windows:
        assert (window.topic, window.partition, window.incarnation) == ("t", 0, "life")
        assert window.first <= 2 * reaching[0]
        assert window.next == 2 * (count - 1) + 1


def test_recent_times_are_known_finely_and_old_ones_coarsely() -> None:
    """A million rows take 256 marks at most, and a window of late rows begins a mark too early."""
    times = [START + n * SECOND for n in range(1_000_000)]
    marks = marked(times, 50_000)
    assert len(marks.encode()) < 20 * MOST
    for back in (1, 100, 3_000):
        (window,) = marks.window_since(times[-back])
        assert 0 <= 1_000_000 - back - window.first // 2 <= EVERY
    (window,) = marks.window_since(times[500_000])
    assert window.first // 2 <= 500_000
    restored = Waymarks()
    restored.restore(marks.encode())
    assert restored.window_since(times[-100]) == marks.window_since(times[-100])


def test_partitions_that_the_time_did_not_reach_are_left_out() -> None:
    """Each partition has a window of its own."""
    marks = Waymarks()
    marks.extend(rows([START, START + 5], 0))
    marks.extend(rows([START + 10, START + 20], 0, partition=1))
    assert [one.partition for one in marks.window_since(START + 1)] == [0, 1]
    assert [one.partition for one in marks.window_since(START + 6)] == [1]
    assert marks.window_since(START + 21) == ()


def test_an_alert_that_asks_for_retraining_names_where_the_records_since_are() -> None:
    """The same whatever the batches, up to the record that set it off and no further."""
    stream = build_stream(watch={"feature.amount": {"detector": "adwin", "retrain": True}})
    windows = []
    for size in (7, 400):
        log = fill(Log([stream]), World(), size=size)
        events = build_monitor(build_deployment(stream)).apply_all(enumerate(log.messages)).events
        first = read_drift(events[0].value)
        assert first.retrain is not None
        assert first.retrain.since == first.evidence.change_at
        (window,) = [one for one in first.retrain.sources if one.topic == PREDICTIONS]
        assert window.next == first.trigger.offset + 1
        windows.append(window)
    assert windows[0] == windows[1]
    assert 600 - 2 * EVERY <= windows[0].first <= 600
