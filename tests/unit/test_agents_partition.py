"""One events partition at work: what is acknowledged is stored, what is stored is published."""

from __future__ import annotations

import asyncio
import copy
import gc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from driftline.agents.gauges import Gauges
from driftline.agents.loading import load_partition
from driftline.agents.monitor import MonitorRole
from driftline.agents.partition import (
    CHECKPOINT_ROWS,
    FEW_INSTANCES,
    KEEP_ENTRIES,
    PartitionWork,
)
from driftline.errors import OvertakenError, StateError, UnavailableError
from driftline.eventlog.codec import encode
from driftline.eventlog.messages import Rows
from driftline.metrics import Metrics
from driftline.model import InstanceKey, Role
from driftline.store.memory import MemoryStore
from driftline.store.protocol import Outcome
from driftline.transport.batches import PartitionLog, SourceBatch, TopicPartition
from driftline.transport.producer import SendError
from support.memory_producer import MemoryProducer
from support.monitor_log import (
    FakeRecord,
    Log,
    World,
    build_deployment,
    build_stream,
    declare,
    fill,
    forget,
)
from support.monitor_runs import (
    build_monitor,
    build_work,
    difference,
    differing,
    run_stored,
    stored_state,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Message
    from driftline.monitor.state import InstanceCheckpoint, PartitionCheckpoint
    from support.monitor_runs import Run

STREAM = build_stream()
OTHER = build_stream("other", horizon=None, watch={"score": {"detector": "adwin"}})
DEPLOYMENT = build_deployment(STREAM, checkpoint_interval="1m")
LOG = fill(Log([STREAM]), World()).messages
TOLD = next(
    at
    for monitor in (build_monitor(DEPLOYMENT),)
    for at, message in enumerate(LOG, 1)
    if monitor.apply(at - 1, message, {}).events
)
"""With this many messages an alert is told, and a checkpoint is on its way at once."""
TOPIC = DEPLOYMENT.settings.events_topic
TP = TopicPartition(TOPIC, 0)


class SlowStore(MemoryStore):
    """Waits with writing until it may, or fails once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.failing: UnavailableError | None = None

    async def write_instances(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """Wait, then write or fail."""
        await self.open.wait()
        if self.failing is not None:
            raise self.failing
        return await super().write_instances(checkpoints)


class BusyStore(MemoryStore):
    """Has not written one thing yet when there is already the next."""

    async def write_instances(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """Write, by and by."""
        for _ in range(1_000):
            await asyncio.sleep(0)
        return await super().write_instances(checkpoints)


class ForeignStore(MemoryStore):
    """Holds foreign values under the keys of every instance that has something to tell."""

    async def write_instances(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """Write the others."""
        sound = [one for one in checkpoints if not one.outbox]
        outcomes = iter(await super().write_instances(sound))
        return [Outcome.BROKEN if one.outbox else next(outcomes) for one in checkpoints]


@dataclass
class Bench:
    """A partition's work, with a store and a producer in memory."""

    deployment: Deployment = DEPLOYMENT
    store: MemoryStore = field(default_factory=MemoryStore)
    producer: MemoryProducer = field(default_factory=MemoryProducer)
    acked: list[int] = field(default_factory=list)
    """The ends of the batches that were acknowledged."""

    async def work(self, keep_entries: int = KEEP_ENTRIES) -> PartitionWork:
        """Take over the partition, as the role does."""
        monitor, outbox = await load_partition(self.store, 0, self.deployment)
        work = build_work(
            monitor,
            self.deployment,
            store=self.store,
            producer=self.producer,
            keep_entries=keep_entries,
        )
        await work.publish(outbox)
        return work

    def batch(self, log: Sequence[Message], first: int, following: int) -> SourceBatch:
        """Offsets of the log as they come from Kafka."""
        return SourceBatch(
            TOPIC,
            0,
            first,
            following,
            [FakeRecord(at, encode(log[at])) for at in range(first, following)],
            log_start=0,
            log_end=len(log),
            generation=1,
            on_ack=lambda batch: self.acked.append(batch.next),
        )

    async def feed(
        self, work: PartitionWork, log: Sequence[Message], first: int = 0, *, size: int = 5
    ) -> None:
        """Give the log from an offset on in batches, and finish."""
        for start in range(first, len(log), size):
            await work.on_batch(self.batch(log, start, min(start + size, len(log))))
        await work.finish()


async def stored_at(store: MemoryStore) -> int | None:
    """The position that is stored."""
    stored = await store.load_partition(0)
    return stored.offset if stored else None


async def check_stored_alike(bench: Bench, calm: Run) -> None:
    """Once nothing is left to be collected, what is stored is as after a run without trouble."""
    while await bench.store.collect_garbage(10_000):
        pass
    states = [await stored_state(store) for store in (bench.store, calm.store)]
    assert differing(*states) == []


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_everything_is_stored_published_and_acknowledged(size: int) -> None:
    """However the log is cut, the state and the alerts are those of the log."""
    bench = Bench()
    await bench.feed(await bench.work(), LOG, size=size)
    calm = await run_stored(DEPLOYMENT, LOG)
    assert bench.producer.ids == list(calm.events)
    assert bench.acked[-1] == len(LOG)
    await check_stored_alike(bench, calm)


async def test_a_batch_is_acknowledged_when_it_is_stored_and_not_before() -> None:
    """While the checkpoint is on its way the next batches are applied, and nothing is said."""
    store = SlowStore()
    bench = Bench(store=store)
    work = await bench.work()
    store.open.clear()
    await work.on_batch(bench.batch(LOG, 0, TOLD))
    await work.on_batch(bench.batch(LOG, TOLD, TOLD + 1))
    assert bench.acked == []
    assert bench.producer.sent == []
    store.open.set()
    await work.finish()
    assert bench.acked == [TOLD, TOLD + 1]
    assert await stored_at(store) == TOLD + 1


async def test_a_superseded_worker_leaves_and_acknowledges_nothing() -> None:
    """Another one has gone on: whatever the first still does changes nothing."""
    bench = Bench()
    zombie, other = await bench.work(), await bench.work()
    await other.on_batch(bench.batch(LOG, 0, 30))
    await other.finish()
    state, sent = await stored_state(bench.store, summary=True), list(bench.producer.sent)
    bench.acked.clear()
    await zombie.on_batch(bench.batch(LOG, 0, 20))
    with pytest.raises(OvertakenError):
        await zombie.finish()
    assert bench.acked == []
    assert bench.producer.sent == sent
    assert await stored_state(bench.store, summary=True) == state


@pytest.mark.parametrize("way", ["batch", "tick", "finish"])
async def test_an_unavailable_store_is_noticed_at_the_next_occasion(way: str) -> None:
    """By the next batch, by a tick, or at the end; the batch is not acknowledged."""
    store = SlowStore()
    bench = Bench(store=store)
    work = await bench.work()
    store.failing = UnavailableError("redis does not answer")
    await work.on_batch(bench.batch(LOG, 0, TOLD))
    # A step of the event loop for the write that was begun.
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await {
            "batch": lambda: work.on_batch(bench.batch(LOG, TOLD, TOLD + 1)),
            "tick": work.on_tick,
            "finish": work.finish,
        }[way]()
    assert bench.acked == []
    store.failing = None
    again = await bench.work()
    await bench.feed(again, LOG)
    calm = await run_stored(DEPLOYMENT, LOG)
    assert set(bench.producer.ids) == set(calm.events)


async def test_after_a_failure_nothing_more_is_done_and_nobody_is_blamed_for_it() -> None:
    """What comes while the process ends is neither applied nor stored: nobody has gone on."""
    store = SlowStore()
    bench = Bench(store=store)
    work = await bench.work()
    store.failing = UnavailableError("redis is full")
    await work.on_batch(bench.batch(LOG, 0, TOLD))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await work.on_tick()
    store.failing = None
    await work.on_batch(bench.batch(LOG, TOLD, len(LOG)))
    await work.on_tick()
    await work.finish()
    assert bench.acked == []
    assert await stored_at(store) is None


async def test_a_write_that_failed_when_nobody_waits_for_it_any_more_is_no_mystery() -> None:
    """Given up at that moment, its error is not reported as one that nobody had thought of."""
    store, told = SlowStore(), list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, said: told.append(said["message"]))
    bench = Bench(store=store)
    work = await bench.work()
    store.failing = UnavailableError("redis is full")
    await work.on_batch(bench.batch(LOG, 0, TOLD))
    await asyncio.sleep(0)
    work.abandon()
    del work
    gc.collect()
    assert told == []


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_an_instance_that_cannot_be_stored_tells_nothing(size: int) -> None:
    """It is passed over from there on: nobody could ever end an alert that was told."""
    bench = Bench(store=ForeignStore())
    work = await bench.work()
    await bench.feed(work, LOG, size=size)
    assert bench.producer.sent == []
    assert [key.name for key in work.monitor.suspended] == ["churn"]
    assert bench.acked[-1] == len(LOG)


async def test_a_partition_that_is_let_go_of_in_the_middle_of_a_batch_takes_no_further_step() -> (
    None
):
    """Nothing is applied, stored, told or acknowledged behind it."""
    bench = Bench()
    work = await bench.work()
    batch = asyncio.create_task(work.on_batch(bench.batch(LOG, 0, len(LOG))))
    await asyncio.sleep(0)
    at = work.monitor.offset
    assert 0 < at < len(LOG), "it did not give the loop back in the middle, which tests nothing"
    work.abandon()
    await batch
    assert work.monitor.offset == at
    assert bench.acked == []
    assert bench.producer.sent == []
    assert await stored_at(bench.store) is None


async def test_alerts_that_were_stored_and_not_sent_are_sent_by_the_next_worker() -> None:
    """The same events, with the same ids; then they are forgotten."""
    bench = Bench()
    work = await bench.work()
    bench.producer.failing = SendError("kafka does not answer")
    with pytest.raises(SendError):
        await bench.feed(work, LOG)
    stored = await bench.store.load_instance(InstanceKey("churn"))
    assert stored is not None
    assert stored.outbox
    assert bench.producer.sent == []
    bench.producer.failing = None
    again = await bench.work()
    assert bench.producer.ids == [event.id for event in stored.outbox]
    start = await stored_at(bench.store)
    assert start is not None
    await bench.feed(again, LOG, start)
    assert bench.producer.ids == list((await run_stored(DEPLOYMENT, LOG)).events)
    stored = await bench.store.load_instance(InstanceKey("churn"))
    assert stored is not None
    assert not stored.outbox


async def test_alerts_of_a_stream_that_was_taken_out_are_sent_after_a_crash() -> None:
    """They were stored with its last state, though nobody loads that any more."""
    log = [*LOG, declare(OTHER)]
    bench = Bench()
    work = await bench.work()
    await bench.feed(work, log[:-1])
    before = len(bench.producer.sent)
    bench.producer.failing = SendError("kafka does not answer")
    with pytest.raises(SendError):
        await bench.feed(work, log, len(LOG))
    bench.producer.failing = None
    await bench.work()
    ends = [dict(message.headers)["ce_type"] for message in bench.producer.sent[before:]]
    assert ends
    assert set(ends) == {b"io.driftline.alert.resolved"}


async def test_what_was_stored_before_is_acknowledged_when_it_is_read_again() -> None:
    """Kafka had not been told: there is nothing new to store, and nothing wrong."""
    bench = Bench()
    await bench.feed(await bench.work(), LOG)
    state = await stored_state(bench.store)
    bench.acked.clear()
    again = await bench.work()
    await again.on_batch(bench.batch(LOG, 3, 9))
    await again.on_tick()
    await again.on_batch(bench.batch(LOG, 9, len(LOG)))
    await again.finish()
    assert bench.acked == [9, len(LOG)]
    assert await stored_state(bench.store) == state


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("at", [1, 20])
async def test_a_stream_that_comes_back_in_the_middle_of_a_batch_loses_nothing(
    size: int, at: int
) -> None:
    """Rows before and behind the declarations are applied once, their labels joined."""
    log = [*LOG[:at], declare(OTHER), declare(STREAM), *LOG[at:]]
    bench = Bench(deployment=build_deployment(STREAM, checkpoint_interval="1m"))
    work = await bench.work()
    await bench.feed(work, log, size=size)
    (instance,) = work.monitor.instances
    rows = {
        role: sum(len(one) for one in LOG if isinstance(one, Rows) and one.role is role)
        for role in Role
    }
    assert instance.row_fates[Role.PREDICTIONS, "applied"] == rows[Role.PREDICTIONS]
    assert instance.outcomes["joined"] == rows[Role.LABELS]
    assert bench.acked[-1] == len(log)


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_a_forgotten_instance_begins_anew_at_once(size: int) -> None:
    """Rows behind the command make a new one, though the old one was stored; others go on."""
    stream = build_stream(split_by="model")
    log = fill(Log([stream]), World(count=600, instances=("a", "b"))).messages
    at = len(log) // 2
    log.insert(at, forget(instance="churn/a"))
    bench = Bench(deployment=build_deployment(stream, checkpoint_interval="1m"))
    work = await bench.work()
    await bench.feed(work, log, size=size)
    fates = {one.key.name: one.row_fates for one in work.monitor.instances}
    assert fates["churn/b"]["predictions", "applied"] == 300
    assert 0 < fates["churn/a"]["predictions", "applied"] < 300
    loaded, _ = await load_partition(bench.store, 0, bench.deployment)
    assert {one.key.name: one.row_fates for one in loaded.instances} == fates
    assert difference(loaded, "churn") == 0


async def test_a_message_that_is_none_of_ours_is_passed_over() -> None:
    """It is said, and the log goes on."""
    bench = Bench()
    work = await bench.work()
    batch = bench.batch(LOG, 0, 3)
    bad = SourceBatch(
        TOPIC,
        0,
        3,
        4,
        [FakeRecord(3, b"{}")],
        0,
        9,
        1,
        on_ack=lambda one: bench.acked.append(one.next),
    )
    await work.on_batch(batch)
    await work.on_batch(bad)
    await work.finish()
    assert bench.acked[-1] == 4


# -- where to begin --


def role(bench: Bench) -> MonitorRole:
    """The monitor role with the bench's store."""
    return MonitorRole(
        bench.deployment, store=bench.store, producer=bench.producer, gauges=Gauges(Metrics())
    )


def restarting(policy: str) -> Deployment:
    """A deployment of a stream with this policy."""
    return build_deployment(build_stream(on_state_lost=policy), checkpoint_interval="1m")


async def stored_until(bench: Bench, offset: int) -> None:
    """Have the state of an offset stored."""
    work = await bench.work()
    await work.on_batch(bench.batch(LOG, 0, offset))
    await work.finish()


@pytest.mark.parametrize(
    ("stored", "committed", "log", "start"),
    [
        (None, None, (0, 0), 0),
        (None, None, (5, 30), 5),
        (None, 0, (0, 30), 0),
        (20, 20, (0, 30), 20),
        (20, 25, (0, 30), 20),
        (20, 12, (0, 30), 12),
        (20, None, (0, 30), 20),
        (20, 12, (15, 30), 15),
        (20, 20, (20, 20), 20),
    ],
)
async def test_reading_begins_at_the_lower_position(
    stored: int | None, committed: int | None, log: tuple[int, int], start: int
) -> None:
    """What Redis or Kafka knows, whichever is further back, within what the log holds."""
    bench = Bench(deployment=restarting("refuse"))
    if stored is not None:
        await stored_until(bench, stored)
    starts = await role(bench).on_assigned({TP: PartitionLog(committed, *log)})
    assert starts == {TP: start}


@pytest.mark.parametrize(
    ("stored", "committed", "log", "start"),
    [
        (None, 12, (0, 30), 12),
        (None, 12, (15, 30), 15),
        (None, 40, (0, 30), 30),
        (20, 20, (25, 30), 25),
    ],
)
async def test_lost_state_refuses_or_starts_afresh_as_declared(
    stored: int | None, committed: int, log: tuple[int, int], start: int
) -> None:
    """Redis is empty where Kafka has a position, or the log begins behind the state."""
    for policy in ("refuse", "restart"):
        bench = Bench(deployment=restarting(policy))
        if stored is not None:
            await stored_until(bench, stored)
        place: dict[TopicPartition, Any] = {TP: PartitionLog(committed, *log)}
        if policy == "refuse":
            with pytest.raises(StateError, match="state lost"):
                await role(bench).on_assigned(place)
        else:
            assert await role(bench).on_assigned(place) == {TP: start}


@pytest.mark.parametrize("policy", ["refuse", "restart"])
async def test_a_log_that_ends_before_the_state_is_refused(policy: str) -> None:
    """Whatever is declared: everything up to the stored offset would be dropped as old."""
    bench = Bench(deployment=restarting(policy))
    await stored_until(bench, 20)
    with pytest.raises(StateError, match="deleted or cut off"):
        await role(bench).on_assigned({TP: PartitionLog(None, 0, 3)})


async def test_a_role_stores_and_drops_what_is_taken_from_it() -> None:
    """And takes it up again where it was."""
    bench = Bench()
    one = role(bench)
    await one.on_assigned({TP: PartitionLog(None, 0, len(LOG))})
    await one.on_batch(bench.batch(LOG, 0, 10))
    assert list(one.partitions) == [0]
    await one.on_revoked([TP])
    assert list(one.partitions) == []
    assert bench.acked == [10]
    starts = await role(bench).on_assigned({TP: PartitionLog(10, 0, len(LOG))})
    assert starts == {TP: 10}


# -- thousands of instances --

HOT = [name for number in range(120) for name in ("hot", f"m{number}")]
"""One instance that gets half of all rows, and many that get few."""
SPLIT = build_stream(split_by="model")
MANY = build_deployment(SPLIT, checkpoint_interval="1m")
MANY_LOG = fill(Log([SPLIT]), World(count=2_400, instances=HOT)).messages


async def feed_until_told(
    bench: Bench, work: PartitionWork, log: Sequence[Message] = MANY_LOG
) -> int:
    """Give the log in batches of one message until an alert is published; where that was."""
    for at in range(len(log)):
        await work.on_batch(bench.batch(log, at, at + 1))
        for _ in range(20):
            await asyncio.sleep(0)
        if bench.producer.ids:
            return at + 1
    pytest.fail("no alert was told")


async def test_among_many_instances_an_alert_waits_for_its_own_instance_alone() -> None:
    """It is published while the partition is not stored; in the end all is as without haste."""
    bench = Bench(deployment=MANY)
    work = await bench.work()
    at = await feed_until_told(bench, work)
    assert await stored_at(bench.store) is None
    assert [key.value for key in await bench.store.list_instances()] == ["hot"]
    assert bench.acked == []
    await bench.feed(work, MANY_LOG, at)
    calm = await run_stored(MANY, MANY_LOG)
    assert bench.producer.ids == list(calm.events)
    await check_stored_alike(bench, calm)


@pytest.mark.parametrize(("others", "alone"), [(FEW_INSTANCES - 1, False), (FEW_INSTANCES, True)])
async def test_among_a_few_instances_an_alert_takes_all_that_changed_along(
    others: int, *, alone: bool
) -> None:
    """To store them later would cost more than to store them now."""
    names = [name for number in range(others) for name in ("hot", f"m{number}")]
    bench = Bench(deployment=MANY)
    log = fill(Log([SPLIT]), World(count=2_400, instances=names)).messages
    await feed_until_told(bench, await bench.work(), log)
    stored = {key.value for key in await bench.store.list_instances()}
    assert stored == ({"hot"} if alone else set(names))
    assert (await stored_at(bench.store) is None) == alone


async def test_a_crash_after_an_alert_was_told_alone_changes_nothing() -> None:
    """Whoever takes over reads the log from the partition's place, and the instance passes over."""
    bench = Bench(deployment=MANY)
    work = await bench.work()
    await feed_until_told(bench, work)
    work.abandon()
    again = await bench.work()
    await bench.feed(again, MANY_LOG, await stored_at(bench.store) or 0)
    calm = await run_stored(MANY, MANY_LOG)
    assert list(dict.fromkeys(bench.producer.ids)) == list(calm.events)
    await check_stored_alike(bench, calm)


async def test_a_told_instance_that_the_store_has_lost_is_missed_by_the_next_checkpoint() -> None:
    """Also if nothing came for it since: its rows would else never be applied again."""
    bench = Bench(deployment=MANY)
    work = await bench.work()
    before = copy.deepcopy(vars(bench.store))
    at = await feed_until_told(bench, work)
    vars(bench.store).update(before)
    assert 0 < at < len(MANY_LOG)
    work.monitor.apply(at, None, {})
    with pytest.raises(OvertakenError):
        await work.finish()


async def test_a_command_among_many_instances_does_not_wait() -> None:
    """Whoever gave it looks at the partition's place to see that it was taken."""
    bench = Bench(deployment=MANY)
    work = await bench.work()
    log = [*MANY_LOG[:20], forget(stream="nothing"), *MANY_LOG[20:30]]
    for at in range(len(log)):
        await work.on_batch(bench.batch(log, at, at + 1))
    for _ in range(50):
        await asyncio.sleep(0)
    assert (await stored_at(bench.store) or 0) > 20


class NotingStore(MemoryStore):
    """Notes where the partition was stored."""

    def __init__(self) -> None:
        super().__init__()
        self.stored_at: list[int] = []

    async def write_partition(
        self, checkpoint: PartitionCheckpoint, instances: Collection[InstanceKey] = ()
    ) -> Outcome:
        """Write, and note."""
        self.stored_at.append(checkpoint.to_offset)
        return await super().write_partition(checkpoint, instances)


async def test_a_declaration_is_stored_before_what_it_lets_in() -> None:
    """In the middle of a batch too.

    To tell an alert an instance may be stored ahead of its partition. Read again from before the
    declaration, its rows that were refused would pass for known.
    """
    one = build_stream(split_by="model", max_instances=1)
    two = build_stream(split_by="model", max_instances=2)
    messages = fill(Log([two]), World(count=80, instances=("a", "b")), size=10).messages
    before, after = messages[:8], messages[8:]
    log = [*before, declare(two), *after]
    store = NotingStore()
    bench = Bench(deployment=build_deployment(one, checkpoint_interval="1m"), store=store)
    await bench.feed(await bench.work(), log, size=len(log))
    assert store.stored_at == [len(before) + 1, len(log)]


async def test_memory_is_bounded_while_a_backlog_keeps_the_store_busy() -> None:
    """What was stored long ago is let go of, although something is on its way at every moment."""
    log = fill(Log([STREAM]), World(count=4 * CHECKPOINT_ROWS), size=CHECKPOINT_ROWS).messages
    predictions = [one for one in log if isinstance(one, Rows) and one.role is Role.PREDICTIONS]
    bench = Bench(store=BusyStore())
    work = await bench.work(keep_entries=1_000)
    for at in range(len(log)):
        await work.on_batch(bench.batch(log, at, at + 1))
        assert work._flight is not None
        assert not work._flight.done()
        # What is kept, and what is on its way or was applied since: a message of each role.
        (instance,) = work.monitor.instances
        assert instance._parts.join.in_memory <= 1_250 + 2 * CHECKPOINT_ROWS
    (let_go,) = work.monitor.unknown_ids(predictions[:1]).values()
    assert len(let_go) == CHECKPOINT_ROWS
    await work.finish()
    await check_stored_alike(bench, await run_stored(DEPLOYMENT, log))


async def test_a_batch_that_waits_for_its_checkpoint_holds_no_records() -> None:
    """They may be many: thousands of instances wait a minute."""
    bench = Bench(deployment=MANY)
    work = await bench.work()
    await work.on_batch(bench.batch(MANY_LOG, 0, 5))
    assert [list(one.records) for one in work._applied] == [[]]
    await work.finish()
    assert bench.acked == [5]
