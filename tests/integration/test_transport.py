"""The batch transport on a real broker: nothing is lost, only what is durable is committed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka import Producer as ConfluentProducer
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.transport.address import KafkaAddress
from driftline.transport.app import BatchApp, build_app
from driftline.transport.batches import DEFAULT_SETTINGS, BatchSettings, Start, TopicPartition
from driftline.transport.positions import PositionLostError
from driftline.transport.producer import OutgoingMessage, Producer
from driftline.transport.topics import TopicAdmin
from support.recorder import Recorder, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from support.kafka_broker import ExternalKafka, KafkaBroker

SMALL = replace(
    DEFAULT_SETTINGS,
    max_batch_records=10,
    commit_every=timedelta(milliseconds=200),
    idle_after=timedelta(milliseconds=500),
)


class Kit:
    """What these tests need of a broker: apps that end with the test, records, commits."""

    def __init__(self, bootstrap: str, name: Callable[[str], str]) -> None:
        self.address = KafkaAddress(bootstrap)
        self.admin = TopicAdmin(self.address)
        self.name = name
        self.apps: list[BatchApp] = []

    async def start(
        self,
        group: str,
        topic: str,
        recorder: Recorder,
        *,
        settings: BatchSettings = SMALL,
        start: Start = "earliest",
    ) -> BatchApp:
        app = build_app(group, self.address, {topic: start}, recorder, settings)
        self.apps.append(app)
        await app.start()
        await until(lambda: recorder.assigned != [])
        return app

    async def fill(self, topic: str, count: int, *, partitions: int = 1) -> None:
        """So many records into each partition, numbered from 0."""
        async with Producer(self.address, pause=timedelta(milliseconds=5)) as producer:
            await producer.send_all(
                OutgoingMessage(topic, b"%d" % number, partition=partition)
                for number in range(count)
                for partition in range(partitions)
            )

    async def committed(self, group: str, topic: str, partition: int = 0) -> int | None:
        tp = TopicPartition(topic, partition)
        return (await self.admin.committed(group, [tp])).get(tp)


@pytest.fixture
async def kit(
    kafka: KafkaBroker | ExternalKafka, unique_name: Callable[[str], str]
) -> AsyncIterator[Kit]:
    kit = Kit(kafka.bootstrap, unique_name)
    yield kit
    for app in kit.apps:
        await app.stop()


def contiguous(recorder: Recorder, partition: int, start: int = 0) -> int:
    """Check that a partition's ranges follow each other from `start`; returns where they end."""
    for batch in recorder.of(partition):
        assert batch.first == start
        assert all(batch.first <= record.offset < batch.next for record in batch.records)
        start = batch.next
    return start


async def test_every_record_comes_once_in_contiguous_ranges(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Ranges cover each partition from its start to its end, with every record inside."""
    topic, recorder = make_topic("t", partitions=2), Recorder()
    await kit.fill(topic, 3000, partitions=2)
    await kit.start(kit.name("g"), topic, recorder)
    await until(lambda: recorder.count >= 6000)
    for partition in range(2):
        assert contiguous(recorder, partition) == 3000
        assert recorder.offsets(partition) == list(range(3000))
        assert all(len(batch.records) <= 10 for batch in recorder.of(partition))
    values = [record.value for batch in recorder.of(0) for record in batch.records]
    assert values == [b"%d" % number for number in range(3000)]


async def test_only_the_contiguous_prefix_is_committed(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """What is acknowledged out of order waits for what is before it; the listener is told first."""
    topic, group, recorder = make_topic("t"), kit.name("g"), Recorder(acknowledge=False)
    await kit.fill(topic, 50)
    app = await kit.start(group, topic, recorder)
    await until(lambda: recorder.count == 50)
    second, third = recorder.batches[1:3]
    second.ack()
    third.ack()
    await app.commit()
    assert await kit.committed(group, topic) == 0
    recorder.batches[0].ack()
    await app.commit()
    assert await kit.committed(group, topic) == third.next == 30
    assert recorder.told[-1] == {TopicPartition(topic, 0): 30}


async def test_a_full_lane_holds_back_its_own_partition_alone(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """While one partition's work stands still, all of the other's comes; then the first goes on."""
    topic, recorder = make_topic("t", partitions=2), Recorder()
    gate = recorder.blocked[0] = asyncio.Event()
    await kit.fill(topic, 3000, partitions=2)
    settings = replace(SMALL, max_poll_records=100)
    app = await kit.start(kit.name("g"), topic, recorder, settings=settings)
    await until(lambda: len(recorder.offsets(1)) == 3000)
    assert recorder.offsets(0) == []
    held = app._app.batch_consumer.held_partitions()
    handed = held[TopicPartition(topic, 0)][0].handed
    assert handed <= 10 * (1 + settings.lane_batches + settings.queue_batches) + 200
    gate.set()
    await until(lambda: len(recorder.offsets(0)) == 3000)
    assert contiguous(recorder, 0) == 3000


async def test_an_error_ends_the_app_and_loses_nothing(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """The batch that failed is not committed, and is the first of the next app."""
    topic, group, recorder = make_topic("t"), kit.name("g"), Recorder()
    await kit.fill(topic, 50)
    recorder.fail_at = 25
    app = await kit.start(group, topic, recorder)
    with pytest.raises(RuntimeError, match="told to fail at 25"):
        await asyncio.wait_for(app.wait(), 20)
    await app.stop()
    assert recorder.revoked == []
    again = Recorder()
    await kit.start(group, topic, again)
    await until(lambda: again.offsets(0)[-1:] == [49])
    assert contiguous(again, 0, again.batches[0].first) == 50
    assert again.batches[0].first <= 20


async def test_an_error_while_taking_over_ends_the_app(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """A listener that cannot load its state stops everything, and no record comes."""

    class Broken(Recorder):
        async def on_assigned(self, partitions: Any) -> Any:
            self.assigned.append(partitions)
            msg = "no state"
            raise RuntimeError(msg)

    topic, recorder = make_topic("t"), Broken()
    await kit.fill(topic, 5)
    app = await kit.start(kit.name("g"), topic, recorder)
    with pytest.raises(RuntimeError, match="no state"):
        await asyncio.wait_for(app.wait(), 20)
    assert recorder.batches == []


async def test_after_a_kill_the_next_owner_starts_at_the_watermark(
    kit: Kit, make_topic: Callable[..., str], kafka: KafkaBroker | ExternalKafka
) -> None:
    """After kill -9 the session timeout gives the partition away, from the acknowledged prefix."""
    topic, group, recorder = make_topic("t"), kit.name("g"), Recorder()
    await kit.fill(topic, 60)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.consume_until_killed"),
        *(kafka.bootstrap, group, topic, "30"),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"acknowledged\n"
    process.kill()
    await process.wait()
    await kit.start(group, topic, recorder)
    await until(lambda: recorder.count == 30)
    assert recorder.offsets(0) == list(range(30, 60))


async def test_a_rebalance_commits_before_it_hands_over(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """What the first app acknowledges while giving back, the second does not see again."""

    class Late(Recorder):
        async def on_revoked(self, partitions: Any) -> None:
            for batch in self.batches:
                batch.ack()
            await super().on_revoked(partitions)

    topic, group = make_topic("t", partitions=2), kit.name("g")
    first, second = Late(acknowledge=False), Recorder()
    settings = replace(SMALL, commit_every=timedelta(seconds=60))
    await kit.fill(topic, 100, partitions=2)
    await kit.start(group, topic, first, settings=settings)
    await until(lambda: first.count == 200)
    await kit.start(group, topic, second, settings=settings)
    await until(lambda: len(first.assigned) == 2)
    assert first.revoked == [{TopicPartition(topic, 0), TopicPartition(topic, 1)}]
    shares = [set(first.assigned[-1]), set(second.assigned[-1])]
    assert [len(share) for share in shares] == [1, 1]
    assert shares[0] | shares[1] == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
    assert {log.committed for log in second.assigned[-1].values()} == {100}
    await kit.fill(topic, 10, partitions=2)
    await until(lambda: first.count + second.count == 220)


async def test_an_idle_partition_gets_ticks_with_the_ends_of_its_log(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Empty or read to its end, a partition's position and bounds are told again and again."""
    topic, recorder = make_topic("t", partitions=2), Recorder()
    async with Producer(kit.address) as producer:
        await producer.send_all([OutgoingMessage(topic, b"x", partition=1)] * 7)
    await kit.start(kit.name("g"), topic, recorder)
    await until(lambda: len({tick.partition for tick in recorder.ticks[2:]}) == 2)
    last = {tick.partition: tick for tick in recorder.ticks}
    assert (last[0].position, last[0].log_start, last[0].log_end) == (0, 0, 0)
    assert (last[1].position, last[1].log_start, last[1].log_end) == (7, 0, 7)


async def test_aborted_records_and_markers_are_covered_without_records(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Ranges pass over what a transaction left, also at the log's end, so that no lag remains."""
    topic, recorder = make_topic("t"), Recorder()
    producer = ConfluentProducer(
        {"bootstrap.servers": kit.address.bootstrap, "transactional.id": kit.name("tx")}
    )
    await asyncio.to_thread(producer.init_transactions, 20)
    for commit in (True, False, True, False):
        producer.begin_transaction()
        for number in range(5):
            producer.produce(topic, b"%d" % number)
        await asyncio.to_thread(producer.flush, 20)
        end = producer.commit_transaction if commit else producer.abort_transaction
        await asyncio.to_thread(end, 20)
    group = kit.name("g")
    app = await kit.start(group, topic, recorder)
    await until(lambda: recorder.ticks != [] and recorder.ticks[-1].position == 24)
    assert recorder.count == 10
    assert contiguous(recorder, 0) == 24 == recorder.ticks[-1].log_end
    await app.commit()
    assert await kit.committed(group, topic) == 24


async def test_records_lost_to_retention_are_covered_and_show_as_a_gap(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """A position below the log's start goes on at the start; the range begins where it should."""
    topic, recorder = make_topic("t"), Recorder()
    await kit.fill(topic, 60)
    admin = AdminClient({"bootstrap.servers": kit.address.bootstrap})
    cut = admin.delete_records([ConfluentPartition(topic, 0, 40)])
    await asyncio.to_thread(lambda: [future.result(20) for future in cut.values()])
    recorder.positions[TopicPartition(topic, 0)] = 15
    await kit.start(kit.name("g"), topic, recorder)
    await until(lambda: recorder.count == 20)
    assert contiguous(recorder, 0, 15) == 60
    assert recorder.batches[0].log_start == 40


async def test_the_position_that_the_listener_asks_for_is_sought(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """An answer below the committed offset reads again; one above it skips."""
    topic, group = make_topic("t"), kit.name("g")
    await kit.fill(topic, 100)
    first = Recorder()
    app = await kit.start(group, topic, first)
    await until(lambda: first.count == 100)
    await app.stop()
    assert await kit.committed(group, topic) == 100
    again = Recorder()
    again.positions[TopicPartition(topic, 0)] = 33
    app = await kit.start(group, topic, again)
    assert again.assigned[0][TopicPartition(topic, 0)].committed == 100
    await until(lambda: again.count == 67)
    assert contiguous(again, 0, 33) == 100
    await app.stop()
    assert await kit.committed(group, topic) == 100


async def test_a_start_policy_decides_where_nothing_is_committed_and_only_there(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """At the end with latest, it stays there though the process dies before its first batch."""
    topic, group, recorder = make_topic("t"), kit.name("g"), Recorder()
    await kit.fill(topic, 20)
    app = await kit.start(group, topic, recorder, start="latest")
    await app.commit()
    await app.stop()
    await kit.fill(topic, 5)
    again = Recorder()
    await kit.start(group, topic, again, start="latest")
    await until(lambda: again.count == 5)
    assert again.offsets(0) == list(range(20, 25))


async def test_a_time_to_start_from_is_looked_up(kit: Kit, make_topic: Callable[..., str]) -> None:
    """The first record at or after the time is the first that comes."""
    topic, recorder = make_topic("t", config={"retention.ms": "-1"}), Recorder()
    async with Producer(kit.address) as producer:
        await producer.send_all(
            OutgoingMessage(topic, b"x", partition=0, timestamp=1_700_000_000_000 + number)
            for number in range(10)
        )
    await kit.start(kit.name("g"), topic, recorder, start=1_700_000_000_006_000)
    await until(lambda: recorder.count == 4)
    assert recorder.offsets(0) == [6, 7, 8, 9]


async def test_a_position_beyond_the_end_ends_the_app(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Waiting there would skip what another topic of that name holds below it."""
    topic, recorder = make_topic("t"), Recorder()
    await kit.fill(topic, 10)
    recorder.positions[TopicPartition(topic, 0)] = 50
    app = await kit.start(kit.name("g"), topic, recorder)
    with pytest.raises(PositionLostError, match="read up to 50 and goes on at 10"):
        await asyncio.wait_for(app.wait(), 20)


async def test_a_topic_that_is_made_anew_under_a_running_app_is_noticed(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Offsets that start over end the app or come with a new assignment, and are not skipped."""
    topic, group, recorder = make_topic("t"), kit.name("g"), Recorder()
    await kit.fill(topic, 50)
    app = await kit.start(group, topic, recorder)
    await until(lambda: recorder.count == 50)
    before = (await kit.admin.describe([topic]))[topic].topic_id
    await make_anew(kit, topic, before)
    await kit.fill(topic, 5)
    ended = asyncio.create_task(app.wait())
    await until(lambda: ended.done() or recorder.count >= 55, seconds=60)
    if ended.done():
        assert isinstance(ended.exception(), PositionLostError)
        return
    ended.cancel()
    assert recorder.offsets(0)[-5:] == [0, 1, 2, 3, 4]
    assert recorder.assigned[-1][TopicPartition(topic, 0)].log_end < 50
    await app.commit()
    assert await kit.committed(group, topic) == 5


async def make_anew(kit: Kit, topic: str, before: str) -> None:
    """Delete a topic, and make it until it is there under another id."""
    admin = AdminClient({"bootstrap.servers": kit.address.bootstrap})
    await asyncio.to_thread(admin.delete_topics([topic])[topic].result, 20)
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(KafkaException):
                future = admin.create_topics([NewTopic(topic, 1, 1)])[topic]
                await asyncio.to_thread(future.result, 20)
            found = await kit.admin.describe([topic])
            if topic in found and found[topic].topic_id != before:
                return
            await asyncio.sleep(0.2)


async def test_two_groups_in_one_loop_do_not_touch_each_other(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Each of two apps reads everything; the end of one leaves the other running; no web server."""
    topic = make_topic("t")
    first, second = Recorder(), Recorder()
    one = await kit.start(kit.name("g"), topic, first)
    await kit.start(kit.name("g"), topic, second)
    await kit.fill(topic, 20)
    await until(lambda: (first.count, second.count) == (20, 20))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 6066)) != 0
    await one.stop()
    await one.wait()
    assert first.revoked == [{TopicPartition(topic, 0)}]
    await kit.fill(topic, 20)
    await until(lambda: second.count == 40)
    assert first.count == 20


async def test_progress_tells_position_commit_and_lag(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Per partition: what was handed over, acknowledged, committed, and how much is left."""
    topic, recorder = make_topic("t"), Recorder(acknowledge=False)
    await kit.fill(topic, 30)
    app = await kit.start(kit.name("g"), topic, recorder)
    await until(lambda: recorder.count == 30)
    recorder.batches[0].ack()
    await app.commit()
    await until(lambda: app.progress[TopicPartition(topic, 0)].position == 30)
    progress = app.progress[TopicPartition(topic, 0)]
    assert (progress.acknowledged, progress.committed, progress.lag) == (10, 10, 20)


PATIENT = replace(SMALL, idle_fetch_wait=timedelta(seconds=60))
"""With these, what waits for a fetch that waits for records fails by its time."""


async def test_an_idle_partition_delays_no_busy_one(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Single records, and a backlog of many fetches, come at once beside partitions without any."""
    topic, recorder = make_topic("t", partitions=3), Recorder()
    settings = replace(PATIENT, max_partition_fetch_bytes=2_000)
    await kit.start(kit.name("g"), topic, recorder, settings=settings)
    await until(lambda: len({tick.partition for tick in recorder.ticks}) == 3)
    async with Producer(kit.address) as producer:
        for count in range(1, 11):
            await producer.send_all([OutgoingMessage(topic, b"x", partition=1)])
            await until(lambda: recorder.count == count, seconds=20)  # noqa: B023 - awaited here
    await kit.fill(topic, 3000)
    await until(lambda: len(recorder.offsets(0)) == 3000)


async def test_an_idle_partition_gets_ticks_while_a_fetch_waits(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Where the log ends is asked for beside the fetch, not behind it."""
    topic, recorder = make_topic("t"), Recorder()
    await kit.start(kit.name("g"), topic, recorder, settings=PATIENT)
    await until(lambda: len(recorder.ticks) >= 4)


async def test_a_partition_that_is_held_delays_no_other(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Nor does it wait itself, once it is let go."""
    topic, recorder = make_topic("t", partitions=2), Recorder()
    gate = recorder.blocked[0] = asyncio.Event()
    await kit.start(kit.name("g"), topic, recorder, settings=PATIENT)
    await kit.fill(topic, 3000)
    async with Producer(kit.address) as producer:
        for count in range(1, 11):
            await producer.send_all([OutgoingMessage(topic, b"x", partition=1)])
            await until(lambda: recorder.count == count, seconds=20)  # noqa: B023 - awaited here
    gate.set()
    await until(lambda: len(recorder.offsets(0)) == 3000)


async def test_a_position_that_is_sought_waits_for_no_fetch_from_before(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """The client fetches from the committed end at first, though what is before is asked for."""
    topic, group, first, again = make_topic("t"), kit.name("g"), Recorder(), Recorder()
    await kit.fill(topic, 100)
    app = await kit.start(group, topic, first, settings=PATIENT)
    await until(lambda: first.count == 100)
    await app.stop()
    again.positions[TopicPartition(topic, 0)] = 33
    await kit.start(group, topic, again, settings=PATIENT)
    await until(lambda: again.count == 67, seconds=20)


async def test_a_fetch_from_before_a_rebalance_delays_nothing(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """It waits for records of its own partitions; those that came since are fetched at once."""
    topic, group = make_topic("t", partitions=2), kit.name("g")
    stays, leaves = Recorder(), Recorder()
    leaving = await kit.start(group, topic, leaves, settings=PATIENT)
    await kit.start(group, topic, stays, settings=PATIENT)
    await until(lambda: {len(one.assigned[-1]) for one in (stays, leaves)} == {1})
    ticks = len(stays.ticks)
    await until(lambda: len(stays.ticks) >= ticks + 2)
    (given,) = leaves.assigned[-1]
    await leaving.stop()
    await until(lambda: given in stays.assigned[-1])
    async with Producer(kit.address) as producer:
        await producer.send_all([OutgoingMessage(topic, b"x", partition=given.partition)])
    await until(lambda: stays.count == 1, seconds=20)


async def test_the_end_of_a_transaction_ends_a_fetch_that_waits(
    kit: Kit, make_topic: Callable[..., str]
) -> None:
    """Its records were there before, but not for us."""
    topic, recorder = make_topic("t"), Recorder()
    await kit.start(kit.name("g"), topic, recorder, settings=PATIENT)
    producer = ConfluentProducer(
        {"bootstrap.servers": kit.address.bootstrap, "transactional.id": kit.name("tx")}
    )
    await asyncio.to_thread(producer.init_transactions, 20)
    producer.begin_transaction()
    producer.produce(topic, b"x")
    await asyncio.to_thread(producer.flush, 20)
    await until(lambda: len(recorder.ticks) >= 2)
    assert recorder.count == 0
    await asyncio.to_thread(producer.commit_transaction, 20)
    await until(lambda: recorder.count == 1, seconds=20)
