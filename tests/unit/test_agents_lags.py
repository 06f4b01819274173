"""Lag is measured by when the log grew, refusals by the latest records."""

from __future__ import annotations

import numpy as np

from driftline.agents.lags import LagClock, Lasting
from driftline.agents.refusals import LASTS, Refusals
from driftline.eventlog.messages import Passage
from driftline.model import Role

NONE = np.empty(0, np.int64)


def test_a_reader_is_as_far_behind_as_the_log_ended_there_ago() -> None:
    """Whatever the records' own times are."""
    clock = LagClock()
    assert clock.look(0, done=0, end=0) == 0
    assert clock.look(10, done=0, end=100) == 0
    assert clock.look(20, done=0, end=200) == 10
    assert clock.look(30, done=100, end=300) == 10
    assert clock.look(40, done=150, end=300) == 20
    assert clock.look(50, done=300, end=300) == 0


def test_a_log_that_grows_for_long_takes_little_memory_and_hides_no_lag() -> None:
    """What is said is right within a hundredth."""
    clock = LagClock()
    for second in range(10_000):
        clock.look(second, done=0, end=second + 1)
    assert clock.look(10_000, done=0, end=10_000) == 10_000
    assert 4_850 <= clock.look(10_000, done=5_000, end=10_000) <= 5_000
    assert len(clock._ends) <= 256


def test_what_lasts_long_enough_lasts() -> None:
    """An interruption begins it anew."""
    lasting = Lasting(60)
    said = [lasting.look(at, so=at != 50) for at in range(0, 130, 10)]
    assert said == [False] * 12 + [True]


def test_a_share_of_refused_records_is_bad_until_it_is_half_of_that() -> None:
    """Records of other streams do not count; without records nothing is known after a while."""
    refusals = Refusals()

    def count(refused: int, at: int) -> float | None:
        rejected, filtered = np.arange(refused), np.arange(100, 200)
        passage = Passage("churn", Role.PREDICTIONS, None, rejected, filtered)
        refusals.count("topic/0", 200, passage, at)
        ((stream, source, share),) = refusals.bad(0.05, at)
        assert (stream, source) == ("churn", "topic/0")
        return share

    assert count(40, 0) is None
    assert count(20, 1) == 0.06
    assert count(0, 2) == 0.06
    for at in range(3, 11):
        count(0, at)
    assert count(0, 11) is None
    assert count(60, 12) == 0.06
    ((*_, share),) = refusals.bad(0.05, 12 + LASTS + 1)
    assert share is None
