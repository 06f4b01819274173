"""The faults: each is inflicted while data comes in, at moments that the seed says.

A fault may leave data unfed and workers running: the round goes on to its end.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import redis.asyncio
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions, NewTopic

from chaos.oracle import Expectation, read_topic
from chaos.scenario import DETECTORS
from driftline.crashpoints import RECORD_VARIABLE, VARIABLE, CrashPoint
from driftline.transport.address import KafkaAddress
from driftline.transport.batches import TopicPartition as Place
from driftline.transport.topics import TopicAdmin
from support.pipeline import stream_states

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from chaos.rounds import Round
    from chaos.supervised import Supervised
    from support.kafka_broker import KafkaBroker
    from support.redis_server import RedisServer

AOF: Final = "appendonly.aof"
MINUTE: Final = 60.0


@dataclass(frozen=True)
class Fault:
    """A kind of round."""

    name: str
    inflict: Callable[[Round], Awaitable[None]]
    weight: int = 1
    """How often it is drawn, against the others."""
    own_redis: bool = False
    """It is inflicted on Redis: the round has one of its own."""
    alone: bool = False
    """It is inflicted on the broker: no other round may run beside it."""
    long: bool = False
    """It takes a minute or more: left out of the short run."""
    session: str = "2s"
    """The workers' session timeout."""
    on_state_lost: str = "refuse"


# -- a worker dies


def crash_at(point: CrashPoint, when: str) -> Callable[[Round], Awaitable[None]]:
    """Die at a declared point, in the first batch, one in the middle, or the last."""

    async def inflict(one: Round) -> None:
        times = {"first": 1, "middle": one.rng.randint(2, 5), "last": 1}[when]
        if when == "last":
            calm = await one.start_worker()
            await one.feed(len(one.scenario.chunks) - 2)
            await one.drained()
            assert await calm.stop() == 0
        crashing = await one.start_worker({VARIABLE: f"{point.value}:{times}"})
        await one.feed()
        await _until(lambda: bool(crashing.exits), f"{point} was not passed {times} times")
        assert crashing.exits[0] == -9, f"it ended with {crashing.exits}:\n{crashing.tail()}"

    return inflict


async def poisonous_record(one: Round) -> None:
    """Every process dies that decodes a certain record: it is found, and set aside."""
    topic = one.scenario.topic("fleet", one.rng.choice(["predictions", "labels"]))
    await one.feed(one.rng.randint(1, 6), pause=0)
    there = [record for record in read_topic(one.servers.kafka.bootstrap, topic) if record.value]
    poison = one.rng.choice(there)
    at = f"{topic}/{poison.partition}/{poison.offset}"
    worker = await one.start_worker(lasting={RECORD_VARIABLE: at})
    await one.feed()
    await one.drained()
    assert -signal.SIGKILL in worker.exits, "nobody has died of it"
    one.notes["deaths"] = len(worker.exits)
    everything = read_topic(one.servers.kafka.bootstrap, topic)
    one.expected = Expectation(
        sources={topic: [one for one in everything if one != poison]},
        set_aside=frozenset({(topic, poison.partition, poison.offset)}),
    )


async def kill_one(one: Round) -> None:
    """Workers die by kill -9 at random times, up to three."""
    worker = await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    for _ in range(one.rng.randint(1, 3)):
        await one.wait(0.0, 1.5)
        worker.kill()
        if one.rng.random() < 0.5:
            await worker.wait_said("worker_started", worker.said("worker_started") + 1)
    await feeding


async def kill_of_two(one: Round) -> None:
    """Two workers, one of them dies for good: how long until the other has gone on?"""
    first, second = await asyncio.gather(one.start_worker(), one.start_worker())
    await one.feed(4)
    victim = one.rng.choice([first, second])
    await victim.abandon()
    begun = time.monotonic()
    await one.feed(2, pause=0)
    await one.drained()
    one.notes["takeover_seconds"] = round(time.monotonic() - begun, 2)


async def takeover(one: Round) -> None:
    """One of two dies for good: how long until the other applies what comes to its partitions?"""
    workers = await asyncio.gather(one.start_worker(), one.start_worker())
    await one.feed(3)
    await one.drained()
    victim = one.rng.choice(workers)
    theirs = await _partitions_of(one, victim)
    before = await _stored_offsets(one)
    begun = time.monotonic()
    await victim.abandon()
    await one.feed(2, pause=0)
    await _moved(one, {partition: before[partition] for partition in theirs}, any_of_them=True)
    one.notes["takeover_first_event_seconds"] = round(time.monotonic() - begun, 2)
    await one.drained()
    one.notes["takeover_all_seconds"] = round(time.monotonic() - begun, 2)


async def same_identity(one: Round) -> None:
    """One of two dies and comes back under its name: how soon, and does the other notice?"""
    names = ("first", "second")
    directories = [one.variant(name, {"group_instance_id": name}) for name in names]
    workers = await asyncio.gather(*(one.start_worker(directory=each) for each in directories))
    await one.feed(3)
    await one.drained()
    victim = one.rng.choice(workers)
    (other,) = (each for each in workers if each is not victim)
    theirs = await _partitions_of(one, victim)
    before, taken = await _stored_offsets(one), other.said("partition_taken")
    begun = time.monotonic()
    victim.kill()
    await one.feed(2, pause=0)
    await _moved(one, {partition: before[partition] for partition in theirs}, any_of_them=True)
    seconds = one.notes["restart_first_event_seconds"] = round(time.monotonic() - begun, 2)
    await one.drained()
    one.notes["restart_all_seconds"] = round(time.monotonic() - begun, 2)
    rebalanced = one.notes["rebalanced"] = int(other.said("partition_taken") > taken)
    # The last heartbeat may be two of the session's six seconds old when it dies.
    assert seconds > 4 or not rebalanced, f"it was rebalanced:\n{other.tail()}"


async def _partitions_of(one: Round, worker: Supervised) -> list[int]:
    """The events partitions that a worker owns."""
    deadline = time.monotonic() + 90
    while True:
        async with one.pipeline.store() as store:
            for facts in (await store.list_workers()).values():
                owned: Any = facts["events_partitions"]
                if facts["pid"] == worker.pid and owned:
                    return list(owned)
        assert time.monotonic() < deadline, "it owns nothing"
        await asyncio.sleep(0.2)


async def _stored_offsets(one: Round) -> dict[int, int]:
    count = one.deployment.settings.topics.events_partitions
    async with one.pipeline.store() as store:
        stored = [await store.load_partition(number) for number in range(count)]
    return {number: 0 if each is None else each.offset for number, each in enumerate(stored)}


async def _moved(one: Round, before: Mapping[int, int], *, any_of_them: bool) -> None:
    """Return once one, or each, of these events partitions has been applied further."""
    enough = any if any_of_them else all
    deadline = time.monotonic() + 90
    async with one.pipeline.store() as store:
        while True:
            stored = {partition: await store.load_partition(partition) for partition in before}
            if enough(each and each.offset > before[at] for at, each in stored.items()):
                return
            assert time.monotonic() < deadline, "nobody has taken over"
            await asyncio.sleep(0.02)


async def rolling_restart(one: Round) -> None:
    """Two declarations side by side: the new one holds, however often the old one is started."""
    before = one.pipeline.directory
    old = await asyncio.gather(*(one.start_worker(always=True) for _ in range(2)))
    await one.feed(4)
    streams = one.scenario.streams()
    watch = streams["fleet"]["watch"]
    watch["feature.car_value"] = {"detector": ["page", "quick"]}
    watch["score"] = {"detector": "quick"}
    del watch["feature.size_of_downpayment"]
    after = before.with_name("after")
    changed = replace(one.pipeline, directory=after).declare(streams, DETECTORS)
    assert changed.digest != one.deployment.digest
    new = []
    for leaving in old:
        new.append(await one.start_worker(directory=after))
        await one.feed(2)
        await _until(lambda: 2 in leaving.exits, f"the old one stays:\n{leaving.tail()}")  # noqa: B023
        if one.rng.random() < 0.5:
            one.rng.choice(new).kill()
    await one.feed()
    await one.drained()
    assert all(set(each.exits) <= {1, 2} for each in old), [each.exits for each in old]
    for each in old:
        await each.abandon()


async def three_come_and_go(one: Round) -> None:
    """One is killed, one is added, one is stopped cleanly, while data comes."""
    workers = list(await asyncio.gather(one.start_worker(), one.start_worker()))
    feeding = asyncio.create_task(one.feed(pause=0.3))
    steps = ["kill", "add", "stop"]
    one.rng.shuffle(steps)
    for step in steps:
        await one.wait(0.0, 1.0)
        if step == "add":
            workers.append(await one.start_worker())
        elif step == "kill":
            one.rng.choice(workers).kill()
        else:
            leaving = workers.pop(one.rng.randrange(len(workers)))
            # It may be the one that was killed.
            await leaving.wait_up()
            code = await leaving.stop()
            assert code == 0, f"asked to stop, it ended with {code}:\n{leaving.tail()}"
    await feeding


async def zombie(one: Round) -> None:
    """One of two is frozen past its session, and woken when the other has gone on."""
    first, second = await asyncio.gather(one.start_worker(), one.start_worker())
    frozen = one.rng.choice([first, second])
    feeding = asyncio.create_task(one.feed(pause=0.35))
    await one.wait(0.1, 1.5)
    frozen.freeze()
    await one.wait(2.5, 4.5)
    frozen.thaw()
    await feeding


# -- Redis


async def redis_killed(one: Round) -> None:
    """Redis dies by kill -9, and a start from its AOF."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    await one.wait(0.1, 1.5)
    await asyncio.to_thread(one.servers.redis.kill)
    await one.wait(0.0, 3.0)
    await _start_redis(one)
    await feeding


async def redis_set_back(one: Round) -> None:
    """Redis dies, and comes back with what it held some time before."""
    worker = await one.start_worker()
    feeding = asyncio.create_task(one.feed(pause=0.25))
    await _committed(one)
    await one.wait(0.0, 0.5)
    copy = await _copy_redis(one)
    await one.wait(0.3, 1.5)
    await asyncio.to_thread(one.servers.redis.kill)
    await asyncio.to_thread(shutil.copy, copy, one.servers.redis_directory / AOF)
    if one.rng.random() < 0.3:
        worker.kill()
    await _start_redis(one)
    await feeding


async def redis_emptied_and_restored(one: Round) -> None:
    """State is lost: the worker refuses to go on, until the state is restored."""
    worker = await one.start_worker()
    feeding = asyncio.create_task(one.feed(pause=0.3))
    await _committed(one)
    copy = await _copy_redis(one)
    async with redis.asyncio.Redis.from_url(one.servers.redis.url) as client:
        await client.flushall()
    await worker.wait_said("state_lost", seconds=90)
    await asyncio.to_thread(one.servers.redis.kill)
    await asyncio.to_thread(shutil.copy, copy, one.servers.redis_directory / AOF)
    await _start_redis(one)
    await feeding


async def redis_emptied(one: Round) -> None:
    """State is lost, and the declaration says to start afresh: loudly, and consistently."""
    worker = await one.start_worker()
    await one.feed(5)
    await _committed(one)
    async with redis.asyncio.Redis.from_url(one.servers.redis.url) as client:
        await client.flushall()
    await worker.wait_said("state_lost", seconds=90)
    await worker.wait_said("worker_started", 2)
    since = {}
    for line in worker.log.read_text("utf-8").splitlines():
        if '"partition_taken"' in line:
            fields = json.loads(line)
            since[int(fields["partition"])] = int(fields["offset"])
    one.expected = Expectation(since=since, state_only=True)


async def redis_full(one: Round) -> None:
    """Out of memory for a while, nothing evicted."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    await one.wait(0.1, 1.0)
    async with redis.asyncio.Redis.from_url(one.servers.redis.url) as client:
        await client.config_set("maxmemory", "1mb")
        await one.wait(1.0, 4.0)
        await client.config_set("maxmemory", "0")
    await feeding


async def redis_read_only(one: Round) -> None:
    """A replica for a while, as after a failover that left us at the wrong server."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    await one.wait(0.1, 1.0)
    async with redis.asyncio.Redis.from_url(one.servers.redis.url) as client:
        await client.config_set("min-replicas-to-write", "1")
        await one.wait(1.0, 4.0)
        await client.config_set("min-replicas-to-write", "0")
    await feeding


async def redis_paused(one: Round) -> None:
    """Redis answers nobody for some seconds."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    await one.wait(0.1, 1.0)
    async with redis.asyncio.Redis.from_url(one.servers.redis.url) as client:
        await client.client_pause(one.rng.randint(500, 4_000))
    await feeding


async def _committed(one: Round) -> None:
    """Return once the group has told Kafka of the log: before, an empty Redis has lost nothing."""
    group, topic = f"{one.deployment.settings.name}.monitor", one.deployment.settings.events_topic
    admin = TopicAdmin(KafkaAddress(one.servers.kafka.bootstrap))
    partitions = [
        Place(topic, number) for number in range(one.deployment.settings.topics.events_partitions)
    ]
    deadline = time.monotonic() + 90
    while True:
        committed = await admin.committed(group, partitions)
        if all(committed.get(tp) for tp in partitions):
            return
        assert time.monotonic() < deadline, "nothing of the log was committed"
        await asyncio.sleep(0.1)


async def redis_away(one: Round) -> None:
    """Redis is away for a minute: frozen, or dead and started again."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed(pause=1.0))
    await one.wait(1.0, 4.0)
    await _away_a_minute(one, one.servers.redis, lambda: _start_redis(one))
    await feeding


async def _away_a_minute(
    one: Round, server: KafkaBroker | RedisServer, start: Callable[[], Awaitable[None]]
) -> None:
    """By the round's luck it is frozen, or dies and is started again."""
    if one.rng.random() < 0.5:
        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(MINUTE)
        os.kill(server.pid, signal.SIGCONT)
    else:
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(MINUTE)
        await start()


async def _start_redis(one: Round) -> None:
    for _ in range(50):
        try:
            await asyncio.to_thread(one.servers.redis.start)
        except redis.exceptions.BusyLoadingError:
            await asyncio.sleep(0.2)
        else:
            return


async def _copy_redis(one: Round) -> str:
    """What Redis has written so far, set aside."""
    # everysec: what it has been told is in the file, if not yet on the disk, within a second.
    async with redis.asyncio.Redis.from_url(one.servers.redis.url) as client:
        await client.ping()
    copy = one.servers.redis_directory / f"{one.scenario.name}.copy"
    await asyncio.to_thread(shutil.copy, one.servers.redis_directory / AOF, copy)
    return str(copy)


# -- the broker


async def broker_killed(one: Round) -> None:
    """The broker dies by kill -9, and is started again."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    await one.wait(0.1, 1.5)
    await asyncio.to_thread(one.servers.kafka.kill)
    await one.wait(0.0, 2.0)
    await asyncio.to_thread(one.servers.kafka.start)
    await feeding


async def broker_paused(one: Round) -> None:
    """The broker answers nobody for some seconds: longer than sessions last."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed())
    await one.wait(0.1, 1.5)
    os.kill(one.servers.kafka.pid, signal.SIGSTOP)
    await one.wait(1.0, 6.0)
    os.kill(one.servers.kafka.pid, signal.SIGCONT)
    await feeding


async def broker_away(one: Round) -> None:
    """The broker is away for a minute: frozen, or dead and started again."""
    await one.start_worker()
    feeding = asyncio.create_task(one.feed(pause=1.0))
    await one.wait(1.0, 4.0)
    kafka = one.servers.kafka
    await _away_a_minute(one, kafka, lambda: asyncio.to_thread(kafka.start))
    await feeding


async def partition_added(one: Round) -> None:
    """A source topic gets one more partition, with records in it."""
    await one.start_worker()
    await one.feed(4)
    topic = one.scenario.topic("fleet", "predictions")
    one.admin.create_partitions([NewPartitions(topic, 3)])[topic].result(timeout=60)
    await one.wait(0.5, 1.0)
    one.move("fleet", "predictions", 2)
    await one.feed()


async def topic_made_anew(one: Round) -> None:
    """A source topic is deleted and made again, with other records at the same offsets."""
    worker = await one.start_worker()
    await one.feed(6)
    await one.drained()
    topic = one.scenario.topic("loans", "labels")
    kept = read_topic(one.servers.kafka.bootstrap, topic)
    lives = await _lives(one, topic)
    one.admin.delete_topics([topic])[topic].result(timeout=60)
    await one.wait(0.2, 1.0)
    made = one.admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    made[topic].result(timeout=60)
    begun = time.monotonic()
    await one.feed()
    await worker.wait_said("topic_made_anew")
    one.notes["noticed_seconds"] = round(time.monotonic() - begun, 1)
    await _read_in_another_life(one, topic, lives)
    await one.drained()
    later = read_topic(one.servers.kafka.bootstrap, topic)
    one.expected = Expectation(sources={topic: [*kept, *later]})


async def _lives(one: Round, topic: str) -> dict[int, tuple[str, int]]:
    """Per events partition the life of a topic's only partition, and how far it was read."""
    found = {}
    async with one.pipeline.store() as store:
        for partition in range(one.deployment.settings.topics.events_partitions):
            states = await stream_states(store, partition)
            books = states["loans"].books.sources["labels"][f"{topic}/0"]
            found[partition] = (books.incarnation, books.next_offset)
    return found


async def _read_in_another_life(
    one: Round, topic: str, before: Mapping[int, tuple[str, int]]
) -> None:
    """The books of the old life reach as far: they are no sign that the new one is applied."""
    (end,) = one.pipeline.ends(topic).values()
    deadline = time.monotonic() + 90
    while True:
        now = await _lives(one, topic)
        if all(now[at][0] != before[at][0] and now[at][1] >= end for at in before):
            return
        assert time.monotonic() < deadline, f"the new life is read up to {now}, of {end}"
        await asyncio.sleep(0.1)


async def retention_overtakes(one: Round) -> None:
    """While nobody reads, the broker deletes what was not read: a gap, counted by its cause."""
    worker = await one.start_worker()
    await one.feed(4)
    await one.drained()
    assert await worker.stop() == 0
    topic = one.scenario.topic("loans", "predictions")
    kept = read_topic(one.servers.kafka.bootstrap, topic)
    await one.feed(4, pause=0)
    cut = kept[-1].offset + 1 + one.rng.randint(50, 150)
    asked = one.admin.delete_records([TopicPartition(topic, 0, cut)])
    for future in asked.values():
        future.result(timeout=60)
    again = await one.start_worker()
    await one.feed()
    await one.drained()
    later = read_topic(one.servers.kafka.bootstrap, topic)
    one.expected = Expectation(sources={topic: [*kept, *later]})
    assert again.said("offsets_missing"), f"a gap, and nobody said so:\n{again.tail()}"


async def offsets_moved_back(one: Round) -> None:
    """An operator moves committed offsets back, of a source and of the events log."""
    worker = await one.start_worker()
    await one.feed(5)
    await one.drained()
    assert await worker.stop() == 0
    name = one.deployment.settings.name
    await _move(one, f"{name}.decode", TopicPartition(one.scenario.topic("fleet", "labels"), 1, 3))
    await _move(one, f"{name}.decode", TopicPartition(one.scenario.topic("loans", "labels"), 0, 0))
    await _move(one, f"{name}.monitor", TopicPartition(one.deployment.settings.events_topic, 0, 1))
    await one.start_worker()


async def offsets_moved_forward(one: Round) -> None:
    """An operator skips records of a source, a gap that is counted, and some of the log."""
    worker = await one.start_worker()
    await one.feed(4)
    await one.drained()
    assert await worker.stop() == 0
    topic = one.scenario.topic("loans", "labels")
    kept = read_topic(one.servers.kafka.bootstrap, topic)
    await one.feed(3, pause=0)
    there = read_topic(one.servers.kafka.bootstrap, topic)
    to = kept[-1].offset + 1 + one.rng.randint(20, 100)
    name = one.deployment.settings.name
    await _move(one, f"{name}.decode", TopicPartition(topic, 0, to))
    log = one.deployment.settings.events_topic
    ends = one.pipeline.ends(log)
    await _move(one, f"{name}.monitor", TopicPartition(log, 1, ends[1]))
    await one.start_worker()
    await one.feed()
    await one.drained()
    everything = read_topic(one.servers.kafka.bootstrap, topic)
    skipped = {record.offset for record in there if len(kept) <= record.offset < to}
    left = [record for record in everything if record.offset not in skipped]
    one.expected = Expectation(sources={topic: left})


async def _move(one: Round, group: str, to: TopicPartition) -> None:
    """Alter a group's committed offset, which the broker allows once the group is empty."""
    deadline = time.monotonic() + 60
    while True:
        asked = one.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [to])])
        done = await asyncio.to_thread(asked[group].result, 60)
        error = done.topic_partitions[0].error
        if error is None:
            return
        assert time.monotonic() < deadline, error
        await asyncio.sleep(0.2)


async def aborted_transactions(one: Round) -> None:
    """Records of aborted transactions between the others, and the markers of all of them."""
    await one.start_worker()
    topic = one.scenario.topic("fleet", "predictions")
    producer = Producer(
        {
            "bootstrap.servers": one.servers.kafka.bootstrap,
            "transactional.id": f"{one.scenario.name}.transactions",
        }
    )
    await asyncio.to_thread(producer.init_transactions, 60)
    feeding = asyncio.create_task(one.feed())
    for number in range(4):
        producer.begin_transaction()
        for row in range(one.rng.randint(1, 30)):
            record = one.rng.choice(one.scenario.chunks[0])[1]
            producer.produce(topic, record.value, partition=row % 2)
        end = producer.abort_transaction if number % 2 else producer.commit_transaction
        await asyncio.to_thread(end, 60)
        await one.wait(0.0, 0.4)
    await feeding
    await one.drained()
    # A marker at the very end is passed too: the books reach the end of the topic.


async def _until(happened: Callable[[], bool], otherwise: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.05)


CRASHES: Final = tuple(
    Fault(f"crash-{point.value}-{when}", crash_at(point, when))
    for point in CrashPoint
    for when in ("first", "middle", "last")
)
OTHERS: Final = (
    Fault("poisonous-record", poisonous_record, weight=2, long=True),
    Fault("kill-one", kill_one, weight=30),
    Fault("kill-of-two", kill_of_two, weight=10),
    Fault("takeover-timed", takeover, weight=0, long=True, session="6s"),
    Fault("same-identity", same_identity, weight=1, long=True, session="6s"),
    Fault("rolling-restart", rolling_restart, weight=3),
    Fault("three-come-and-go", three_come_and_go, weight=10),
    Fault("zombie", zombie, weight=12),
    Fault("redis-away-a-minute", redis_away, weight=1, own_redis=True, long=True),
    Fault("redis-killed", redis_killed, weight=8, own_redis=True),
    Fault("redis-set-back", redis_set_back, weight=10, own_redis=True),
    Fault("redis-emptied-and-restored", redis_emptied_and_restored, weight=2, own_redis=True),
    Fault("redis-emptied", redis_emptied, weight=2, own_redis=True, on_state_lost="restart"),
    Fault("redis-full", redis_full, weight=2, own_redis=True),
    Fault("redis-read-only", redis_read_only, weight=2, own_redis=True),
    Fault("redis-paused", redis_paused, weight=3, own_redis=True),
    Fault("broker-away-a-minute", broker_away, weight=1, alone=True, long=True),
    Fault("broker-killed", broker_killed, weight=8, alone=True),
    Fault("broker-paused", broker_paused, weight=4, alone=True),
    Fault("partition-added", partition_added, weight=1),
    Fault("topic-made-anew", topic_made_anew, weight=1),
    Fault("retention-overtakes", retention_overtakes, weight=2),
    Fault("offsets-moved-back", offsets_moved_back, weight=3),
    Fault("offsets-moved-forward", offsets_moved_forward, weight=3),
    Fault("aborted-transactions", aborted_transactions, weight=2),
)
FAULTS: Final = {fault.name: fault for fault in (*CRASHES, *OTHERS)}
