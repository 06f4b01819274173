"""An alert's life in the monitor: time, commands and versions, from the events log alone."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from rich.console import Console
from structlog.testing import capture_logs

from driftline.agents.loading import load_partition
from driftline.alerts.lifecycle import AlertState, Reason
from driftline.app.alert_commands import build_accept, build_acknowledge
from driftline.app.status.report import StatusReport
from driftline.app.status.streams import InstanceView, StoredStream
from driftline.app.status.streams import build_stream as build_stream_status
from driftline.cli.status_text import status_page
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.eventlog.codec import decode, encode
from driftline.model import SECOND, iso, to_datetime
from driftline.monitor.summary import read_summary
from driftline.monitor.versions import VersionShares
from driftline.store.memory import MemoryStore
from driftline.transport.batches import SourceBatch
from driftline.windows import head as window_head
from support.drift_data import read_drift
from support.monitor_log import (
    PREDICTIONS,
    START,
    FakeRecord,
    Log,
    World,
    build_deployment,
    build_stream,
    fill,
    records,
)
from support.monitor_runs import (
    build_monitor,
    build_work,
    differing,
    run_stored,
    stored_state,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.alerts.schema import DriftData
    from driftline.config.deployment import Stream
    from driftline.monitor.effects import Effects
    from driftline.monitor.instance import Instance
    from driftline.monitor.partition import PartitionMonitor

ERROR: Final = {"error": {"detector": "adwin"}}
SCORE: Final = {"score": {"detector": "adwin"}}


def apply(log: Log, stream: Stream) -> tuple[PartitionMonitor, list[DriftData]]:
    """Apply a whole log; the drift events it gave."""
    monitor = build_monitor(build_deployment(stream))
    return monitor, told(monitor.apply_all(enumerate(log.messages)))


def told(effects: Effects) -> list[DriftData]:
    """What was told."""
    return [read_drift(event.value) for event in effects.events]


def only(monitor: PartitionMonitor) -> Instance:
    """The one instance."""
    (instance,) = monitor.instances
    return instance


def only_predictions(watch: Mapping[str, Any], **more: Any) -> Stream:
    """A stream without labels: the score is watched."""
    return build_stream(horizon=None, watch=watch, **more)


def scores(
    *parts: tuple[int, float], version: Sequence[str] = (), seed: int = 1
) -> list[dict[str, Any]]:
    """Predictions a second apart with scores around these levels; versions in turn, by part."""
    chance = random.Random(seed)
    levels = [(level, part) for part, (rows, level) in enumerate(parts) for _ in range(rows)]
    return [
        {
            "id": f"p{number}", "at": iso(START + number * SECOND), "said": 1,
            "score": round(min(max(chance.gauss(level, 0.05), 0), 1), 4),
            **({"version": version[part]} if version else {}),
        }
        for number, (level, part) in enumerate(levels)
    ]  # fmt: skip


def logged(stream: Stream, values: Sequence[Mapping[str, Any]], size: int | None = 50) -> Log:
    """The log of predictions, in batches of one size; at random sizes for None."""
    log, held, done = Log([stream]), records(values), 0
    chance = random.Random(len(values))
    while done < len(held):
        end = min(done + (size or chance.randint(1, 400)), len(held))
        log.read(PREDICTIONS, held, done, end, live=False)
        done = end
    return log


def at(row: int) -> Any:
    """The event time of a row."""
    return to_datetime(START + row * SECOND)


# -- time --


HELD: Final = only_predictions({"score": {"detector": "adwin", "hold": "10m"}})


@pytest.mark.parametrize("size", [1, 7, 50, 5_000, None])
def test_the_same_alerts_however_batches_are_cut(size: int | None) -> None:
    """Held, told and ended at the same moments with the same evidence: all but when it was seen."""
    values = scores((1_000, 0.3), (1_500, 0.6), (1_000, 0.3), (300, 0.6), (1_000, 0.3))
    _, events = apply(logged(HELD, values, size), HELD)
    _, expected = apply(logged(HELD, values), HELD)
    assert [(one.status, one.reason) for one in events] == [
        ("firing", None),
        ("resolved", Reason.RECOVERED),
    ]
    assert events == expected
    assert events[0].at == to_datetime(START + events[0].trigger.offset * SECOND + 600 * SECOND)


def test_a_held_alert_fires_when_nothing_comes_any_more() -> None:
    """The watermark goes on by the reader's clock."""
    log = Log([HELD])
    held = records(scores((1_000, 0.3), (100, 0.6)))
    log.read(PREDICTIONS, held, 0, len(held))
    assert apply(log, HELD)[1] == []
    monitor, _ = apply(log, HELD)
    summary = read_summary(only(monitor).checkpoint(999).fields["summary"]).signals[0]
    assert (summary.state, summary.firing) == (AlertState.PENDING, False)
    assert summary.alert is not None
    for passed in (1, 700):
        log.clock += passed * SECOND
        log.read(PREDICTIONS, held, len(held), len(held))
    _, (event,) = apply(log, HELD)
    assert event.status == "firing"
    assert event.at == at(event.trigger.offset + 600)
    assert event.alert_id == summary.alert.id


def test_time_with_labels_is_that_of_the_labels() -> None:
    """An alert about errors waits while its labels come in, though its predictions are older."""
    stream = build_stream(watch={"error": {"detector": "adwin", "hold": "5m"}})
    _, events = apply(fill(Log([stream]), World(count=3_000)), stream)
    assert [one.status for one in events] == ["firing"]
    waited = (events[0].at - events[0].trigger.at).total_seconds()
    assert 300 + 100 <= waited <= 300 + 111


def test_an_alert_expires_by_the_log_alone() -> None:
    """Also after a restart, and once the time has come without any record."""
    stream = only_predictions({"score": {"detector": "adwin", "expire_after": "20m"}})
    values = scores((1_000, 0.3), (3_000, 0.6))
    _, events = apply(logged(stream, values), stream)
    assert [one.reason for one in events] == [None, None, Reason.EXPIRED]
    assert events[-1].at == at(events[0].trigger.offset + 1_200)


@pytest.mark.parametrize(
    "disturbance",
    [
        {"checkpoints": range(1, 999), "crashes": range(1, 999)},
        {"half_writes": range(1, 999)},
        {"checkpoints": range(1, 999, 5), "crashes": range(3, 999, 7)},
    ],
)
def test_a_life_goes_on_from_what_is_stored(disturbance: dict[str, Any]) -> None:
    """Pending, firing, taken on, superseded: every stored byte and event is the same."""
    watch = {
        "score": {"detector": "adwin", "hold": "6m"},
        "feature.amount": {"detector": "adwin", "hold": "3m", "expire_after": "15m"},
    }
    stream = only_predictions(watch)
    values = scores(
        (800, 0.3), (1_200, 0.6), (700, 0.6), (800, 0.9), version=["v1", "v1", "v2", "v2"]
    )
    chance = random.Random(3)
    for number, value in enumerate(values):
        value["amount"] = chance.gauss(100 if number < 1_000 else 130, 5)
    log = logged(stream, values, 100).messages
    _, events = apply(logged(stream, values[:1_900], 100), stream)
    taken_on = build_acknowledge(events[0], by="ann", at=START, note="mine")
    log[38:38] = [taken_on, replace(taken_on, arguments={"alert_id": "0" * 20})]
    calm = asyncio.run(run_stored(build_deployment(stream), log))
    run = asyncio.run(run_stored(build_deployment(stream), log, **disturbance))
    ours, theirs = (asyncio.run(stored_state(one.store)) for one in (calm, run))
    assert differing(ours, theirs) == []
    assert run.events == calm.events
    reasons = {read_drift(event.value).reason for event in calm.events.values()}
    assert reasons == {None, Reason.EXPIRED, Reason.SUPERSEDED}
    assert any(read_drift(event.value).acknowledged for event in calm.events.values())


# -- commands --


def firing() -> tuple[Log, PartitionMonitor, DriftData, Stream]:
    """A log after which an alert about scores fires."""
    stream = only_predictions(SCORE)
    log = logged(stream, scores((1_000, 0.3), (600, 0.6)))
    monitor, events = apply(log, stream)
    assert events[-1].status == "firing"
    return log, monitor, events[-1], stream


def test_an_alert_that_is_taken_on_tells_who_and_why() -> None:
    """The next revision names them; through the codec, as Kafka would carry it."""
    log, monitor, alert, _ = firing()
    command = decode(encode(build_acknowledge(alert, by="ann", at=START + 9, note="I look")))
    effects = monitor.apply(len(log.messages), command, {})
    (event,) = told(effects)
    assert (event.alert_id, event.revision) == (alert.alert_id, alert.revision + 1)
    assert event.acknowledged is not None
    assert (event.acknowledged.by, event.acknowledged.note) == ("ann", "I look")
    assert event.acknowledged.at == to_datetime(START + 9)
    assert effects.unheard == []
    seen = read_summary(only(monitor).checkpoint(999).fields["summary"]).signals[0].alert
    assert seen is not None
    assert seen.acknowledged_by == "ann"


def test_what_is_accepted_is_told_and_then_normal() -> None:
    """The alert ends, and the level that was news before is none any more."""
    log, monitor, alert, stream = firing()
    command = build_accept(alert, by="ann", at=START)
    (event,) = told(monitor.apply(len(log.messages), command, {}))
    assert (event.status, event.reason) == ("resolved", Reason.ACCEPTED)
    assert "accepted as the new normal" in event.summary
    further = logged(stream, scores((1_000, 0.3), (3_000, 0.6)))
    later = monitor.apply_all(
        (len(log.messages) + 1 + number, message) for number, message in enumerate(further.messages)
    )
    assert told(later) == []


@pytest.mark.parametrize("what", ["another alert", "ended", "another instance", "no stream"])
def test_a_command_about_no_living_alert_changes_nothing_and_is_reported(what: str) -> None:
    """It is among the effects, and no byte of the state is another."""
    log, monitor, alert, _ = firing()
    place = len(log.messages)
    if what == "ended":
        monitor.apply(place, build_accept(alert, by="ann", at=START), {})
    changed: dict[str, dict[str, Any]] = {
        "another alert": {"arguments": {"alert_id": "0" * 20}},
        "another instance": {"instance": "churn/x"},
        "no stream": {"instance": "none"},
    }
    command = replace(build_acknowledge(alert, by="bob", at=START), **changed.get(what, {}))
    before = dict(only(monitor).checkpoint(place).fields)
    effects = monitor.apply(place + 1, command, {})
    assert (effects.events, effects.unheard) == ([], [command])
    assert not only(monitor).dirty
    assert dict(only(monitor).checkpoint(place).fields).keys() <= before.keys()


async def test_what_nobody_hears_is_said_in_the_log() -> None:
    """With who said what of which alert."""
    stream = only_predictions(SCORE)
    deployment = build_deployment(stream)
    _, _, alert, _ = firing()
    store = MemoryStore()
    monitor, _ = await load_partition(store, 0, deployment)
    work = build_work(monitor, deployment, store=store)
    blob = encode(build_acknowledge(alert, by="ann", at=START))
    topic = deployment.settings.events_topic
    with capture_logs() as logs:
        await work.on_batch(SourceBatch(topic, 0, 0, 1, [FakeRecord(0, blob)], 0, 1, 1))
        await work.finish()
    (line,) = [one for one in logs if one["event"] == "command_without_alert"]
    assert (line["alert_id"], line["by"]) == (alert.alert_id, "ann")


def test_a_declaration_that_changes_keeps_what_is_pending() -> None:
    """With a shorter hold it fires by that."""
    log = logged(HELD, scores((1_000, 0.3), (100, 0.6)))
    sooner = only_predictions({"score": {"detector": "adwin", "hold": "1m"}})
    monitor, events = apply(log, HELD)
    assert events == []
    instance = only(monitor)
    instance.redeclare(sooner, START)
    (event,) = told(instance.on_time(START + 1_200 * SECOND, None))
    assert event.at == at(event.trigger.offset + 60)


# -- warnings --


def test_a_warning_is_pending_and_never_fires() -> None:
    """Shown while it lasts, told of to nobody, whatever time passes."""
    ddm = Profile("ddm", DETECTOR_SPEC.validate_python({"kind": "ddm", "drift_threshold": 100.0}))
    stream = build_stream(watch={"error": {"detector": "ddm"}}, profiles={"ddm": ddm})
    world = World(count=1_200)
    monitor = build_monitor(build_deployment(stream))
    seen: set[AlertState] = set()
    for offset, message in enumerate(fill(Log([stream]), world, size=20).messages):
        effects = monitor.apply(offset, message, {})
        assert effects.events == []
        for watched in only(monitor)._parts.watchers:
            seen.add(watched.state)
            assert watched.track.alert is None
    assert seen == {AlertState.INACTIVE, AlertState.PENDING}


def test_status_shows_what_is_pending_and_who_took_on_what_fires() -> None:
    """On the page, and as values with the alert's id."""
    log, monitor, alert, stream = firing()
    monitor.apply(len(log.messages), build_acknowledge(alert, by="ann", at=START), {})
    waiting, _ = apply(logged(HELD, scores((1_000, 0.3), (100, 0.6))), HELD)
    pages = []
    for name, one in (("firing", monitor), ("pending", waiting)):
        view = InstanceView(
            only(one).key,
            0,
            read_summary(only(one).checkpoint(999).fields["summary"]),
            window_head.decode(only(one)._parts.windows.snapshot()),
        )
        state = one.stream_state(stream.name)
        stored = StoredStream(
            name=stream.name,
            declared=True,
            views=[view],
            states=[state],
            suspended={},
            owners={},
            log_read=True,
        )
        status = build_stream_status(stored)
        (found,) = getattr(status, name)
        assert found.alert_id is not None
        report = StatusReport("test", "0" * 12, None, (), (), (), (status,))
        console = Console(width=160, file=io.StringIO())
        console.print(status_page(report, detailed=False))
        assert isinstance(console.file, io.StringIO)
        pages.append(console.file.getvalue())
    assert "FIRING warning: churn/score, taken on by ann" in pages[0]
    assert "pending warning: churn/score, drift since 2020-01-01" in pages[1]
    assert "1 pending" in pages[1]


# -- versions --


def test_a_new_model_ends_the_alerts_of_the_last_one() -> None:
    """Of what the model makes; what is fed into it stays as it is."""
    stream = only_predictions({**SCORE, "feature.amount": {"detector": "adwin"}})
    chance = random.Random(3)
    values = scores((1_000, 0.3), (1_000, 0.6), (1_200, 0.6), version=["v1", "v1", "v2"])
    for number, value in enumerate(values):
        value["amount"] = chance.gauss(100 if number < 1_000 else 130, 5)
    for size in (13, 90, 5_000):
        monitor, events = apply(logged(stream, values, size), stream)
        ends = [(one.signal, one.reason, one.at) for one in events if one.reason is not None]
        assert ends == [("score", Reason.SUPERSEDED, at(2_499))], size
        (amount,) = [one for one in only(monitor)._parts.watchers if one.watch.signal != "score"]
        assert amount.track.firing


def test_an_alert_is_not_ended_by_the_model_that_was_there_when_it_opened() -> None:
    """It may be the very cause."""
    stream = only_predictions(SCORE)
    values = scores((1_000, 0.3), (2_500, 0.6), version=["v1", "v2"])
    _, events = apply(logged(stream, values), stream)
    assert {one.reason for one in events} == {None}


def test_errors_are_superseded_by_labelled_rows_of_the_new_model() -> None:
    """Not by its predictions, of which nobody knows yet whether they are right."""
    stream = build_stream(watch=ERROR)
    world = World(count=3_000, delay=200)
    for number, one in enumerate(world.predictions):
        one["version"] = "v2" if number >= 1_900 else "v1"
    _, events = apply(fill(Log([stream]), world), stream)
    (end,) = [one for one in events if one.reason is not None]
    assert end.reason is Reason.SUPERSEDED
    assert end.at > at(1_900 + 500 + 200)


def shares(versions: Sequence[str | None], cuts: Sequence[int]) -> list[tuple[int, str, int]]:
    """What takes over, and where, of rows in pieces."""
    subject, found = VersionShares(), []
    edges = [0, *cuts, len(versions)]
    for begin, end in itertools.pairwise(edges):
        if begin < end:
            taken = subject.take(versions[begin:end], np.arange(begin, end))
            found += [(begin + one.place, one.version, one.rows) for one in taken]
            again = VersionShares()
            again.restore(subject.snapshot())
            subject = again
    return found


@pytest.mark.parametrize(
    ("share", "first", "last"), [(1.0, 499, 499), (0.7, 499, 520), (0.45, None, None)]
)
def test_a_version_takes_over_with_most_of_the_latest_rows(
    share: float, first: int | None, last: int | None
) -> None:
    """500 rows after it appeared at the earliest, and never with less than half."""
    chance = random.Random(5)
    old: list[str | None] = ["v1"] * 3_000
    rest = ["v2" if chance.random() < share else "v1" for _ in range(6_000)]
    new: list[str | None] = ["v2", *rest]
    found = [place for place, version, _ in shares([*old, *new], ()) if version == "v2"]
    if first is None or last is None:
        assert found == []
    else:
        assert len(found) == 1
        assert first <= found[0] - 3_000 <= last


@pytest.mark.parametrize("seed", range(5))
def test_who_takes_over_does_not_depend_on_pieces(seed: int) -> None:
    """Versions that come, go, share, and rows without any."""
    chance = random.Random(seed)
    versions = [
        chance.choice(["v1", "v2", None] if row < 2_000 else ["v3", "v3", "v3", "v2", None])
        for row in range(4_000)
    ]
    cuts = sorted(chance.sample(range(1, 4_000), 60))
    assert shares(versions, cuts) == shares(versions, ())
    assert "v3" in {version for _, version, _ in shares(versions, ())}


def test_a_version_per_row_fills_no_memory() -> None:
    """And takes over nothing."""
    subject = VersionShares()
    for begin in range(0, 5_000, 500):
        rows = [f"v{number}" for number in range(begin, begin + 500)]
        assert subject.take(rows, np.arange(begin, begin + 500)) == []
    assert len(subject.snapshot().seen) == 20


# -- what is told besides --


def test_owner_tags_course_and_the_data_to_train_on_are_told() -> None:
    """As declared; without `retrain` in the watch nothing is said of training."""
    stream = only_predictions(
        {"score": {"detector": "adwin", "retrain": True}}, owner="risk", tags=["eu", "credit"]
    )
    values = scores((1_000, 0.3), (300, 0.6))
    _, events = apply(logged(stream, values), stream)
    event = events[0]
    assert (event.owner, event.tags) == ("risk", ("eu", "credit"))
    assert event.history[-1].mean > event.history[0].mean
    assert event.retrain is not None
    assert event.retrain.since == event.evidence.change_at
    assert event.retrain.until == at(event.trigger.offset)
    (source,) = event.retrain.sources
    assert (source.topic, source.partition) == (PREDICTIONS, 0)
    assert source.first <= 1_000 < source.next
    _, without = apply(logged(only_predictions(SCORE), values), only_predictions(SCORE))
    assert without[0].retrain is None
