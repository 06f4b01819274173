"""One change of the world is one alert: it fires, grows, and ends when the world is back."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerts.lifecycle import Reason
from driftline.alerts.ring import BLOCK
from driftline.alerts.track import SignalTrack
from driftline.config.watches import Watch
from driftline.errors import StateError
from driftline.model import SECOND, Direction, SignalKind
from support.alert_scenes import (
    INSTANCE,
    START,
    Told,
    adwin_alarms,
    alarm,
    coin,
    outline,
    ramp,
    run,
    run_series,
    steps,
    times,
    track,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.alerts.alert import AlertChange

SEEDS = range(6)


@pytest.mark.parametrize("direction", [Direction.UP, Direction.BOTH])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_is_one_alert_that_stays(seed: int, direction: Direction) -> None:
    """A level that changed for good fires, with the truth as evidence, and does not end.

    It is told once more at most: where the level was first told of few values, and wrong.
    """
    values = coin(steps((10_000, 0.1), (30_000, 0.2)), seed)
    told = run(track(direction), values, adwin_alarms(values))
    assert outline(told) in (["firing up"], ["firing up", "firing up"])
    assert told[-1].change.evidence.after.mean == pytest.approx(0.2, abs=0.04)
    evidence = told[0].change.evidence
    assert evidence.before.mean == pytest.approx(0.1, abs=0.01)
    assert evidence.after.mean == pytest.approx(0.2, abs=0.08)
    assert evidence.direction is Direction.UP
    assert abs((evidence.change_at - START) // SECOND - 10_000) < 400
    assert told[0].row - 10_000 < 1_000


@pytest.mark.parametrize("direction", [Direction.UP, Direction.BOTH])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_back_ends_it_as_recovered(seed: int, direction: Direction) -> None:
    """Back at the reference the same alert ends, and the detectors' own alarm of it opens none."""
    values = coin(steps((10_000, 0.1), (5_000, 0.2), (20_000, 0.1)), seed)
    told = run(track(direction), values, adwin_alarms(values))
    first, last = told[0].change, told[-1].change
    assert outline(told)[0] == "firing up"
    assert outline(told)[1:] in (["resolved up"], ["firing up", "resolved up"])
    assert {one.change.alert_id for one in told} == {first.alert_id}
    assert last.reason is Reason.RECOVERED
    assert 15_000 < told[-1].row < 16_600
    assert last.evidence.before == first.evidence.before
    assert last.evidence.now is not None
    assert last.evidence.now.mean == pytest.approx(0.1, abs=0.05)
    assert abs((last.evidence.now.first_at - START) // SECOND - 15_000) < 500


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ramp_is_one_alert_that_grows(seed: int) -> None:
    """Each further step is a revision against the same reference, not a new alert."""
    values = coin(np.r_[np.full(10_000, 0.1), ramp(10_000, 0.1, 0.3), np.full(20_000, 0.3)], seed)
    told = run(track(), values, adwin_alarms(values))
    assert set(outline(told)) == {"firing up"}
    assert len({one.change.alert_id for one in told}) == 1
    assert [one.change.revision for one in told] == list(range(1, len(told) + 1))
    assert 1 <= len(told) <= 5
    assert len({one.change.evidence.before for one in told}) == 1
    levels = [one.change.evidence.after.mean for one in told]
    # The first is of few values, and may be corrected.
    assert levels[1:] == sorted(levels[1:])
    assert levels[-1] > 0.19


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ramp_and_back_is_one_alert_that_ends(seed: int) -> None:
    """The way back of a ramp ends the alert and opens none."""
    there, back = ramp(10_000, 0.1, 0.3), ramp(10_000, 0.3, 0.1)
    values = coin(np.r_[np.full(10_000, 0.1), there, back, np.full(10_000, 0.1)], seed)
    told = run(track(), values, adwin_alarms(values))
    assert len({one.change.alert_id for one in told}) == 1
    assert [line for line in outline(told) if line != "firing up"] == ["resolved up"]
    assert told[-1].row > 25_000


@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_the_way_back_is_not_recovered(seed: int) -> None:
    """A level that stays between reference and alarm keeps the alert."""
    values = coin(steps((10_000, 0.1), (5_000, 0.3), (20_000, 0.2)), seed)
    told = run(track(), values, adwin_alarms(values))
    assert set(outline(told)) == {"firing up"}
    assert len({one.change.alert_id for one in told}) == 1


@pytest.mark.parametrize("direction", [Direction.UP, Direction.BOTH])
@pytest.mark.parametrize("seed", range(12))
def test_a_blip_is_one_alert_that_ends(seed: int, direction: Direction) -> None:
    """The detector's late alarm of the way back opens no second alert."""
    values = coin(steps((10_000, 0.1), (400, 0.4), (20_000, 0.1)), seed)
    told = run(track(direction), values, adwin_alarms(values))
    assert len({one.change.alert_id for one in told}) == 1
    assert [line for line in outline(told) if line != "firing up"] == ["resolved up"]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_told_of_the_first_values_is_corrected_without_another_alarm(seed: int) -> None:
    """An alarm at the first value of another unit: what is told of it is mostly of the old one."""
    rng = np.random.default_rng(seed)
    values = np.r_[rng.normal(24, 7, 3_000), rng.normal(713, 200, 4_000)]
    first, second = run(track(kind=SignalKind.UNBOUNDED), values, [3_000])
    assert first.change.evidence.after.mean < 400
    assert second.change.evidence.after.mean == pytest.approx(713, rel=0.1)
    assert second.change.evidence.before == first.change.evidence.before
    assert (second.change.revision, second.change.status) == (2, "firing")
    assert second.row <= 3_000 + 128 + BLOCK


@pytest.mark.parametrize("seed", SEEDS)
def test_what_outliers_told_is_corrected(seed: int) -> None:
    """Amounts of money: the last revision is near the truth, whatever the first few values were."""
    rng = np.random.default_rng(seed)
    values = np.r_[rng.lognormal(3.4, 1, 3_000), 1.7 * rng.lognormal(3.4, 1, 2_700)]
    told = run(track(kind=SignalKind.UNBOUNDED), values, [3_050])
    assert told[-1].change.evidence.after.mean == pytest.approx(1.7 * np.exp(3.9), rel=0.25)
    assert len(told) <= 3


def test_what_was_told_rightly_is_not_told_again() -> None:
    """Of a hundred steps by two deviations, told after 200 values, none is."""
    again = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = np.r_[rng.normal(0, 1, 2_000), rng.normal(2, 1, 40_000)]
        again += len(run(track(kind=SignalKind.UNBOUNDED), values, [2_200])) - 1
    assert again == 0


def test_an_alarm_right_after_recovery_opens_nothing() -> None:
    """Whenever within 2,000 rows after a recovery a detector alarms without a new shift."""
    values = coin(steps((10_000, 0.1), (400, 0.4), (4_000, 0.1)), 4)
    recovered = run(track(Direction.BOTH), values, [10_060])[-1].row
    for late in (1, 40, 300, 1_200, 1_990):
        told = run(track(Direction.BOTH), values, [10_060, recovered + late])
        assert outline(told) == ["firing up", "resolved up"], late


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_shift_after_recovery_is_a_new_alert(seed: int) -> None:
    """What the ended alert does not explain is news."""
    parts = ((10_000, 0.1), (800, 0.4), (1_500, 0.1), (1_000, 0.4))
    values = coin(steps(*parts), seed)
    told = run(track(), values, adwin_alarms(values))
    ids = [one.change.alert_id for one in told if one.change.revision == 1]
    assert len(ids) == len(set(ids)) == 2
    assert outline(told)[-1] == "firing up"


@pytest.mark.parametrize("seed", range(3))
def test_a_stationary_signal_is_left_alone(seed: int) -> None:
    """Without alarms there are no alerts."""
    values = coin(np.full(60_000, 0.1), seed)
    assert run(track(), values, adwin_alarms(values)) == []


def test_what_stays_bad_is_not_taken_for_recovered() -> None:
    """In ten runs of 60,000 bad rows none recovers."""
    for seed in range(10):
        values = coin(steps((5_000, 0.1), (60_000, 0.2)), seed)
        told = run(track(), values, adwin_alarms(values[:8_000])[:1])
        assert outline(told) in (["firing up"], ["firing up", "firing up"]), seed


def test_a_false_alarm_ends_by_itself() -> None:
    """An alert of nothing recovers, as its over-estimated level was not there."""
    for seed in range(10):
        values = coin(np.full(40_000, 0.1), seed)
        # Where a hundred rows look worst, as a detector that errs would; and anywhere.
        worst = 5_000 + int(np.convolve(values[5_000:10_000], np.ones(100), "valid").argmax()) + 99
        for row in (worst, 9_999):
            told = run(track(Direction.BOTH), values, [row])
            assert [one.change.status for one in told] == ["firing", "resolved"], (seed, row)


def test_an_improvement_is_no_alert() -> None:
    """A fall of what should not rise tells nobody, and becomes the level to compare with."""
    values = coin(steps((10_000, 0.3), (10_000, 0.1), (5_000, 0.2)), 1)
    told = run(track(), values, adwin_alarms(values))
    assert outline(told) == ["firing up"]
    assert told[0].change.evidence.before.mean == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_swing_past_the_reference_is_the_end_of_one_and_another(seed: int) -> None:
    """From above the reference to below it: the first recovers, the other fires."""
    values = coin(steps((10_000, 0.3), (4_000, 0.5), (6_000, 0.1)), seed)
    told = run(track(Direction.BOTH), values, adwin_alarms(values))
    assert [line for line, _ in itertools.groupby(outline(told))] == [
        "firing up",
        "resolved up",
        "firing down",
    ]
    other = next(one.change for one in told if one.change.direction is Direction.DOWN)
    assert other.evidence.before.mean == pytest.approx(0.3, abs=0.02)
    assert other.revision == 1


def test_a_swing_past_the_reference_at_one_record_gives_both_changes() -> None:
    """One alarm may end an alert and open the other, in this order."""
    subject = track(Direction.BOTH, SignalKind.UNBOUNDED)
    values = np.random.default_rng(5).normal(0, 1, 2_030)
    values[1_000:1_500] += 4
    values[1_500:] -= 40
    # Within the block of the swing no recovery can have been decided yet.
    moments = times(2_030)
    subject.extend({"": values[:1_100]}, moments[:1_100])
    assert len(subject.on_alarm(alarm(1_099))) == 1
    assert subject.extend({"": values[1_100:1_500]}, moments[1_100:1_500]) == []
    told = [
        *subject.extend({"": values[1_500:1_503]}, moments[1_500:1_503]),
        *subject.extend({"": values[1_503:1_519]}, moments[1_503:1_519]),
    ]
    told += subject.on_alarm(alarm(1_518))
    assert [(one.status, one.evidence.direction) for one in told] == [
        ("resolved", "up"),
        ("firing", "down"),
    ]


def test_detectors_that_agree_are_witnesses_of_one_alert() -> None:
    """A second detector at the same record is one more revision, its repetitions are counted."""
    values = coin(steps((5_000, 0.1), (2_000, 0.3)), 3)
    alarms = [(5_200, "adwin"), (5_200, "hddm"), (5_240, "adwin"), (5_300, "hddm"), (5_400, "ddm")]
    told = run(track(), values, alarms)
    assert [one.row for one in told] == [5_200, 5_200, 5_400]
    assert [one.change.revision for one in told] == [1, 2, 3]
    assert [one.change.alarms for one in told] == [1, 2, 5]
    last = told[-1].change
    assert [(one.profile, one.alarms) for one in last.witnesses] == [
        ("adwin", 2),
        ("hddm", 2),
        ("ddm", 1),
    ]
    assert last.opened.trigger.offset == 5_200


def test_a_noisy_detector_does_not_tell_a_thousand_times() -> None:
    """Alarms every hundred rows without a further shift are counted, not told."""
    values = coin(steps((5_000, 0.1), (60_000, 0.3)), 8)
    told = run(track(), values, list(range(5_200, 65_000, 100)))
    assert outline(told) == ["firing up"]


def test_noise_before_any_shift_is_bounded_too() -> None:
    """A detector that alarms every hundred rows of nothing opens few alerts, and each ends."""
    values = np.random.default_rng(9).normal(size=60_000)
    told = run(track(Direction.BOTH, SignalKind.UNBOUNDED), values, list(range(500, 60_000, 100)))
    assert len(told) < 100
    assert len({one.change.alert_id for one in told}) < 40


def test_the_moment_and_level_grow_better_with_more_rows() -> None:
    """A later revision has the same reference and more values since."""
    values = coin(steps((10_000, 0.1), (5_000, 0.2)), 2)
    first, second = run(track(), values, [(10_200, "adwin"), (12_000, "ddm")])
    assert second.change.evidence.before == first.change.evidence.before
    assert second.change.evidence.after.count > first.change.evidence.after.count + 1_500
    assert second.change.evidence.after.mean == pytest.approx(0.2, abs=0.03)


def test_each_level_that_is_told_has_the_moment_at_which_it_began() -> None:
    """A further shift leaves the first moment as it was; all values since its own are told of."""
    values = coin(steps((10_000, 0.1), (5_000, 0.3), (5_000, 0.6), (5_000, 0.4)), 3)
    first, further, back = run(track(), values, [(10_200, "a"), (15_200, "b"), (20_200, "c")])
    one, two, three = (told.change.evidence for told in (first, further, back))
    assert (one.after_at, one.now_at) == (None, None)
    assert two.change_at == three.change_at == one.change_at
    assert two.after_at == three.after_at == two.after.first_at
    assert two.after.count == 15_201 - (two.after_at - START) // SECOND
    assert abs((two.after_at - START) // SECOND - 15_000) < 100
    assert three.now is not None
    assert three.now_at == three.now.first_at
    assert abs((three.now_at - START) // SECOND - 20_000) < 100


@pytest.mark.parametrize("rows", [1, 2, 5, 31, 32, 33, 64, 80, 96])
@pytest.mark.parametrize("direction", [Direction.UP, Direction.BOTH])
def test_an_alarm_after_few_rows_does_no_harm(rows: int, direction: Direction) -> None:
    """Alarms at the very beginning, repeated, on any number of rows."""
    values = np.r_[np.zeros(rows - 1), 1.0, coin(np.full(3_000, 0.5), 1)]
    alarms = [(rows - 1, "a"), (rows - 1, "a"), (rows - 1, "b"), (rows, "a"), (rows + 70, "c")]
    told = run(track(direction), values, alarms)
    if rows > 1:
        assert told[0].change.evidence.direction is Direction.UP


def test_an_alarm_without_any_value_is_nothing() -> None:
    """There is nothing to show."""
    assert track().on_alarm(alarm(0)) == []


def test_a_constant_signal_has_no_alert() -> None:
    """Where nothing moved, an alarm has nothing to tell."""
    assert run(track(Direction.BOTH), np.full(1_000, 0.7), [999]) == []


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_levels_without_spread_recover(level: float) -> None:
    """From all one value to all another and back: one alert that ends."""
    values = steps((1_984, level), (516, 0.5), (500, level))
    told = run(track(Direction.BOTH, SignalKind.UNIT), values, [2_020])
    assert [one.change.status for one in told] == ["firing", "resolved"]
    assert told[0].change.evidence.effect_size is None
    assert told[1].row < 2_600


@pytest.mark.parametrize("scale", [5e-324, 1e-200, 1e-30, 1e30, 1e99, 1e307])
def test_no_finite_number_is_too_large_or_too_small(scale: float) -> None:
    """Whatever the unit, an alert opens and ends, or there is nothing to see."""
    values = (1 + coin(steps((3_000, 0.1), (1_000, 0.5), (3_000, 0.1)), 1)) * scale
    subject = track(Direction.BOTH, SignalKind.UNBOUNDED)
    told = run(subject, values, [3_100, 3_300, 5_000])
    again = track(Direction.BOTH, SignalKind.UNBOUNDED)
    again.restore(subject.snapshot())
    assert outline(told)[:1] in ([], ["firing up"])
    assert not subject.firing


def test_a_burst_at_the_end_of_warm_up_is_one_alert() -> None:
    """A standardised signal's detector is fed its first 1,000 values at once."""
    values = np.random.default_rng(0).normal(100, 3, 1_400)
    values[600:] += 12
    told = run(
        track(Direction.BOTH, SignalKind.UNBOUNDED), values, [(999, "p"), (999, "p"), (999, "p")]
    )
    assert outline(told) == ["firing up"]
    assert abs((told[0].change.evidence.change_at - START) // SECOND - 600) <= 32


SCENES = (
    steps((3_000, 0.1), (500, 0.4), (3_000, 0.1), (2_000, 0.3)),
    np.r_[np.full(3_000, 0.3), ramp(3_000, 0.3, 0.6), ramp(3_000, 0.6, 0.0)],
)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 50),
    scene=st.sampled_from(range(len(SCENES))),
    cuts=st.lists(st.integers(1, 9_000), max_size=25),
    stop=st.integers(1, 8_400),
)
def test_neither_cuts_nor_restarts_change_anything(
    seed: int, scene: int, cuts: list[int], stop: int
) -> None:
    """However rows are cut into calls, and wherever the state is stored and read back."""
    values = coin(SCENES[scene], seed)
    alarms = adwin_alarms(values)
    whole = track(Direction.BOTH)
    expected = run(whole, values, alarms)
    broken = track(Direction.BOTH)
    told = run(broken, values[:stop], [row for row in alarms if row < stop], cuts)
    again = track(Direction.BOTH)
    again.restore(broken.snapshot())
    later = [row + 1 for row in alarms if row >= stop]
    moments = times(len(values))
    marks = sorted({stop, *later, *(cut for cut in cuts if stop < cut < len(values)), len(values)})
    for begin, end in itertools.pairwise(marks):
        for change in again.extend({"": values[begin:end]}, moments[begin:end]):
            told.append(Told(begin + (change.row or 0), change))
        if end in later:
            told += [Told(end - 1, change) for change in again.on_alarm(alarm(end - 1))]
    assert _without_rows(told) == _without_rows(expected)
    assert again.snapshot() == whole.snapshot()


def _without_rows(told: list[Told]) -> list[tuple[int, AlertChange]]:
    """A change's own row depends on where a call began; the row in the whole does not."""
    return [(one.row, replace(one.change, row=None)) for one in told]


def test_what_moved_with_it_is_measured_across_the_moment() -> None:
    """The difference is that of the rows near the moment, in standard deviations."""
    rng = np.random.default_rng(0)
    values = np.r_[rng.normal(50, 2, 20_000), rng.normal(53, 2, 400)]
    subject = track(Direction.BOTH, SignalKind.UNBOUNDED, "feature.age")
    subject.extend({"": values}, times(len(values)))
    shift = subject.shift_at(START + 20_000 * SECOND)
    assert shift is not None
    assert shift.effect_size == pytest.approx(1.5, abs=0.15)
    assert shift.p_value < 1e-9
    assert 1_000 <= shift.before.count < 3_000
    assert shift.after.count == 400
    still = subject.shift_at(START + 19_000 * SECOND)
    assert still is not None
    assert subject.shift_at(START + 20_390 * SECOND) is None
    assert subject.shift_at(START) is None


def test_what_moved_is_known_also_after_its_own_alert() -> None:
    """A feature that fired first still shows its shift when the error follows."""
    values = np.r_[np.zeros(5_000), np.ones(2_000)] + np.random.default_rng(0).normal(size=7_000)
    subject = track(Direction.BOTH, SignalKind.UNBOUNDED, "feature.age")
    assert outline(run(subject, values, [5_060])) == ["firing up"]
    shift = subject.shift_at(START + 5_000 * SECOND)
    assert shift is not None
    assert shift.effect_size == pytest.approx(1, abs=0.1)


def shares(seed: int) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    before = rng.choice(4, 6_000, p=[0.4, 0.3, 0.2, 0.1])
    after = rng.choice(4, 2_000, p=[0.4, 0.05, 0.2, 0.35])
    back = rng.choice(4, 6_000, p=[0.4, 0.3, 0.2, 0.1])
    codes = np.r_[before, after, back]
    return {name: (codes == code).astype(float) for code, name in enumerate("abcd")}


@pytest.mark.parametrize("seed", range(4))
def test_a_categorical_feature_is_one_alert_of_its_strongest_indicator(seed: int) -> None:
    """Whatever indicator alarms, the evidence is of the one that moved most, and so is the end."""
    subject = track(Direction.BOTH, SignalKind.CATEGORICAL, "feature.salary")
    told = run_series(subject, shares(seed), [(6_090, "adwin"), (6_140, "adwin")])
    statuses = [one.change.status for one in told]
    assert [status for status, _ in itertools.groupby(statuses)] == ["firing", "resolved"]
    first, last = told[0].change, told[-1].change
    assert first.indicator in ("b", "d")
    assert first.direction is Direction.BOTH
    assert last.indicator == first.indicator
    assert last.evidence.now is not None
    expected = {"b": (0.3, 0.05), "d": (0.1, 0.35)}[first.indicator]
    assert first.evidence.before.mean == pytest.approx(expected[0], abs=0.03)
    assert last.evidence.after.mean == pytest.approx(expected[1], abs=0.03)
    assert last.evidence.now.mean == pytest.approx(expected[0], abs=0.1)


def test_series_that_change_their_names_are_refused() -> None:
    """A value counted under another name would be no evidence."""
    subject = track(kind=SignalKind.CATEGORICAL)
    subject.extend({"a": np.zeros(3), "b": np.ones(3)}, times(3))
    subject.extend({"b": np.ones(3), "a": np.zeros(3)}, times(3))
    with pytest.raises(ValueError, match="do not continue"):
        subject.extend({"a": np.zeros(3), "c": np.zeros(3)}, times(3))


def test_the_id_says_what_and_which_record() -> None:
    """The same in every run; another for another record, signal, topic life, or direction."""
    values = coin(steps((5_000, 0.1), (500, 0.3)), 1)

    def opened(row: int = 5_300, signal: str = "error", incarnation: str = "") -> str:
        subject = track(signal=signal)
        subject.extend({"": values}, times(len(values)))
        (change,) = subject.on_alarm(alarm(row, signal=signal), incarnation=incarnation)
        return change.alert_id

    ids = {opened(), opened(5_301), opened(signal="loss"), opened(incarnation="kQ2x")}
    assert len(ids) == 4
    assert opened() in ids
    assert all(len(one) == 20 and int(one, 16) >= 0 for one in ids)


@pytest.mark.parametrize("reason", [Reason.WITHDRAWN, Reason.ACCEPTED, Reason.EXPIRED])
def test_an_alert_can_be_ended_from_outside(reason: Reason) -> None:
    """Once, and the next alert compares with the level of now."""
    values = coin(steps((5_000, 0.1), (3_000, 0.3), (3_000, 0.6)), 1)
    subject = track()
    run(subject, values[:8_000], [5_300])
    assert subject.firing
    (change,) = subject.end(reason, START)
    assert (change.status, change.reason, change.revision) == ("resolved", reason, 2)
    assert not subject.firing
    assert subject.end(reason, START) == []
    subject.extend({"": values[8_000:]}, times(11_000)[8_000:])
    (again,) = subject.on_alarm(alarm(10_999))
    assert again.alert_id != change.alert_id
    assert again.evidence.before.mean == pytest.approx(0.3, abs=0.03)


def test_stored_state_of_another_signal_is_refused() -> None:
    """And so is what is no state at all, or of another version."""
    subject = track()
    run(subject, coin(steps((3_000, 0.1), (500, 0.4)), 0), [3_200])
    blob = subject.snapshot()
    other = SignalTrack(INSTANCE, Watch("loss", SignalKind.UNBOUNDED, ()))
    for bad in (
        blob[:-1],
        b"",
        b"\x80",
        b"\xff" * 40,
        blob.replace(b"version\x02", b"version\x03"),
    ):
        with pytest.raises(StateError):
            track().restore(bad)
    with pytest.raises(StateError, match="is that of"):
        other.restore(blob)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_damaged_state_is_refused_or_harmless(at: int, byte: int) -> None:
    """No flipped byte makes anything but a StateError, then or later."""
    values = coin(steps((300, 0.1), (200, 0.6)), 0)
    subject = track()
    run(subject, values, [400])
    blob = bytearray(subject.snapshot())
    blob[at % len(blob)] = byte
    restored = track()
    try:
        restored.restore(bytes(blob))
    except StateError:
        return
    with np.errstate(all="ignore"):
        run(restored, values, [(400, "x")])
