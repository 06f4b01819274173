"""One instance: which record sets an alarm off, what a correction changes, what time brings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from driftline.alerts.event import read_event
from driftline.errors import StateError
from driftline.model import SECOND, Alarm, InstanceKey, iso
from driftline.monitor.head import FORMAT, MAX_VERSIONS, Head
from driftline.monitor.summary import read_summary
from support.drift_data import read_drift
from support.monitor_log import (
    LABELS,
    PREDICTIONS,
    START,
    Log,
    World,
    build_deployment,
    build_stream,
    fill,
    records,
)
from support.monitor_runs import build_monitor

if TYPE_CHECKING:
    from driftline.config.deployment import Stream
    from driftline.eventlog.messages import Message
    from driftline.monitor.effects import Effects
    from driftline.monitor.instance import Instance
    from driftline.monitor.partition import PartitionMonitor

STREAM = build_stream()
MINUTES = 60 * SECOND


def run(log: Log, stream: Stream = STREAM) -> tuple[PartitionMonitor, Effects]:
    """Apply a whole log."""
    monitor = build_monitor(build_deployment(stream))
    return monitor, monitor.apply_all(enumerate(log.messages))


def only(monitor: PartitionMonitor) -> Instance:
    """The one instance."""
    (instance,) = monitor.instances
    return instance


def alarms(effects: Effects, signal: str) -> list[Alarm]:
    """The alarms of a signal."""
    found = [alarm for _, alarm in effects.alarms if alarm.signal == signal]
    assert found, f"no alarm of {signal}"
    return found


# -- triggers --


@pytest.mark.parametrize("size", [7, 400])
def test_an_alarm_names_the_record_that_set_it_off(size: int) -> None:
    """For a signal of predictions the prediction's record, whatever the message it came in."""
    world = World()
    _, effects = run(fill(Log([STREAM]), world, size=size))
    present = [n for n, one in enumerate(world.predictions) if "amount" in one]
    for alarm in alarms(effects, "feature.amount"):
        number = present[alarm.values_seen - 1]
        trigger = alarm.trigger
        assert (trigger.topic, trigger.partition, trigger.offset) == (PREDICTIONS, 0, number)
        assert (trigger.id, trigger.at) == (f"p{number}", START + number * SECOND)


@pytest.mark.parametrize("size", [7, 400])
@pytest.mark.parametrize("signal", ["error", "label_delay"])
def test_the_alarm_of_an_outcome_names_the_labels_record(size: int, signal: str) -> None:
    """With the prediction's id and time."""
    world = World()
    _, effects = run(fill(Log([STREAM]), world, size=size))
    for alarm in alarms(effects, signal):
        place, trigger = alarm.values_seen - 1, alarm.trigger
        assert (trigger.topic, trigger.partition, trigger.offset) == (LABELS, 0, place)
        assert trigger.id == world.labels[place]["id"]
        assert trigger.at == START + int(trigger.id.removeprefix("p")) * SECOND


@pytest.mark.parametrize("size", [7, 400])
def test_a_label_that_came_first_is_named_all_the_same(size: int) -> None:
    """It is the truth that sets an outcome off, though the prediction's record completed it."""
    world = World()
    log = Log([STREAM])
    said, known = records(world.predictions), records(world.labels)
    for held, topic in ((known, LABELS), (said, PREDICTIONS)):
        for first in range(0, len(held), size):
            log.read(
                topic, held, first, min(first + size, len(held)), incarnation=f"life of {topic}"
            )
    monitor, effects = run(log)
    assert only(monitor).outcomes["early"] == len(world.labels)
    labelled = [n for n, one in enumerate(world.predictions) if n % world.unlabelled]
    places = {label["id"]: place for place, label in enumerate(world.labels)}
    for alarm in alarms(effects, "error"):
        number = labelled[alarm.values_seen - 1]
        trigger = alarm.trigger
        assert (trigger.topic, trigger.offset) == (LABELS, places[f"p{number}"])
        assert (trigger.id, trigger.at) == (f"p{number}", START + number * SECOND)
    lives = {
        data.signal: data.trigger.incarnation
        for data in (read_drift(event.value) for event in effects.events)
    }
    # Which life of the labels' topic it was is not known any more: nothing wrong is said.
    assert lives["error"] == ""
    assert lives["feature.amount"] == f"life of {PREDICTIONS}"


def test_events_are_the_same_bytes_whenever_they_are_made() -> None:
    """No clock is read: two runs over one log tell the same, to the byte."""
    log = fill(Log([STREAM]), World())
    (_, one), (_, other) = run(log), run(log)
    assert one.events == other.events != []
    seen = {getattr(message, "seen_at", None) for message in log.messages}
    for event in one.events:
        data = read_event(event.value).data
        assert data.seen_at is not None
        assert round(data.seen_at.timestamp() * SECOND) in seen


# -- corrections --


def test_a_corrected_label_changes_windows_and_no_detector() -> None:
    """Counts and windows follow it; what a detector saw was what was known then."""
    world = World(count=400, delay=20)
    log, corrected = fill(Log([STREAM]), world), fill(Log([STREAM]), world)
    changes = [{**label, "truth": 1 - label["truth"]} for label in world.labels[:50]]
    held = records([*world.labels, *changes])
    corrected.read(LABELS, held, len(world.labels), len(held))
    (before, _), (after, _) = run(log), run(corrected)
    one, other = only(before), only(after)
    assert other.outcomes["corrected"] == 50
    assert other.outcomes["joined"] == one.outcomes["joined"]
    fields = [instance.checkpoint(999).fields for instance in (one, other)]
    detectors = {name for name in fields[0] if name.startswith(("witness", "track", "alarms"))}
    assert {name: fields[0][name] for name in detectors} == {
        name: fields[1][name] for name in detectors
    }
    windows = [
        instance._parts.windows.at("error", 10 * MINUTES, START) for instance in (one, other)
    ]
    assert windows[0] is not None
    assert windows[1] is not None
    assert windows[0].count == windows[1].count
    said = {one["id"]: one["said"] for one in world.predictions}
    errors = [said[label["id"]] != label["truth"] for label in world.labels]
    assert windows[0].mean == pytest.approx(sum(errors) / len(errors))
    turned = [not wrong for wrong in errors[:50]] + errors[50:]
    assert windows[1].mean == pytest.approx(sum(turned) / len(turned))


@pytest.mark.parametrize("cut", [1, 8, 9, 60])
def test_a_correction_may_come_in_the_message_of_its_label(cut: int) -> None:
    """Windows hold the value by then, and what they come to is the same to the last bit."""
    world = World(count=60, delay=20)
    labels = [dict(label) for label in world.labels]
    for row in range(7, 60, 7):
        labels.insert(row, {**labels[row - 5], "truth": 1 - labels[row - 5]["truth"]})
    held = records(labels)

    def read(size: int) -> Log:
        """Labels in messages of so many."""
        log = Log([STREAM])
        log.read(PREDICTIONS, records(world.predictions), 0, len(world.predictions))
        for begin in range(0, len(held), size):
            log.read(LABELS, held, begin, min(begin + size, len(held)))
        return log

    instance, expected = only(run(read(cut))[0]), only(run(read(1))[0])
    assert instance.outcomes["corrected"] == 8
    assert instance._parts.windows.late == 0
    assert instance.checkpoint(999).windows == expected.checkpoint(999).windows


# -- time --


def idle(log: Log, seconds: int) -> None:
    """Both readers report that nothing came for a while, and once more a moment later.

    Time has come to what both have reported on: the first report of the second is behind it.
    """
    for passed in (seconds * SECOND, 1):
        log.clock += passed
        for topic in (PREDICTIONS, LABELS):
            log.read(topic, [], 0, 0)


def test_what_is_never_labelled_expires_when_its_time_is_over() -> None:
    """Decided by the log's own time, also when nothing comes any more."""
    world = World(count=100, delay=10)
    log = fill(Log([STREAM]), world)
    idle(log, 3_000)
    monitor, _ = run(log)
    unlabelled = world.count - len(world.labels)
    assert (only(monitor).waiting, only(monitor).outcomes["expired"]) == (unlabelled, 0)
    idle(log, 1_000)
    monitor, _ = run(log)
    assert (only(monitor).waiting, only(monitor).outcomes["expired"]) == (0, unlabelled)


def test_windows_close_as_time_passes() -> None:
    """And a value that comes for a closed one is counted as late."""
    log = fill(Log([STREAM]), World(count=100, delay=10))
    idle(log, 2_000)
    late = [{"id": "late", "at": iso(START), "said": 1, "score": 0.5, "version": "v1"}]
    held = records([*World(count=100).predictions, *late])
    log.read(PREDICTIONS, held, 100, 101)
    monitor, _ = run(log)
    assert only(monitor)._parts.windows.at("score", 10 * MINUTES, START) is None
    assert read_summary(only(monitor).checkpoint(999).fields["summary"]).late > 0


def test_a_checkpoint_holds_nothing_when_nothing_happened() -> None:
    """Time alone, before any deadline, makes no instance dirty."""
    log = fill(Log([STREAM]), World(count=50))
    monitor, _ = run(log)
    assert [one.instance for one in monitor.checkpoint().instances] == [InstanceKey("churn")]
    monitor.settle()
    at = len(log.messages)
    idle(log, 1)
    monitor.apply_all(list(enumerate(log.messages))[at:])
    assert monitor.checkpoint().instances == []


# -- what is stored --


def message(**values: Any) -> list[Message]:
    """One prediction."""
    log = Log([STREAM])
    held = records([{"id": "a", "at": iso(START), "said": 1, "score": 0.5, **values}])
    log.read(PREDICTIONS, held, 0, 1)
    return log.messages


def test_model_versions_are_bounded_and_the_ones_seen_lately_stay() -> None:
    """A version per prediction fills no memory."""
    head = Head()
    for number in range(100):
        head.saw_version("steady", 1, number, number)
        head.saw_version(f"v{number}", 1, number, number)
    assert len(head.versions) == MAX_VERSIONS
    assert "v99" in head.versions
    assert head.versions["steady"].count == 100


@pytest.mark.parametrize("blob", [b"", b"\xc1", b"\x80", Head(format=FORMAT + 1).encode()])
def test_a_head_of_another_kind_is_refused(blob: bytes) -> None:
    """A newer format is not guessed at; an empty map is the head of nothing."""
    if blob == b"\x80":
        assert Head.decode(blob) == Head()
        return
    with pytest.raises(StateError):
        Head.decode(blob)


def test_the_summary_says_what_a_person_asks() -> None:
    """Books, versions, the join, and the last alarm of each detector."""
    world = World()
    monitor, effects = run(fill(Log([STREAM]), world))
    summary = read_summary(only(monitor).checkpoint(999).fields["summary"])
    assert summary.join.joined == len(world.labels)
    assert summary.waiting == world.count - len(world.labels)
    assert set(summary.versions) == {"v1", "v2"}
    by_signal = {one.signal: one for one in summary.signals}
    last = alarms(effects, "error")[-1]
    told = {one.profile: one for one in by_signal["error"].last_alarms}[last.profile]
    assert (told.values_seen, told.offset, told.id) == (
        last.values_seen, last.trigger.offset, last.trigger.id,
    )  # fmt: skip
    assert by_signal["error"].alarms == len(alarms(effects, "error"))
    assert by_signal["error"].values_seen == len(world.labels)


def test_nothing_of_a_bad_field_reaches_a_detector() -> None:
    """A record without a feature has a value of `missing`, and none of the feature."""
    monitor = build_monitor(build_deployment(STREAM))
    monitor.apply_all(enumerate(message()))
    summary = read_summary(only(monitor).checkpoint(9).fields["summary"])
    seen = {one.signal: one.values_seen for one in summary.signals}
    assert (seen["feature.amount"], seen["missing.amount"], seen["score"]) == (0, 1, 1)
