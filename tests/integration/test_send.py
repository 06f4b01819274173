"""Recorded data through real topics: all of it, in order, at the rate asked for."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from driftline.app.roles import WorkerRole, role_group
from driftline.app.sending import SendingError, send_timeline
from driftline.config.deployment import load_deployment
from driftline.errors import UnavailableError
from driftline.recorded import build_timeline
from driftline.transport.address import KafkaAddress
from support.command import Command
from support.recorded_stream import START, write_deployment, write_recordings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from driftline.config.deployment import Stream
    from driftline.recorded import Timeline
    from support.kafka_broker import KafkaBroker

ROWS = 3_000
DELAY = timedelta(hours=5)


@pytest.fixture
def topics(make_topic: Callable[..., str]) -> tuple[str, str]:
    return make_topic("predictions", partitions=3), make_topic("labels", partitions=2)


@pytest.fixture
def stream(tmp_path: Path, topics: tuple[str, str]) -> Stream:
    predictions, labels = topics
    write_deployment(tmp_path, predictions=predictions, labels=labels)
    return load_deployment(tmp_path).streams["churn"]


@pytest.fixture
def driftline(
    kafka: KafkaBroker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The command, with its addresses from the environment; no Redis is asked."""
    monkeypatch.setenv("DRIFTLINE_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("DRIFTLINE_REDIS", "redis://127.0.0.1:1/0")
    return Command(capsys)


def timeline(stream: Stream, directory: Path, rows: int = ROWS) -> Timeline:
    return build_timeline(stream, *write_recordings(directory, rows), label_delay=DELAY)


def commit_begin(kafka: KafkaBroker, group: str, topics: Mapping[str, int]) -> None:
    """What a worker does that begins to read: it commits where, in every partition."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    places = [TopicPartition(name, one, 0) for name, n in topics.items() for one in range(n)]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


def read(kafka: KafkaBroker, topic: str) -> dict[int, list[Any]]:
    """All messages of a topic, by partition."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none"})
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    ends = {n: consumer.get_watermark_offsets(TopicPartition(topic, n))[1] for n in numbers}
    found: dict[int, list[Any]] = defaultdict(list)
    deadline = time.monotonic() + 30
    while sum(map(len, found.values())) < sum(ends.values()) and time.monotonic() < deadline:
        for message in consumer.consume(1_000, timeout=1):
            found[message.partition()].append(message)
    consumer.close()
    return found


async def test_every_record_arrives_and_each_partition_is_in_event_time_order(
    kafka: KafkaBroker, tmp_path: Path, stream: Stream, topics: tuple[str, str]
) -> None:
    """Nothing is missing or twice; ids are keys; a label's time is written where it is declared."""
    progress: list[int] = []
    address = KafkaAddress(kafka.bootstrap)
    events = timeline(stream, tmp_path)
    sent = await send_timeline(events, stream, address, on_progress=progress.append)
    assert sent == 2 * ROWS
    assert progress == sorted(progress)
    assert progress[-1] == sent
    for topic, field, delay in zip(topics, ("at", "known_at"), (timedelta(), DELAY), strict=True):
        partitions = read(kafka, topic)
        rows = []
        for messages in partitions.values():
            values = [json.loads(message.value()) for message in messages]
            times = [datetime.fromisoformat(value[field]) for value in values]
            assert times == sorted(times)
            assert [value["id"].encode() for value in values] == [one.key() for one in messages]
            for value, at in zip(values, times, strict=True):
                assert at == START + timedelta(minutes=int(value["id"][1:])) + delay
            rows += [int(value["id"][1:]) for value in values]
        assert sorted(rows) == list(range(ROWS))
        assert len(partitions) > 1


async def test_a_line_that_is_no_json_is_sent_as_it_is(
    kafka: KafkaBroker, tmp_path: Path, stream: Stream, topics: tuple[str, str]
) -> None:
    """Without a key, as its id is not known: the worker refuses it."""
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"id": "r0", "at": "2026-01-01T00:00Z", "predicted": 1}\n{"id": \n')
    address = KafkaAddress(kafka.bootstrap)
    assert await send_timeline(build_timeline(stream, lines), stream, address) == 2
    sent = [one for messages in read(kafka, topics[0]).values() for one in messages]
    assert {(one.key(), one.value()[:6]) for one in sent} == {(b"r0", b'{"id":'), (None, b'{"id":')}


async def test_kafkas_timestamp_is_left_alone(
    kafka: KafkaBroker, tmp_path: Path, stream: Stream, topics: tuple[str, str]
) -> None:
    """It says when the record was sent, whatever the record tells of."""
    before = time.time() * 1_000 - 1
    await send_timeline(timeline(stream, tmp_path, 5), stream, KafkaAddress(kafka.bootstrap))
    for messages in read(kafka, topics[0]).values():
        for message in messages:
            assert before <= message.timestamp()[1] <= time.time() * 1_000 + 1


async def test_one_partition_takes_everything_if_that_is_asked_for(
    kafka: KafkaBroker, tmp_path: Path, stream: Stream, topics: tuple[str, str]
) -> None:
    """Then the order is one and the same in every run."""
    address = KafkaAddress(kafka.bootstrap)
    await send_timeline(timeline(stream, tmp_path, 500), stream, address, partition=1)
    assert {number: len(one) for number, one in read(kafka, topics[0]).items()} == {1: 500}


async def test_a_rate_is_kept(kafka: KafkaBroker, tmp_path: Path, stream: Stream) -> None:
    """1,000 events at 800 a second take a second and a quarter, and not much less."""
    began = time.monotonic()
    address = KafkaAddress(kafka.bootstrap)
    await send_timeline(timeline(stream, tmp_path, 500), stream, address, rate=800)
    assert time.monotonic() - began > 1.1


async def test_the_sender_can_be_held_back(
    kafka: KafkaBroker, tmp_path: Path, stream: Stream
) -> None:
    """The throttle is awaited before each piece of the timeline."""
    calls: list[int] = []

    async def throttle() -> None:
        calls.append(1)

    address = KafkaAddress(kafka.bootstrap)
    await send_timeline(timeline(stream, tmp_path), stream, address, throttle=throttle)
    assert len(calls) >= 2 * ROWS // 2_000


async def test_a_record_that_kafka_refuses_is_counted(
    kafka: KafkaBroker, tmp_path: Path, make_topic: Callable[..., str]
) -> None:
    """How many were not delivered, and the broker's reason."""
    small = make_topic("small", config={"max.message.bytes": "10"})
    write_deployment(tmp_path, predictions=small, labels=small)
    stream = load_deployment(tmp_path).streams["churn"]
    with pytest.raises(SendingError, match=r"not delivered .*too large") as caught:
        await send_timeline(timeline(stream, tmp_path, 10), stream, KafkaAddress(kafka.bootstrap))
    assert caught.value.failed > 0


async def test_a_missing_topic_is_said_and_not_made(
    kafka: KafkaBroker, tmp_path: Path, unique_name: Callable[[str], str]
) -> None:
    """At once, by its name."""
    name = unique_name("none")
    write_deployment(tmp_path, predictions=name, labels=name)
    stream = load_deployment(tmp_path).streams["churn"]
    with pytest.raises(UnavailableError, match=r"no such topic: .*none"):
        await send_timeline(timeline(stream, tmp_path, 10), stream, KafkaAddress(kafka.bootstrap))
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    assert name not in admin.list_topics(timeout=10).topics


def test_the_command_sends_and_says_how_much(
    driftline: Command, kafka: KafkaBroker, tmp_path: Path, topics: tuple[str, str]
) -> None:
    """`driftline send` with files, a delay and a deployment."""
    predictions, labels = write_recordings(tmp_path, 200)
    where = ("-d", write_deployment(tmp_path, predictions=topics[0], labels=topics[1]))
    files = ("--predictions", predictions, "--labels", labels, "--label-delay", "5h")
    ran = driftline("send", "churn", *files, *where)
    assert ran.code == 0, ran.err
    assert "400 records in " in ran.err
    assert sum(map(len, read(kafka, topics[1]).values())) == 200


async def test_what_no_worker_has_begun_to_read_is_said(
    driftline: Command, kafka: KafkaBroker, tmp_path: Path, topics: tuple[str, str]
) -> None:
    """A stream that starts at the latest passes over what is sent before its worker is up."""
    write_deployment(tmp_path, predictions=topics[0], labels=topics[1])
    predictions, labels = write_recordings(tmp_path, 10)
    files = ("--predictions", predictions, "--labels", labels, "--label-delay", "5h")

    async def said() -> str:
        return (await asyncio.to_thread(driftline, "send", "churn", *files, "-d", tmp_path)).err

    assert "no worker" not in await said()
    declared = tmp_path / "streams" / "churn.yaml"
    declared.write_text(declared.read_text().replace("start: earliest", "start: latest"))
    told = await said()
    assert "no worker has begun to read" in told
    assert all(topic in told for topic in topics)
    group = role_group(load_deployment(tmp_path).settings.name, WorkerRole.DECODE)
    commit_begin(kafka, group, {topics[0]: 3, topics[1]: 2})
    assert "no worker" not in await said()


def test_a_sample_shows_how_real_records_map_and_leaves_no_trace(
    driftline: Command, kafka: KafkaBroker, tmp_path: Path, topics: tuple[str, str]
) -> None:
    """The latest records as rows, refused ones with their code; no group comes to be."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    groups = {one.group_id for one in admin.list_consumer_groups().result().valid}
    predictions, _ = write_recordings(tmp_path, 50)
    lines = predictions.read_text().splitlines()
    lines[-1] = lines[-1].replace("r49", "x" * 300)
    predictions.write_text("\n".join(lines) + "\n")
    where = ("-d", write_deployment(tmp_path, predictions=topics[0], labels=topics[1]))
    assert driftline("send", "churn", "--predictions", predictions, *where).code == 0
    ran = driftline("check", "--sample", "--records", "30", *where)
    assert ran.code == 0, ran.err
    assert "r48" in ran.out
    assert "id-too-long" in ran.out
    said, known = driftline("check", "--sample", "--json", *where).json["sample"]
    assert (said["role"], said["records"], len(said["rows"])) == ("predictions", 50, 49)
    assert [reject["code"] for reject in said["rejects"]] == ["id-too-long"]
    assert said["rows"][0]["id"] == "r48"
    few = driftline("check", "--sample", "--records", "4", "--json", *where).json["sample"]
    assert few[0]["records"] == 4
    assert said["rows"][0]["features"]["country"] == "DE"
    assert (known["exists"], known["records"]) == (True, 0)
    now = {one.group_id for one in admin.list_consumer_groups().result().valid}
    assert now == groups


def test_a_sample_of_a_missing_topic_fails_and_shows_the_others(
    driftline: Command, tmp_path: Path, topics: tuple[str, str], unique_name: Callable[[str], str]
) -> None:
    """What is there is shown; the exit code says that something is not."""
    none = unique_name("none")
    where = ("-d", write_deployment(tmp_path, predictions=topics[0], labels=none))
    ran = driftline("check", "--sample", *where)
    assert ran.code == 1
    assert "no records" in ran.out
    assert f"no such topic: {none}" in ran.err
