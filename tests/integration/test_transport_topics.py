"""Sending, and looking after topics, on a real broker and on the embedded mock cluster."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer as ConfluentProducer
from confluent_kafka.admin import AdminClient

from driftline.app.topics import wanted_topics
from driftline.config.settings import Settings, TopicsSettings
from driftline.errors import UnavailableError
from driftline.transport.address import KafkaAddress
from driftline.transport.app import build_app
from driftline.transport.batches import TopicPartition
from driftline.transport.producer import OutgoingMessage, Producer, SendError
from driftline.transport.topics import Creation, TopicAdmin, TopicSpec
from support.recorder import Recorder, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.kafka_broker import ExternalKafka, KafkaBroker


@pytest.fixture
def address(kafka: KafkaBroker | ExternalKafka) -> KafkaAddress:
    return KafkaAddress(kafka.bootstrap)


@pytest.fixture
def mock_address() -> Iterator[KafkaAddress]:
    """The mock cluster lives as long as its client."""
    client = ConfluentProducer({"test.mock.num.brokers": 1, "bootstrap.servers": ""})
    broker = next(iter(client.list_topics(timeout=10).brokers.values()))
    yield KafkaAddress(f"{broker.host}:{broker.port}")
    client.flush(1)


async def read(address: KafkaAddress, topic: str, count: int, group: str) -> Recorder:
    recorder = Recorder()
    app = build_app(group, address, {topic: "earliest"}, recorder)
    await app.start()
    try:
        await until(lambda: recorder.count >= count)
    finally:
        await app.stop()
    return recorder


async def test_a_message_arrives_as_it_was_sent(
    address: KafkaAddress, make_topic: Callable[..., str], unique_name: Callable[[str], str]
) -> None:
    """Partition, key, value, headers and time in milliseconds come out as they went in."""
    topic = make_topic("t", partitions=3, config={"retention.ms": "-1"})
    sent = OutgoingMessage(topic, b"v", b"k", 2, [("h", b"\x00\xff")], 1_700_000_000_123)
    async with Producer(address) as producer:
        assert await producer.partitions(topic) == 3
        await producer.send_all([sent, OutgoingMessage(topic, None, b"gone", 2)])
    recorder = await read(address, topic, 2, unique_name("g"))
    first, tombstone = recorder.of(2)[0].records
    assert (first.key, first.value, first.timestamp) == (b"k", b"v", 1_700_000_000_123)
    assert list(first.headers) == [("h", b"\x00\xff")]
    assert tombstone.value is None


async def test_a_message_that_is_too_large_fails_by_name(
    address: KafkaAddress, make_topic: Callable[..., str]
) -> None:
    """`send_all` raises, rather than to return as if all had arrived."""
    topic = make_topic("t", config={"max.message.bytes": "1000"})
    async with Producer(address) as producer:
        with pytest.raises(SendError, match="not acknowledged"):
            await producer.send_all([OutgoingMessage(topic, b"x" * 5000)])
    async with Producer(address, max_request_bytes=4000) as producer:
        with pytest.raises(SendError, match="could not be sent"):
            await producer.send_all([OutgoingMessage(topic, b"x" * 5000)])


async def test_without_a_broker_both_clients_say_so() -> None:
    """A broker that does not answer is an `UnavailableError` with its address."""
    nowhere = KafkaAddress("127.0.0.1:1")
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        await Producer(nowhere).start()
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        await TopicAdmin(nowhere, timeout=timedelta(seconds=1)).describe(["t"])


async def test_own_topics_are_made_with_the_settings_stated(
    address: KafkaAddress, unique_name: Callable[[str], str]
) -> None:
    """Made once, then found; retention, policy and partitions are what was asked for."""
    topics = TopicsSettings(events_partitions=4, events_retention=timedelta(days=3))
    settings = Settings(name="t" + unique_name("").encode().hex()[-48:], topics=topics)
    events, dead, alerts, retrain = settings.own_topics
    specs = wanted_topics(settings)
    admin = TopicAdmin(address)
    assert set((await admin.create(specs)).values()) == {Creation.CREATED}
    assert set((await admin.create(specs)).values()) == {Creation.EXISTED}
    described = await admin.describe([events, alerts, dead, retrain])
    counts = [described[name].partitions for name in (events, alerts, dead, retrain)]
    assert counts == [4, 1, 1, 1]
    config = await admin.config(events)
    assert config["retention.ms"] == str(3 * 86_400_000)
    assert config["cleanup.policy"] == "delete"
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert await admin.bounds([]) == {}


async def test_a_refused_topic_is_reported_and_stops_nothing(
    address: KafkaAddress, unique_name: Callable[[str], str]
) -> None:
    """A broker that does not make a topic is answered for that topic alone."""
    good, bad = unique_name("good"), unique_name("bad")
    specs = [TopicSpec(good, 1), TopicSpec(bad, 1, replication=99)]
    outcome = await TopicAdmin(address).create(specs)
    assert outcome == {good: Creation.CREATED, bad: Creation.REFUSED}


async def test_a_missing_topic_is_waited_for_and_never_made(
    address: KafkaAddress, unique_name: Callable[[str], str]
) -> None:
    """Asking leaves no topic behind; the wait ends when somebody makes it."""
    topic, admin = unique_name("t"), TopicAdmin(address)
    waiting = asyncio.create_task(admin.wait_for([topic], every=timedelta(milliseconds=100)))
    done, _ = await asyncio.wait({waiting}, timeout=1)
    assert done == set()
    assert await admin.describe([topic]) == {}
    await admin.create([TopicSpec(topic, 2)])
    async with asyncio.timeout(20):
        assert (await waiting)[topic].partitions == 2


async def test_a_topic_made_anew_has_another_id(
    address: KafkaAddress, make_topic: Callable[..., str]
) -> None:
    """The id tells one life of a name from the next."""
    topic, admin = make_topic("t"), TopicAdmin(address)
    before = (await admin.wait_for([topic]))[topic].topic_id
    assert before
    client = AdminClient(address.librdkafka())
    await asyncio.to_thread(client.delete_topics([topic])[topic].result, 20)

    async def another_id() -> str:
        await admin.create([TopicSpec(topic, 1)])
        found = await admin.describe([topic])
        return found[topic].topic_id.replace(before, "") if topic in found else ""

    async with asyncio.timeout(20):
        while not (after := await another_id()):  # noqa: ASYNC110  # a broker sends no event
            await asyncio.sleep(0.1)
    assert after != before


async def test_the_mock_cluster_serves_the_same_code(
    mock_address: KafkaAddress,
) -> None:
    """It makes no topic when asked, knows no ids, makes topics at first use; batches flow."""
    admin = TopicAdmin(mock_address, timeout=timedelta(seconds=5))
    assert await admin.create([TopicSpec("t", 1)]) == {"t": Creation.REFUSED}
    async with Producer(mock_address) as producer:
        await producer.send_all(
            OutgoingMessage("t", b"%d" % number, partition=0) for number in range(500)
        )
    described = await admin.describe(["t"])
    assert described["t"].topic_id == ""
    recorder = await read(mock_address, "t", 500, "g")
    assert recorder.offsets(0) == list(range(500))
    assert recorder.of(0)[0].first == 0
    assert recorder.of(0)[-1].log_end == 500
    tp = TopicPartition("t", 0)
    assert await admin.committed("g", [tp]) == {tp: 500}
    assert await admin.bounds([tp]) == {tp: (0, 500)}


async def test_the_bounds_of_a_topic_are_told_the_moment_it_is_made(
    address: KafkaAddress, unique_name: Callable[[str], str]
) -> None:
    """Its partitions may still be without a leader then: that is waited for."""
    admin = TopicAdmin(address)
    for number in range(8):
        name = unique_name(f"new-{number}")
        await admin.create([TopicSpec(name, partitions=40)])
        every = [TopicPartition(name, partition) for partition in range(40)]
        assert await admin.bounds(every) == dict.fromkeys(every, (0, 0))
