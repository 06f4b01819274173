"""The life of an alert: held, taken on, accepted, superseded, expired; all by the log's time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerts.alert import Acknowledgement
from driftline.alerts.lifecycle import TRANSITIONS, AlertState, Reason
from driftline.model import SECOND, Direction, SignalKind
from support.alert_scenes import START, adwin_alarms, alarm, coin, outline, run, steps, times, track

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.alerts.alert import AlertChange
    from driftline.alerts.track import SignalTrack
    from support.alert_scenes import Told

ANN: Final = Acknowledgement("ann", START, "I look into it")
LONG: Final = timedelta(days=90)


def moment(row: int) -> int:
    """The event time of a row."""
    return START + row * SECOND


# -- hold --


@pytest.mark.parametrize("seed", range(4))
def test_drift_that_lasts_is_told_once_it_has_lasted(seed: int) -> None:
    """Pending from the first alarm, and told at the very moment, with what is known by then."""
    values = coin(steps((5_000, 0.1), (5_000, 0.3)), seed)
    subject = track(hold=1_000)
    assert run(subject, values[:5_101], [5_100]) == []
    assert subject.alert is not None
    assert (subject.alert.state, subject.firing) == (AlertState.PENDING, False)
    moments = times(len(values))
    changes = subject.extend({"": values[5_101:]}, moments[5_101:])
    assert [(one.status, one.revision, one.at) for one in changes] == [("firing", 1, moment(6_100))]
    assert changes[0].opened.trigger.offset == 5_100
    assert changes[0].evidence.after.count > 950
    assert changes[0].evidence.before.mean == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_drift_that_does_not_last_is_not_told(seed: int) -> None:
    """Back at the reference before: nothing at all, neither of the way there nor of the end."""
    values = coin(steps((5_000, 0.1), (400, 0.5), (10_000, 0.1)), seed)
    subject = track(Direction.BOTH, hold=5_000)
    assert run(subject, values, adwin_alarms(values)) == []
    assert subject.alert is None


def test_time_alone_makes_a_held_alert_fire() -> None:
    """Nothing comes any more, and the watermark goes on: also once it is told of only later."""
    values = coin(steps((5_000, 0.1), (200, 0.4)), 1)
    subject = track(hold=1_000)
    run(subject, values, [5_150])
    assert subject.deadline == moment(6_150)
    assert subject.on_time(moment(6_149)) == []
    (change,) = subject.on_time(moment(99_999))
    assert (change.status, change.at) == ("firing", moment(6_150))
    assert subject.on_time(moment(99_999)) == []


def test_all_alarms_while_it_is_pending_are_witnesses() -> None:
    """Two detectors, repeated, a ramp: one alert, told once, with all of them."""
    values = coin(np.r_[np.full(5_000, 0.1), np.linspace(0.1, 0.6, 2_000), np.full(500, 0.6)], 2)
    alarms = [(5_500, "adwin"), (5_500, "hddm"), (5_800, "adwin"), (6_400, "ddm")]
    told = run(track(hold=1_500), values, alarms)
    assert outline(told) == ["firing up"]
    change = told[0].change
    assert change.alarms == 4
    assert {one.profile for one in change.witnesses} == {"adwin", "hddm", "ddm"}
    assert change.evidence.after.mean > 0.3


def test_a_swing_to_the_other_side_is_another_alert_that_is_held_anew() -> None:
    """Of the first nothing was told, so nothing is told of its end."""
    values = coin(steps((5_000, 0.4), (600, 0.8), (4_000, 0.05)), 3)
    told = run(track(Direction.BOTH, hold=2_000), values, adwin_alarms(values))
    assert outline(told) == ["firing down"]
    assert told[0].row > 7_600


def test_labels_decide_by_the_time_they_were_known() -> None:
    """Predictions of one day whose labels come over a week last a week."""
    values = coin(steps((5_000, 0.1), (1_000, 0.4)), 1)
    known = times(6_000)
    subject = track(hold=500)
    made = START - 10**6 * SECOND + np.arange(6_000)
    subject.extend({"": values[:5_101]}, made[:5_101], known[:5_101])
    assert subject.on_alarm(alarm(5_100)) == []
    (change,) = subject.extend({"": values[5_101:]}, made[5_101:], known[5_101:])
    assert change.at == moment(5_600)
    assert change.newest == moment(5_999) - 399 * SECOND - SECOND


# -- expiry --


def test_an_alert_that_fires_for_too_long_expires() -> None:
    """At that moment, by values as by time alone; what comes next is another alert."""
    values = coin(steps((5_000, 0.1), (20_000, 0.4)), 1)
    subject = track(expire_after=timedelta(seconds=10_000))
    told = run(subject, values, [5_100, 12_000])
    # What was told of the first hundred values is corrected after 512.
    assert [(one.change.status, one.change.reason) for one in told] == [
        ("firing", None),
        ("firing", None),
        ("resolved", Reason.EXPIRED),
    ]
    assert told[-1].change.at == moment(15_100)
    idle = track(expire_after=timedelta(seconds=10_000))
    run(idle, values[:5_200], [5_100])
    (change,) = idle.on_time(moment(10**6))
    assert (change.reason, change.at) == (Reason.EXPIRED, moment(15_100))


def test_a_long_silence_lets_a_held_alert_fire_and_expire() -> None:
    """Both are told, in their order, when the time of both has come at once."""
    subject = track(hold=100, expire_after=timedelta(seconds=300))
    run(subject, coin(steps((5_000, 0.1), (200, 0.4)), 1), [5_150])
    changes = subject.on_time(moment(10**6))
    assert [(one.status, one.at, one.revision) for one in changes] == [
        ("firing", moment(5_250), 1),
        ("resolved", moment(5_550), 2),
    ]


def test_what_lies_beyond_the_calendar_never_comes() -> None:
    """The year 9999 ends without an alert that expires in 10000."""
    subject = track(expire_after=timedelta(days=3_650))
    far = 253_402_300_799_000_000 - np.arange(5_200, 0, -1)
    subject.extend({"": coin(steps((5_000, 0.1), (200, 0.4)), 1)}, far)
    assert len(subject.on_alarm(alarm(5_150))) == 1
    assert subject.deadline is None
    assert subject.on_time(1 << 62) == []


# -- what people say --


def firing(hold: int = 0) -> tuple[SignalTrack, list[Told]]:
    """A track with an alert after a step that stays."""
    subject = track(Direction.BOTH, hold=hold)
    told = run(subject, coin(steps((5_000, 0.1), (2_000, 0.4)), 1), [5_100])
    return subject, told


def test_an_alert_that_is_taken_on_says_so() -> None:
    """In a revision of its own and in all that follow; nothing else of it changes."""
    subject, told = firing()
    (change,) = subject.acknowledge(ANN, moment(7_000))
    assert (change.revision, change.acknowledged) == (3, ANN)
    assert replace(change, at=0, newest=0, history=(), acknowledged=None) == replace(
        told[-1].change, revision=3, at=0, newest=0, history=(), row=None
    )
    (ended,) = subject.end(Reason.WITHDRAWN, moment(7_000))
    assert ended.acknowledged == ANN


def test_what_is_pending_can_be_taken_on_quietly() -> None:
    """It is told with the first revision."""
    subject, told = firing(hold=10_000)
    assert told == []
    assert subject.acknowledge(ANN, moment(7_000)) == []
    (change,) = subject.on_time(moment(50_000))
    assert (change.revision, change.acknowledged) == (1, ANN)


def test_without_an_alert_there_is_nothing_to_say() -> None:
    """Whatever is said of an alert that has ended changes nothing, to the byte."""
    subject, _ = firing()
    subject.end(Reason.WITHDRAWN, START)
    before = subject.snapshot()
    assert subject.acknowledge(ANN, START) == []
    assert subject.accept(START) == []
    assert subject.supersede(500, START) == []
    assert subject.retell(START) == []
    assert subject.snapshot() == before


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_is_the_new_normal(seed: int) -> None:
    """The alert ends; the level stays and opens none; the way back to the old one is news."""
    values = coin(steps((5_000, 0.1), (6_000, 0.4), (4_000, 0.1)), seed)
    subject = track(Direction.BOTH)
    run(subject, values[:6_000], [5_100])
    (change,) = subject.accept(moment(6_000))
    assert (change.status, change.reason) == ("resolved", Reason.ACCEPTED)
    moments = times(len(values))
    told: list[AlertChange] = []
    for begin, end in ((6_000, 6_300), (6_300, 7_500), (7_500, 12_000)):
        told += subject.extend({"": values[begin:end]}, moments[begin:end])
        told += subject.on_alarm(alarm(end - 1))
    (again,) = told
    assert again.evidence.direction is Direction.DOWN
    assert again.evidence.before.mean == pytest.approx(0.4, abs=0.05)


def test_acceptance_in_the_midst_of_a_ramp_takes_the_level_of_now() -> None:
    """Not that of the first alarm, which nobody sees any more."""
    values = coin(steps((5_000, 0.1), (2_000, 0.3), (2_000, 0.6)), 4)
    subject = track()
    run(subject, values, [5_200, 7_200])
    (change,) = subject.accept(moment(9_000))
    assert change.evidence.after.mean == pytest.approx(0.6, abs=0.05)
    assert subject._ended is not None
    assert subject._ended.reference.mean == pytest.approx(0.6, abs=0.05)


def test_another_model_begins_with_its_own_level() -> None:
    """What came since it took over is the reference of what comes later."""
    values = coin(steps((5_000, 0.1), (2_000, 0.4), (800, 0.2), (3_000, 0.5)), 5)
    subject = track()
    run(subject, values[:7_800], [5_100])
    (change,) = subject.supersede(800, moment(7_800))
    assert (change.status, change.reason) == ("resolved", Reason.SUPERSEDED)
    subject.extend({"": values[7_800:8_400]}, times(8_400)[7_800:])
    (again,) = subject.on_alarm(alarm(8_399))
    assert again.evidence.before.mean == pytest.approx(0.2, abs=0.05)


# -- what is shown --


def test_the_course_shows_the_change_in_few_points() -> None:
    """Oldest first, each value in one point, none across the moment of change."""
    values = np.r_[np.full(9_000, 10.0), np.full(4_000, 30.0)]
    values += np.random.default_rng(0).normal(size=13_000)
    told = run(track(Direction.BOTH, SignalKind.UNBOUNDED), values, [(12_999, "x")])
    history = told[0].change.history
    assert 30 < len(history) <= 48
    assert [one.at for one in history] == sorted(one.at for one in history)
    early = [one for one in history if one.at < told[0].change.evidence.change_at]
    assert all(abs(one.mean - 10) < 1 for one in early)
    assert all(abs(one.mean - 30) < 1 for one in history[len(early) + 1 :])
    assert sum(one.count for one in history[len(early) :]) == pytest.approx(4_000, abs=64)
    assert sum(one.count for one in early) >= 4_000


@pytest.mark.parametrize("rows", [1, 2, 31, 33, 100])
def test_the_course_of_few_values_is_all_of_them(rows: int) -> None:
    """However few there are."""
    values = np.r_[np.zeros(rows), 1.0]
    (told,) = run(track(Direction.BOTH), values, [rows])
    assert sum(one.count for one in told.change.history) == rows + 1


# -- what is stored, and in which pieces it comes --


STORED = Path(__file__).parents[1] / "data" / "tracks-version-1.msgpack"
"""Tracks as version 1 stored them, of the first rows of the world in the test that reads them."""


@pytest.mark.parametrize(("name", "stop"), [("quiet", 1_000), ("firing", 2_000), ("ended", 3_000)])
def test_a_track_that_a_former_version_stored_goes_on(name: str, stop: int) -> None:
    """As if nothing had happened: what is told later, and what is stored, is the same."""
    values = coin(steps((1_500, 0.1), (1_000, 0.4), (1_500, 0.1), (1_000, 0.5)), 3)
    alarms = (1_560, 1_700, 2_700, 4_100)
    whole, restored = track(Direction.BOTH), track(Direction.BOTH)
    expected = run(whole, values, alarms)
    blobs: Mapping[str, bytes] = msgspec.msgpack.decode(STORED.read_bytes())
    restored.restore(blobs[name])
    rest = [row for row in alarms if row >= stop]
    told = _live(restored, values, rest, begin=stop)
    assert told == [replace(one.change, row=None) for one in expected if one.row >= stop]
    assert restored.snapshot() == whole.snapshot()


@dataclass(frozen=True)
class Scene:
    """A world in which everything happens that time and people can do."""

    levels: NDArray[np.float64]
    hold: int
    expire: int
    taken_on: int
    """The row before which somebody takes the alert on."""


SCENES: Final = (
    Scene(steps((2_000, 0.1), (3_000, 0.4), (2_000, 0.1)), 0, 1_500, 2_500),
    Scene(steps((2_000, 0.1), (3_000, 0.4), (2_000, 0.1)), 700, 9_000, 2_300),
    Scene(steps((2_000, 0.1), (600, 0.5), (1_500, 0.1), (2_500, 0.4)), 900, 1_000, 4_600),
    Scene(steps((2_000, 0.5), (1_200, 0.8), (2_500, 0.1)), 400, 1_900, 3_900),
)


@settings(max_examples=30, deadline=None, print_blob=True)
@given(
    scene=st.sampled_from(SCENES),
    seed=st.integers(0, 30),
    cuts=st.sets(st.integers(1, 6_999), max_size=25),
    reports=st.sets(st.integers(1, 6_999), max_size=12),
    stops=st.sets(st.integers(1, 6_999), max_size=4),
)
def test_neither_cuts_nor_restarts_nor_reports_of_time_change_a_life(
    scene: Scene, seed: int, cuts: set[int], reports: set[int], stops: set[int]
) -> None:
    """Held, taken on, expired, recovered at the same places, whatever comes in which pieces."""
    values = coin(scene.levels, seed)
    alarms = adwin_alarms(values)

    def subject() -> SignalTrack:
        return track(Direction.BOTH, hold=scene.hold, expire_after=timedelta(seconds=scene.expire))

    whole, broken = subject(), subject()
    expected = _live(whole, values, alarms, taken_on=scene.taken_on)
    told = _live(
        broken,
        values,
        alarms,
        taken_on=scene.taken_on,
        cuts=cuts | reports | stops,
        reports=reports,
        stops=stops,
    )
    assert told == expected
    assert broken.snapshot() == whole.snapshot()


def _live(
    subject: SignalTrack,
    values: NDArray[np.float64],
    alarms: Sequence[int],
    *,
    begin: int = 0,
    taken_on: int | None = None,
    cuts: Collection[int] = (),
    reports: Collection[int] = (),
    stops: Collection[int] = (),
) -> list[AlertChange]:
    """Feed the values from `begin` on, and hand back what is told, rows apart.

    Before the rows of `reports` time is reported, and at `stops` the state is stored and read back.
    Every state that the alert goes through is one that the table leads to.
    """
    told: list[AlertChange] = []
    moments = times(len(values))
    marks = {row + 1 for row in alarms} | set(cuts) | {len(values)}
    if taken_on is not None:
        marks.add(taken_on)
    for end in sorted(mark for mark in marks if begin < mark <= len(values)):
        told += subject.extend({"": values[begin:end]}, moments[begin:end])
        if end - 1 in alarms:
            told += subject.on_alarm(alarm(end - 1))
        if end == taken_on:
            told += subject.acknowledge(ANN, moment(end))
        if end in reports:
            told += subject.on_time(int(moments[end - 1]))
        if end in stops:
            subject.restore(subject.snapshot())
        begin = end
    return [replace(one, row=None) for one in told]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scene", SCENES)
def test_a_life_is_the_same_where_values_are_learned_one_by_one(scene: Scene, seed: int) -> None:
    """Quietly where they can be, and while an alert lives all can that decide nothing."""
    values = coin(scene.levels, seed)
    alarms = set(adwin_alarms(values))

    def subject() -> SignalTrack:
        return track(Direction.BOTH, hold=scene.hold, expire_after=timedelta(seconds=scene.expire))

    whole, single = subject(), subject()
    expected = _live(whole, values, sorted(alarms))
    told: list[AlertChange] = []
    living = quiet = 0
    for row, value in enumerate(values.tolist()):
        at = moment(row)
        living += single.alert is not None
        if single.takes_quietly(at):
            quiet += single.alert is not None
            single.learn(value, at, at)
        else:
            told += single.extend({"": np.array([value])}, np.array([at]))
        if row in alarms:
            told += single.on_alarm(alarm(row))
    assert [replace(one, row=None) for one in told] == expected
    assert single.snapshot() == whole.snapshot()
    assert quiet > 0.9 * living > 500


STEPS: Final = ("rows", "alarm", "time", "acknowledge", "accept", "supersede", "withdraw")


@settings(max_examples=60, deadline=None, print_blob=True)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 600)), max_size=25),
    st.sampled_from([0, 300]),
)
def test_whatever_happens_an_alert_moves_as_the_table_says(
    happens: list[tuple[str, int]], hold: int
) -> None:
    """From each state to those that the table leads to; told of are firing and its end alone."""
    values = coin(steps(*((500, level) for level in (0.1, 0.5, 0.1, 0.7, 0.4) * 7)), 1)
    subject = track(Direction.BOTH, hold=hold, expire_after=timedelta(seconds=900))
    row, revisions = 600, dict[str, int]()
    subject.extend({"": values[:row]}, times(row))
    for what, size in happens:
        before, alive = _state(subject), subject.alert
        told: list[AlertChange] = []
        match what:
            case "rows":
                end = row + size
                told = subject.extend({"": values[row:end]}, times(end)[row:])
                row = end
            case "alarm":
                # Of a record of its own: what people and versions do comes between records.
                told = subject.extend({"": values[row : row + 1]}, times(row + 1)[row:])
                row += 1
                told += subject.on_alarm(alarm(row - 1))
            case "time":
                told = subject.on_time(moment(row + size))
            case "acknowledge":
                told = subject.acknowledge(ANN, moment(row))
            case "accept":
                told = subject.accept(moment(row))
            case "supersede":
                told = subject.supersede(size, moment(row))
            case _:
                told = subject.end(Reason.WITHDRAWN, moment(row))
        if subject.alert is alive and alive is not None:
            assert alive.state is before or alive.state in TRANSITIONS[before].values()
        for change in told:
            assert change.revision == revisions.get(change.alert_id, 0) + 1
            revisions[change.alert_id] = change.revision
        assert (_state(subject) is AlertState.FIRING) == subject.firing


def _state(subject: SignalTrack) -> AlertState:
    return AlertState.INACTIVE if subject.alert is None else subject.alert.state
