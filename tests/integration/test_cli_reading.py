"""The commands that look, retry and forget, after a real worker on a real broker and Redis."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.app.connections import find_connections
from driftline.app.roles import WorkerRole
from driftline.app.status.collect import collect_status
from driftline.app.stores import open_store
from driftline.app.worker import Worker
from driftline.config.deployment import load_deployment
from driftline.config.settings import with_environment
from support.commands import Driftline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from driftline.app.status.report import StatusReport
    from support.kafka_broker import ExternalKafka, KafkaBroker

STREAM = """\
task: binary
positive: 1
predictions: {{topic: {predictions}, start: earliest, id: id, prediction: y, features: [x]}}
labels: {{topic: {labels}, start: earliest, id: id, label: truth, horizon: 1h}}
watch:
  error: {{detector: adwin, severity: critical}}
  feature.x: {{detector: adwin, severity: warning}}
"""
GOOD = 6_000


@pytest.fixture
def driftline(
    tmp_path: Path,
    kafka: KafkaBroker | ExternalKafka,
    redis_url: str,
    unique_name: Callable[[str], str],
) -> Driftline:
    """A deployment of one stream; its topics are not there yet."""
    name = unique_name("x").split(".")[0].lower()[-50:].strip("-")
    (tmp_path / "config").mkdir()
    (tmp_path / "streams").mkdir()
    (tmp_path / "detectors").mkdir()
    (tmp_path / "config" / "driftline.yaml").write_text(
        f"name: {name}\ntopics: {{events_partitions: 2, events_retention: 3d}}\n"
    )
    (tmp_path / "detectors" / "adwin.yaml").write_text("kind: adwin\n")
    (tmp_path / "streams" / "loans.yaml").write_text(
        STREAM.format(predictions=f"{name}.predictions", labels=f"{name}.labels")
    )
    return Driftline(tmp_path, kafka.bootstrap, redis_url)


@pytest.fixture
def name(driftline: Driftline) -> str:
    """The deployment's name."""
    return load_deployment(driftline.directory).settings.name


def make_sources(driftline: Driftline, name: str) -> None:
    """Make the attached topics, as their owner would."""
    admin = AdminClient({"bootstrap.servers": driftline.kafka})
    topics = [NewTopic(f"{name}.{role}", 1, 1) for role in ("predictions", "labels")]
    for future in admin.create_topics(topics).values():
        future.result(timeout=20)
    deadline = time.monotonic() + 20
    while not {topic.topic for topic in topics} <= admin.list_topics(timeout=10).topics.keys():
        assert time.monotonic() < deadline, "the broker does not tell of its new topics"
        time.sleep(0.05)


def produce_stream(driftline: Driftline, name: str) -> None:
    """Predictions with their labels, which go wrong in the middle, and four bad records."""
    rng = random.Random(7)
    producer = Producer({"bootstrap.servers": driftline.kafka, "linger.ms": 20})
    for number in range(GOOD):
        late = number > GOOD / 2
        wrong = rng.random() < (0.4 if late else 0.05)
        row = {"id": number, "y": 1, "x": rng.gauss(3.0 if late else 0.0, 1.0)}
        truth = {"id": number, "truth": 0 if wrong else 1}
        producer.produce(f"{name}.predictions", json.dumps(row), str(number))
        producer.produce(f"{name}.labels", json.dumps(truth), str(number))
        if number % 500 == 0:
            producer.poll(0)
    bad = (b"{not json", b'{"y": 1, "x": 1}', b"\xff\xfe", b'{"id": "a\x1b[31m')
    for value in bad:
        producer.produce(f"{name}.predictions", value, b"bad\xff", headers=[("h", b"\x00")])
    assert producer.flush(30) == 0


@asynccontextmanager
async def worked(driftline: Driftline) -> AsyncIterator[None]:
    """A real worker in this process, once it has read everything; it lives until the end."""
    environ = driftline.addresses
    deployment = load_deployment(driftline.directory)
    deployment = replace(deployment, settings=with_environment(deployment.settings, environ))
    connections = find_connections(deployment, environ)
    worker = Worker(deployment, connections, roles=tuple(WorkerRole))
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(60), open_store(deployment, connections) as store:
        while not balanced(await collect_status(deployment, connections, store)):
            assert not running.done(), running.exception()
            await asyncio.sleep(0.2)
        yield
        assert not running.done(), running.exception()
    worker.stop()
    await running


async def work(driftline: Driftline) -> None:
    """Let a worker read everything."""
    async with worked(driftline):
        pass


def test_topics_are_shown_made_and_held_against_what_they_need(
    driftline: Driftline, name: str
) -> None:
    """Missing ones end in exit 1; --create makes driftline's own; another setting is shown."""
    report = driftline.json("topics", expect=1)
    assert [one["exists"] for one in report["own"]] == [False] * 4
    assert "MISSING" in driftline.run("topics", expect=1).out
    report = driftline.json("topics", "--create", expect=1)
    assert [one["created"] for one in report["own"]] == [True] * 4
    assert [one["differences"] for one in report["own"]] == [[]] * 4
    assert [one["exists"] for one in report["attached"]] == [False, False]
    make_sources(driftline, name)
    assert driftline.json("topics")["complete"] is True
    config = driftline.directory / "config" / "driftline.yaml"
    config.write_text(config.read_text().replace("events_retention: 3d", "events_retention: 4d"))
    report = driftline.json("topics")
    assert report["own"][0]["differences"] == [
        {"setting": "retention.ms", "wanted": "345600000", "found": "259200000", "vital": False}
    ]
    config.write_text(config.read_text().replace("events_partitions: 2", "events_partitions: 4"))
    report = driftline.json("topics", expect=1)
    assert {"setting": "partitions", "wanted": "4", "found": "2", "vital": True} in (
        report["own"][0]["differences"]
    )


def test_a_run_is_told_by_status_alerts_and_dead_letters(driftline: Driftline, name: str) -> None:
    """After a worker's run: the books balance, alerts are there, letters go back and come again."""
    make_sources(driftline, name)
    produce_stream(driftline, name)
    asyncio.run(work(driftline))
    check_status(driftline, name)
    check_alerts(driftline)
    check_dead_letters(driftline, name)
    check_forget(driftline)


def balanced(report: StatusReport) -> bool:
    """Whether everything has come through."""
    (stream,) = report.streams
    return stream.join.labels >= GOOD and stream.balance.log_read and not stream.balance.difference


def check_status(driftline: Driftline, name: str) -> None:
    report = driftline.json("status", "loans")
    (stream,) = report["streams"]
    assert stream["balance"]["rows"] == 2 * GOOD
    by_role = {one["role"]: one for one in stream["sources"]}
    predictions = by_role["predictions"]
    assert predictions["passed"] == GOOD + 4
    assert predictions["dead_lettered"] == 4
    assert predictions["applied"] == GOOD
    assert {one["lag"] for one in report["sources"]} == {0}
    assert stream["join"]["joined"] == GOOD
    assert {one["signal"] for one in stream["firing"]} == {"error", "feature.x"}
    assert any(one["signal"] == "error" and one["count"] for one in stream["windows"])
    alarms = {one["signal"]: one["last_alarm"] for one in stream["detectors"]}
    assert alarms["error"]["topic"] == f"{name}.labels"
    page = driftline.run("status", "loans").out
    assert "balanced" in page
    assert f"{GOOD + 4:,}" in page
    assert "no stream 'nope'" in driftline.run("status", "nope", expect=1).err


def check_alerts(driftline: Driftline) -> None:
    alerts = driftline.lines("alerts", "list")
    assert {one["data"]["signal"] for one in alerts} == {"error", "feature.x"}
    alert_id = next(one["data"]["alert_id"] for one in alerts if one["data"]["signal"] == "error")
    assert len(driftline.lines("alerts", "list", "--severity", "critical")) == 1
    assert driftline.lines("alerts", "list", "--status", "resolved") == []
    for command in ("alerts", "dead-letters"):
        said = driftline.run(command, "list", "--stream", "lones").err
        assert "no stream 'lones' is declared (did you mean 'loans'?)" in said
    revisions = driftline.lines("alerts", "show", alert_id)
    assert [one["data"]["revision"] for one in revisions] == list(range(1, len(revisions) + 1))
    assert "no alert's id" in driftline.run("alerts", "show", "zz", expect=1).err
    following = driftline.start("alerts", "follow", "--since", "beginning", "--json")
    assert following.stdout is not None
    first = json.loads(following.stdout.readline())
    assert first["data"]["revision"] == 1
    following.send_signal(signal.SIGINT)
    assert following.wait(20) == 0


def check_dead_letters(driftline: Driftline, name: str) -> None:
    letters = driftline.lines("dead-letters", "list")
    assert len(letters) == 4
    assert base64.b64decode(letters[0]["value"]) == b"{not json"
    assert base64.b64decode(letters[0]["key"]) == b"bad\xff"
    assert "\x1b" not in driftline.run("dead-letters", "list").out
    assert len(driftline.lines("dead-letters", "list", "--limit", "1")) == 1
    driftline.run("dead-letters", "retry", expect=2)
    said = driftline.run("dead-letters", "retry", "--stream", "lones", "--dry-run").err
    assert "no stream 'lones' is declared (did you mean 'loans'?)" in said
    said = driftline.run("dead-letters", "retry", "--code", "not-jsn", "--dry-run").err
    assert "there is no code 'not-jsn' (did you mean 'not-json'?)" in said
    code = letters[0]["code"]
    same = sum(one["code"] == code for one in letters)
    said = driftline.run("dead-letters", "retry", "--code", code, "--dry-run").out
    assert said.startswith(f"{same} record")
    said = driftline.run("dead-letters", "retry", "--offset", str(letters[0]["offset"])).out
    assert "1 record sent" in said
    record = last_record(driftline, f"{name}.predictions")
    assert record.value() == b"{not json"
    assert record.key() == b"bad\xff"
    assert record.headers() == [("h", b"\x00"), ("driftline.attempt", b"2")]


def last_record(driftline: Driftline, topic: str) -> Any:
    """The newest record of a topic's only partition."""
    consumer = Consumer({"bootstrap.servers": driftline.kafka, "group.id": "unused"})
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, end - 1)])
    record = consumer.poll(20)
    consumer.close()
    assert record is not None
    return record


def check_forget(driftline: Driftline) -> None:
    assert driftline.run("streams", "forget", "loans", expect=1).out.strip() == ""
    assert "nothing is stored" in driftline.run("streams", "forget", "x", "--yes", expect=1).err
    assert driftline.run("streams", "forget", "loans", "--yes").out == (
        "loans: 1 instance forgotten\n"
    )
    with redis.Redis.from_url(driftline.redis) as client:
        assert not [key for key in client.scan_iter() if b"loans" in key]


async def test_a_living_worker_hears_what_people_say(driftline: Driftline, name: str) -> None:
    """Alerts are taken on and accepted; a stream that is forgotten begins anew.

    It drops what it has in memory at the command's place in the log; what comes then is new.
    """
    make_sources(driftline, name)
    produce_stream(driftline, name)
    async with worked(driftline):
        await asyncio.to_thread(answer_alerts, driftline)
        forgotten = await asyncio.to_thread(driftline.run, "streams", "forget", "loans", "--yes")
        assert forgotten.out == "loans: 1 instance forgotten\n"
        produce_one(driftline, name)
        await asyncio.to_thread(wait_for_one, driftline)


def answer_alerts(driftline: Driftline) -> None:
    """Take one alert on, and accept it then; the other stays as it is."""
    listed = {one["data"]["signal"]: one["data"] for one in driftline.lines("alerts", "list")}
    alert_id = listed["error"]["alert_id"]
    taken = "acknowledged by ann: I look into it"
    answer = ("--note", "I look into it", "--by", "ann")
    assert f"\n    {taken}\n" in driftline.run("alerts", "ack", alert_id[:12], *answer).out
    assert driftline.run("alerts", "list").out.count(taken) == 1
    latest = driftline.lines("alerts", "show", alert_id)[-1]["data"]
    assert latest["acknowledged"]["by"] == "ann"
    assert latest["acknowledged"]["note"] == "I look into it"
    assert "taken on by ann" in driftline.run("status").out
    assert "accepted" in driftline.run("alerts", "accept", alert_id).out
    latest = driftline.lines("alerts", "show", alert_id)[-1]["data"]
    assert (latest["status"], latest["reason"]) == ("resolved", "accepted")
    assert latest["acknowledged"]["by"] == "ann"
    assert "has ended (accepted)" in driftline.run("alerts", "ack", alert_id, expect=1).err
    assert (
        "at most 1,000"
        in driftline.run(
            "alerts", "ack", listed["feature.x"]["alert_id"], "--note", "x" * 1_001, expect=1
        ).err
    )
    (firing,) = driftline.json("status", "loans")["streams"][0]["firing"]
    assert (firing["signal"], firing["acknowledged_by"]) == ("feature.x", None)
    assert firing["alert_id"] == listed["feature.x"]["alert_id"]


def produce_one(driftline: Driftline, name: str) -> None:
    producer = Producer({"bootstrap.servers": driftline.kafka})
    producer.produce(f"{name}.predictions", json.dumps({"id": "new", "y": 1, "x": 1.0}))
    assert producer.flush(30) == 0


def wait_for_one(driftline: Driftline) -> None:
    """Wait until the stream's join has taken in that one, and nothing else."""
    deadline = time.monotonic() + 30
    while driftline.json("status", "loans")["streams"][0]["join"]["predictions"] != 1:
        assert time.monotonic() < deadline, driftline.run("status", "loans").out
        time.sleep(0.2)
