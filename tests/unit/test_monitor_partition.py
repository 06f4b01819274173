"""The monitor's state is a function of the events log: stopped, trimmed, re-cut or shared."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.alerts.event import read_event
from driftline.alerts.lifecycle import Reason
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.eventlog.messages import Rows
from driftline.model import SECOND, InstanceKey, Role, SignalKind, iso
from driftline.monitor.head import Head
from support.monitor_log import (
    PREDICTIONS,
    PROFILES,
    START,
    WATCH,
    Log,
    World,
    build_deployment,
    build_stream,
    declare,
    fill,
    forget,
    records,
)
from support.monitor_runs import Run, build_monitor, difference, differing, run_stored, stored_state
from support.river_oracle import river_alarms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.alerts.schema import AlertData
    from driftline.config.deployment import Stream
    from driftline.eventlog.messages import Message
    from driftline.monitor.instance import Instance

STREAM = build_stream()
SPLIT = build_stream(split_by="model")
WORLD = World()
LOG = fill(Log([STREAM]), WORLD).messages
CHURN = InstanceKey("churn")


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Run, Mapping[str, object]]:
    """A run of the whole log without any disturbance, and what it leaves in the store."""
    run = asyncio.run(run_stored(build_deployment(STREAM), LOG))
    return run, asyncio.run(stored_state(run.store))


def only(run: Run) -> Instance:
    """The one instance of a run."""
    (instance,) = run.monitor.instances
    return instance


def told(run: Run) -> list[AlertData]:
    """The alerts' events of a run, in order."""
    return [read_event(event.value).data for event in run.events.values()]


def seen_by(run: Run, signal: str) -> dict[str, int]:
    """How many values each detector of a signal was given."""
    (watched,) = (one for one in only(run)._parts.watchers if one.watch.signal == signal)
    return {profile: witness.seen for (_, profile), witness in watched._witnesses.items()}


def rows_after(log: Sequence[Message], at: int, role: Role) -> int:
    """How many rows of a role a log has from an offset on."""
    return sum(len(one) for one in log[at:] if isinstance(one, Rows) and one.role is role)


# -- stopping, storing, trimming --


def test_the_world_is_worth_a_test(undisturbed: tuple[Run, object]) -> None:
    """Most detectors alarm, several alerts fire, labels are joined, windows closed."""
    run, _ = undisturbed
    assert {"error", "feature.amount", "feature.country"} <= {data.signal for data in told(run)}
    assert len(run.alarms_of()) >= 8
    assert only(run).outcomes["joined"] == len(WORLD.labels)


@pytest.mark.parametrize(
    "disturbance",
    [
        {"checkpoints": range(1, 999), "crashes": range(1, 999), "trims": range(999)},
        {"checkpoints": range(1, 999), "trims": range(999)},
        {"half_writes": range(1, 999)},
        {"checkpoints": range(1, 999, 5), "crashes": range(3, 999, 7)},
        {"checkpoints": range(1, 999, 4), "half_writes": range(3, 999, 7), "trims": range(999)},
    ],
)
def test_a_run_goes_on_exactly_from_what_is_stored(
    undisturbed: tuple[Run, Mapping[str, object]], disturbance: dict[str, Any]
) -> None:
    """Stopped at any message, stored whole or in half, trimmed: every stored byte is the same."""
    run, state = undisturbed
    disturbed = asyncio.run(run_stored(build_deployment(STREAM), LOG, **disturbance))
    assert differing(state, asyncio.run(stored_state(disturbed.store))) == []
    assert disturbed.alarms == run.alarms
    assert disturbed.events == run.events


def test_instances_share_what_is_kept_in_memory_and_each_has_its_least() -> None:
    """About so much: a group that goes has room for a quarter more."""
    world = World(count=3_000, instances=("a", "b", "c"), delay=10_000)
    log = fill(Log([SPLIT]), world).messages
    monitor = build_monitor(build_deployment(SPLIT))
    monitor.apply_all(enumerate(log))
    monitor.checkpoint()
    monitor.settle()
    before = [one._parts.join.in_memory for one in monitor.instances]
    assert min(before) >= 900
    monitor.trim(900, least=10)
    kept = [one._parts.join.in_memory for one in monitor.instances]
    assert all(300 <= count <= 375 for count in kept), (before, kept)
    monitor.trim(0, least=100)
    kept = [one._parts.join.in_memory for one in monitor.instances]
    assert all(100 <= count <= 125 for count in kept), (before, kept)


@settings(deadline=None, max_examples=10, print_blob=True)
@given(st.data())
def test_any_stops_anywhere_make_no_difference(data: st.DataObject) -> None:
    """A stream whose labels expire, come early and twice, in instances: whatever happens when."""
    world = World(count=300, instances=("a", "b"), delay=30)
    log = fill(
        Log([build_stream(split_by="model", horizon="40s")]), disorder(world), size=40, seed=5
    ).messages
    deployment = build_deployment(build_stream(split_by="model", horizon="40s", max_waiting=60))
    at = st.sets(st.integers(1, len(log) - 1), max_size=8)
    calm = asyncio.run(run_stored(deployment, log))
    run = asyncio.run(
        run_stored(
            deployment,
            log,
            checkpoints=data.draw(at),
            crashes=data.draw(at),
            half_writes=data.draw(at),
            trims=range(len(log)),
        )
    )
    ours, theirs = (asyncio.run(stored_state(one.store)) for one in (calm, run))
    assert differing(ours, theirs) == []
    assert run.events == calm.events


def disorder(world: World) -> World:
    """The world with labels and predictions twice, corrected, late, and in some disorder."""
    chance = random.Random(world.seed)
    for column in (world.predictions, world.labels):
        for one in list(column):
            if chance.random() < 0.2:
                column.insert(chance.randrange(len(column)), dict(one))
    for label in world.labels:
        if chance.random() < 0.2:
            label["truth"] = 1 - label["truth"]
    return world


# -- reading again --


@pytest.mark.parametrize("seed", range(8))
def test_cuts_and_repetitions_of_batches_make_no_difference(
    undisturbed: tuple[Run, object], seed: int
) -> None:
    """The same records, cut otherwise and partly read again: the same alarms, join and alerts."""
    run, _ = undisturbed
    log = fill(Log([STREAM]), WORLD, seed=seed).messages
    again = asyncio.run(run_stored(build_deployment(STREAM), log))
    assert again.alarms_of() == run.alarms_of()
    assert only(again).outcomes == only(run).outcomes
    assert only(again).row_fates["predictions", "applied"] == WORLD.count
    alerts = [{id_.partition(".")[0] for id_ in one.events} for one in (again, run)]
    assert alerts[0] == alerts[1]
    books, before = again.monitor.books("churn"), run.monitor.books("churn")
    assert books == before


def test_rows_that_are_read_again_are_counted_apart() -> None:
    """Nothing of them is applied, or booked, a second time; also of rows that are passed over."""
    stream = build_stream(split_by="model", max_instances=1)
    world = World(count=100, instances=("a", "b"))
    log = Log([stream])
    held = records(world.predictions)
    for first, following in ((0, 60), (20, 80), (0, 100), (0, 100)):
        log.read(PREDICTIONS, held, first, following)
    run = asyncio.run(run_stored(build_deployment(stream), log.messages))
    assert only(run).row_fates == {
        ("predictions", "applied"): 50,
        ("predictions", "duplicate"): 0,
        ("predictions", "redelivered"): 20 + 40 + 50,
    }
    assert run.monitor.refused_rows("churn") == 50
    (books,) = run.monitor.books("churn").sources["predictions"].values()
    assert (books.passed, books.rows) == (100, 100)


def test_a_topic_that_was_made_again_is_read_from_its_start() -> None:
    """Its offsets begin anew; ids that were seen are duplicates, not values for a detector."""
    world = World(count=200)
    log = Log([STREAM])
    held = records(world.predictions)
    log.read(PREDICTIONS, held, 0, 200, incarnation="first")
    log.read(PREDICTIONS, held, 0, 200, incarnation="second")
    run = asyncio.run(run_stored(build_deployment(STREAM), log.messages))
    assert only(run).outcomes["duplicate"] == 200
    assert seen_by(run, "score") == {"adwin": 200}


@pytest.mark.parametrize("stored", [False, True])
def test_the_books_balance_where_an_instance_is_suspended_in_a_topics_second_life(
    *, stored: bool
) -> None:
    """Of the first life no book tells any more, whether or not its rows were stored."""
    world = World(count=140)
    log = Log([STREAM])
    held = records(world.predictions)
    log.read(PREDICTIONS, held[:100], 0, 100, incarnation="first")
    first = len(log.messages)
    log.read(PREDICTIONS, held[:40], 0, 40, incarnation="second")
    run = asyncio.run(run_stored(build_deployment(STREAM), log.messages[:first] if stored else []))
    monitor = run.monitor
    monitor.apply_all((at, log.messages[at]) for at in range(monitor.offset, len(log.messages)))
    monitor.suspend(CHURN, "reason")
    assert monitor._streams["churn"].suspended_rows == 40
    stored_head = []
    if stored:
        head = asyncio.run(run.store.load_instance(CHURN))
        assert head is not None
        stored_head = [Head.decode(head.fields["head"])]
    assert difference(monitor, "churn", stored_head) == 0


@pytest.mark.parametrize("seed", range(3))
def test_at_one_stroke_of_time_instances_tell_by_their_deadlines_and_then_by_name(
    seed: int,
) -> None:
    """So it does not depend on whose rows came last, or in which order they were loaded."""
    names = list("dabec")
    random.Random(seed).shuffle(names)
    silent = build_stream(
        split_by="model",
        horizon=None,
        watch={"score": {"detector": "adwin"}},
        silence={"predictions": "10s"},
    )
    values = World(count=5, instances=names).predictions
    for value in values:
        value["at"] = iso(START - SECOND if value["model"] == "e" else START)
    values += World(count=100, instances=("other",)).predictions[-1:]
    log = Log([silent])
    log.read(PREDICTIONS, records(values), 0, len(values))
    run = asyncio.run(run_stored(build_deployment(silent), log.messages))
    told_by = [read_event(event.value).data.instance for event in run.events.values()]
    assert told_by == [f"churn/{name}" for name in "eabcd"]


# -- instances --


def test_instances_do_not_influence_each_other() -> None:
    """Each of several instances does as it does alone: alarms, alerts, every stored byte."""
    names = ("a", "b", "c")
    world = World(count=1_500, instances=names)
    together = asyncio.run(
        run_stored(build_deployment(SPLIT), fill(Log([SPLIT]), world, seed=2).messages)
    )
    state = asyncio.run(stored_state(together.store))
    for name in names:
        alone = World(count=1_500, instances=names)
        log = fill(Log([SPLIT]), alone, seed=2)
        kept = [only_rows_of(message, name) for message in log.messages]
        run = asyncio.run(run_stored(build_deployment(SPLIT), kept))
        own = asyncio.run(stored_state(run.store))
        key = f"churn/{name}"
        assert run.alarms_of() == together.alarms_of(key) != {}
        assert differing(own[key], state[key]) == []
        theirs = {e.id: e for e in together.events.values() if is_of(e.value, key)}
        assert run.events == theirs


def only_rows_of(message: Message, name: str) -> Message:
    """The message with the rows of one instance."""
    if not isinstance(message, Rows):
        return message
    code = message.instances.index(name) if name in message.instances else -1
    return message.take((message.instance_codes == code).nonzero()[0])


def is_of(value: bytes, instance: str) -> bool:
    """Whether an event is of an instance."""
    return read_event(value).data.instance == instance


def test_instances_over_the_limit_are_counted_and_hurt_nobody() -> None:
    """Those that came first go on; also after a restart."""
    limited = build_stream(split_by="model", max_instances=2)
    world = World(count=600, instances=("a", "b", "c"))
    log = fill(Log([limited]), world).messages
    free = asyncio.run(run_stored(build_deployment(SPLIT), log))
    stops: dict[str, Any] = {"checkpoints": range(1, 99, 3), "crashes": range(1, 99, 5)}
    for disturbance in ({}, stops):
        run = asyncio.run(run_stored(build_deployment(limited), log, **disturbance))
        assert {one.key.value for one in run.monitor.instances} == {"a", "b"}
        for name in ("churn/a", "churn/b"):
            assert run.alarms_of(name) == free.alarms_of(name)
        over = sum(one["model"] == "c" for one in (*world.predictions, *world.labels))
        assert run.monitor.refused_rows("churn") == over


@pytest.mark.parametrize(
    "damaged", ["head", "join", "windows", "track|score", "witness|score|adwin|", "declaration"]
)
def test_an_instance_that_does_not_load_is_suspended_alone(damaged: str) -> None:
    """Its rows are passed over and counted, its state is left as it is; the others go on."""
    world = World(count=600, instances=("a", "b"))
    log = fill(Log([SPLIT]), world).messages
    half = len(log) // 2
    whole = asyncio.run(run_stored(build_deployment(SPLIT), log))
    store = asyncio.run(run_stored(build_deployment(SPLIT), log[:half])).store
    victim = InstanceKey("churn", "a")
    fields = store._instances[victim].fields
    assert damaged in fields, sorted(fields)
    fields[damaged] = b"\xc1 damaged"
    before = dict(fields)
    run = asyncio.run(run_stored(build_deployment(SPLIT), log, store=store))
    assert set(run.monitor.suspended) == {victim}
    assert store._instances[victim].fields == before
    rest = [one for message in log[half:] if (one := rows_of(message, "a"))]
    assert run.monitor._streams["churn"].suspended_rows == sum(rest) > 0
    states = [asyncio.run(stored_state(one.store)) for one in (run, whole)]
    assert differing(states[0]["churn/b"], states[1]["churn/b"]) == []
    # It stays so after a restart, and until somebody says otherwise.
    again = asyncio.run(run_stored(build_deployment(SPLIT), log, store=store))
    assert set(again.monitor.suspended) == {victim}


def rows_of(message: Message, name: str) -> int:
    """How many rows of an instance a message has."""
    kept = only_rows_of(message, name)
    return len(kept) if isinstance(kept, Rows) else 0


# -- commands --


def with_command(world: World, *streams: Stream, at: int, commands: Sequence[Message]) -> Log:
    """The world's log, with commands before the message of an offset."""
    log = fill(Log(streams), world)
    log.messages[at:at] = commands
    return log


HALF = len(LOG) // 2
LATE = len(LOG) - 6
"""Here alerts fire."""


def test_the_same_declaration_again_changes_nothing(
    undisturbed: tuple[Run, Mapping[str, object]],
) -> None:
    """Every worker that starts says what it runs."""
    run, _ = undisturbed
    log = with_command(WORLD, STREAM, at=HALF, commands=[declare(STREAM)])
    again = asyncio.run(run_stored(build_deployment(STREAM), log.messages))
    assert again.alarms_of() == run.alarms_of()
    assert again.events == run.events


def changed_profile() -> Stream:
    """The stream with another detector of the name `adwin`."""
    other = DETECTOR_SPEC.validate_python({"kind": "adwin", "delta": 0.01, "warm_up": 100})
    return build_stream(profiles={**PROFILES, "adwin": Profile("adwin", other)})


def test_a_changed_profile_starts_that_detector_anew_and_keeps_its_alert() -> None:
    """From 0 values; the others have seen all, and the alert that lives goes on."""
    log = with_command(WORLD, STREAM, at=LATE, commands=[declare(changed_profile())]).messages
    run = asyncio.run(run_stored(build_deployment(STREAM), log))
    after, everything = rows_after(log, LATE, Role.LABELS), len(WORLD.labels)
    assert seen_by(run, "error") == {"adwin": after, "ddm": everything, "fhddm": everything}
    assert after > 0
    assert not any(data.reason is Reason.WITHDRAWN for data in told(run))
    assert any(one.track.firing for one in only(run)._parts.watchers if one.watch.signal == "error")


def test_a_removed_watch_withdraws_its_alert() -> None:
    """And what is stored of it goes."""
    less = build_stream(watch={name: spec for name, spec in WATCH.items() if name != "error"})
    log = with_command(WORLD, STREAM, at=LATE, commands=[declare(less)]).messages
    run = asyncio.run(run_stored(build_deployment(STREAM), log, checkpoints=[LATE]))
    withdrawn = [data for data in told(run) if data.reason is Reason.WITHDRAWN]
    assert [(data.signal, data.status.value) for data in withdrawn] == [("error", "resolved")]
    assert not [name for name in run.store._instances[CHURN].fields if "|error" in name]


def test_a_new_watch_begins_with_its_first_value() -> None:
    """The others are as they were."""
    less = build_stream(watch={name: spec for name, spec in WATCH.items() if name != "score"})
    log = with_command(WORLD, less, at=LATE, commands=[declare(STREAM)]).messages
    run = asyncio.run(run_stored(build_deployment(less), log))
    assert seen_by(run, "score") == {"adwin": rows_after(log, LATE, Role.PREDICTIONS)}
    assert set(seen_by(run, "error").values()) == {len(WORLD.labels)}


OTHER = build_stream("other", predictions={
    "topic": "other", "id": "id", "prediction": "said", "score": "score",
}, horizon=None, watch={"score": {"detector": "adwin"}})  # fmt: skip


def test_a_removed_stream_resolves_its_alerts() -> None:
    """Whatever fires is withdrawn; what is stored stays until it is forgotten."""
    log = with_command(WORLD, STREAM, at=LATE, commands=[declare(OTHER)]).messages
    run = asyncio.run(run_stored(build_deployment(STREAM), log))
    last = {data.alert_id: data for data in told(run)}
    assert len(last) >= 3
    assert {data.status.value for data in last.values()} == {"resolved"}
    assert any(data.reason is Reason.WITHDRAWN for data in last.values())
    assert "head" in run.store._instances[CHURN].fields
    assert list(run.monitor.streams) == ["other"]


@pytest.mark.parametrize("back", [STREAM, changed_profile()])
def test_a_stream_that_is_brought_back_goes_on(back: Stream) -> None:
    """With the state that it had, under the declaration that it came back with."""
    commands = [declare(OTHER), declare(back)]
    log = with_command(WORLD, STREAM, at=LATE, commands=commands).messages
    run = asyncio.run(run_stored(build_deployment(STREAM), log, checkpoints=[LATE]))
    seen, everything = seen_by(run, "error"), len(WORLD.labels)
    after = rows_after(log, LATE, Role.LABELS)
    adwin = everything if back is STREAM else after
    assert seen == {"adwin": adwin, "ddm": everything, "fhddm": everything}


@pytest.mark.parametrize("place", [70, 100, 164])
def test_a_stream_goes_and_comes_back_the_same_with_a_checkpoint_just_before(place: int) -> None:
    """A pending alert that ended with its stream does not fire when the stream is there again."""
    held = {"detector": "adwin", "hold": "3m"}
    stream = build_stream(watch={"error": held, "feature.amount": held})
    log = fill(Log([stream]), WORLD, size=15).messages
    log[place:place] = [declare(OTHER, at=START)]
    log[place + 2 : place + 2] = [declare(stream, at=START + 1)]
    deployment = build_deployment(stream)
    calm = asyncio.run(run_stored(deployment, log))
    stored = asyncio.run(run_stored(deployment, log, checkpoints=[place]))
    states = [asyncio.run(stored_state(one.store)) for one in (calm, stored)]
    assert differing(*states) == []
    assert stored.events == calm.events


def test_forgetting_begins_anew() -> None:
    """What came before the command is gone; another instance goes on."""
    world = World(count=600, instances=("a", "b"))
    log = fill(Log([SPLIT]), world).messages
    log.insert(len(log) // 2, forget(instance="churn/a"))
    monitor = build_monitor(build_deployment(SPLIT))
    monitor.apply_all(enumerate(log))
    fates = {one.key.value: one.row_fates["predictions", "applied"] for one in monitor.instances}
    rest = (one for one in log[len(log) // 2 :] if isinstance(one, Rows))
    after = sum(rows_of(one, "a") for one in rest if one.role is Role.PREDICTIONS)
    assert fates == {"b": 300, "a": after}


def test_forgetting_lifts_a_suspension() -> None:
    """There is nothing left that could not be read."""
    monitor = build_monitor(build_deployment(SPLIT))
    monitor.suspend(InstanceKey("churn", "a"), "reason")
    monitor.suspend(InstanceKey("churn", "b"), "reason")
    monitor.apply(0, forget(instance="churn/a"), {})
    assert set(monitor.suspended) == {InstanceKey("churn", "b")}
    monitor.apply(1, forget(stream="churn"), {})
    assert not monitor.suspended


@pytest.mark.parametrize(
    "declared",
    [
        (changed_profile(),),
        (build_stream(horizon="2m"),),
        (build_stream(horizon=None, watch={"score": {"detector": "adwin"}}),),
        (build_stream(windows=[{"size": "5m", "keep": "1h"}], lateness="2m"),),
        (OTHER,),
        (OTHER, STREAM),
        (build_stream(watch={"error": {"detector": "adwin-slow"}}), STREAM),
    ],
)
@pytest.mark.parametrize("at", [6, LATE])
def test_a_declaration_takes_effect_once_wherever_it_is_met(
    declared: tuple[Stream, ...], at: int
) -> None:
    """Stopped before, after and between, instances stored ahead of their partition: one result."""
    commands: list[Message] = []
    for number, stream in enumerate(declared):
        command = declare(stream, at=START + number * SECOND)
        commands += [command, *fill(Log([STREAM]), World(count=0)).messages]
    log = with_command(WORLD, STREAM, at=at, commands=commands).messages
    deployment = build_deployment(STREAM)
    calm = asyncio.run(run_stored(deployment, log, checkpoints=[at, at + 1, at + 2]))
    state = asyncio.run(stored_state(calm.store))
    near = range(at - 1, at + 6)
    for disturbance in (
        {"checkpoints": near, "crashes": near},
        {"checkpoints": [at], "half_writes": range(at + 1, at + 6)},
        {"half_writes": range(1, 99, 2), "trims": range(99)},
    ):
        run = asyncio.run(run_stored(deployment, log, **disturbance))
        assert differing(state, asyncio.run(stored_state(run.store))) == []
        assert run.events == calm.events


def test_a_table_that_is_learning_keeps_its_length_through_a_declaration() -> None:
    """A stop behind the declaration makes no difference to when the warm-up ends."""
    longer = DETECTOR_SPEC.validate_python({"kind": "adwin", "clock": 1, "warm_up": 400})
    other = build_stream(profiles={**PROFILES, "adwin": Profile("adwin", longer)})
    log = fill(Log([STREAM]), WORLD, size=60).messages
    log.insert(2, declare(other))
    deployment = build_deployment(STREAM)
    calm = asyncio.run(run_stored(deployment, log))
    run = asyncio.run(run_stored(deployment, log, checkpoints=range(99), crashes=[4, 5]))
    states = [asyncio.run(stored_state(one.store)) for one in (calm, run)]
    assert differing(*states) == []
    assert run.alarms == calm.alarms


# -- what detectors are given --


@pytest.mark.parametrize("kind", ["adwin", "page-hinkley", "kswin", "ddm", "eddm", "hddm-a",
                                  "hddm-w", "fhddm"])  # fmt: skip
def test_alarms_are_those_of_river(kind: str) -> None:
    """Through reading, the log, the join and restarts: values_seen as River called directly."""
    spec = DETECTOR_SPEC.validate_python({"kind": kind, **SENSITIVE.get(kind, {})})
    profile = Profile("one", spec)
    signals = ["error"] if spec.binary_only else ["error", "score", "feature.amount"]
    stream = build_stream(
        watch={signal: {"detector": "one"} for signal in signals}, profiles={"one": profile}
    )
    world = World(count=1_000, seed=7)
    log = fill(Log([stream]), world, seed=3).messages
    run = asyncio.run(
        run_stored(
            build_deployment(stream), log, checkpoints=range(1, 999, 3), crashes=range(5, 999, 8)
        )
    )
    said = {one["id"]: one["said"] for one in world.predictions}
    values: dict[str, tuple[SignalKind, list[float]]] = {
        "error": (
            SignalKind.BINARY, [float(said[one["id"]] != one["truth"]) for one in world.labels],
        ),
        "score": (SignalKind.UNIT, [one["score"] for one in world.predictions]),
        "feature.amount": (
            SignalKind.UNBOUNDED,
            [one["amount"] for one in world.predictions if "amount" in one],
        ),
    }  # fmt: skip
    ours = {signal: seen for (_, signal, _, _), seen in run.alarms_of().items()}
    rivers = {signal: river_alarms(profile, *values[signal]) for signal in signals}
    assert ours == {signal: alarms for signal, alarms in rivers.items() if alarms}
    assert ours


SENSITIVE: Mapping[str, Mapping[str, object]] = {
    "adwin": {"clock": 1, "warm_up": 100},
    "page-hinkley": {"warm_up": 100, "threshold": 15.0},
    "kswin": {"warm_up": 100, "alpha": 0.001},
    "eddm": {"warm_start": 30, "alpha": 0.99, "beta": 0.97},
    "hddm-w": {"drift_confidence": 0.001, "warning_confidence": 0.01, "lambda_val": 0.05},
}
