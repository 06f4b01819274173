# ruff: noqa: INP001, T201 - a script, which prints
"""Measures how soon an alert is where people see it, on real servers, as a Markdown table.

    python scripts/alert_latency.py                   # 100 alerts, a minute or two
    python scripts/alert_latency.py --alerts 20

A Kafka broker, a Redis, a worker and `driftline web` are started, each a process of its own, and a
fake Slack in this one. One alert after the other: rows of one more instance are written until its
detector alarms, and the clock runs from the write of the record that set the alert off (its
`trigger`) to the alert on the alerts topic, on a connection of Server-Sent Events, and at Slack.
Nothing else comes: `python -m bench.scale --only latency` measures beside 5,000 events/s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import numpy as np
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.following import values_of
from driftline.embedded.process import LOOPBACK, free_port
from support.commands import Driftline
from support.fake_slack import FakeSlack
from support.kafka_broker import NEWEST, KafkaBroker
from support.pipeline import Pipeline
from support.redis_server import RedisServer
from support.sse import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.scripted_server import Reply, Request

SEED: Final = 20_260_101
SECONDS: Final = 60.0
LOW_ROWS: Final = 200
BEGIN: Final = 1_700_000_000_000
PLACES: Final = {"alerts topic": 0.5, "SSE": 1.0, "first request at Slack": 3.0}
"""Where an alert shows, and within how many seconds its 99th percentile should be."""


@dataclass
class Seen:
    """When each instance's alert showed in each place, and of which row it came."""

    triggers: dict[str, str] = field(default_factory=dict)
    at: dict[str, dict[str, float]] = field(default_factory=lambda: {one: {} for one in PLACES})

    def note(self, place: str, instance: str) -> None:
        """It shows there now, if it did not before."""
        self.at[place].setdefault(instance, time.monotonic())

    def everywhere(self, instance: str) -> bool:
        """Whether it shows in each place."""
        return all(instance in found for found in self.at.values())


class Slack(FakeSlack):
    """Notes when a request of an alert comes."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def answer(self, request: Request) -> Reply:
        """As Slack does."""
        text = request.json()["text"]
        self._seen.note("first request at Slack", _instance_in(text))
        return super().answer(request)


def _instance_in(text: str) -> str:
    """The instance that a message's title is about."""
    return next(word.rstrip(":") for word in text.split() if word.startswith("loans/"))


def declare(pipeline: Pipeline, topic: str, slack: Slack, port: int) -> None:
    """One stream, split into as many instances as there will be alerts."""
    predictions = {
        "topic": topic,
        "start": "earliest",
        "id": "id",
        "time": {"path": "at", "unit": "ms"},
        "prediction": "y",
        "score": "p",
    }
    stream = {
        "task": "binary",
        "positive": 1,
        "split_by": "model",
        "predictions": predictions,
        "watch": {"score": {"detector": "quick"}},
    }
    pipeline.declare({"loans": stream}, {"quick": {"kind": "adwin", "warm_up": 50, "clock": 1}})
    config = pipeline.directory / "config"
    slack_bot = {
        "kind": "slack-bot",
        "token": {"env": "SLACK_TOKEN"},
        "channel": slack.workspace.channel,
        "api_url": slack.api_url,
        "allow_private": True,
        "per_hour": 10_000,
    }
    route = {"match": {"kind": "drift"}, "receivers": "slack"}
    alerting = {"receivers": {"slack": slack_bot}, "routes": [route]}
    (config / "alerting.yaml").write_text(yaml.safe_dump(alerting))
    settings = yaml.safe_load((config / "driftline.yaml").read_text())
    # As it is delivered: the worker's own times, not those of tests.
    settings |= {"worker": {}, "web": {"port": port}}
    (config / "driftline.yaml").write_text(yaml.safe_dump(settings))


def watch_topic(kafka: str, topic: str, seen: Seen, ended: threading.Event) -> None:
    """Note alerts as they can be read; runs in a thread."""
    for value in values_of(kafka, topic):
        if ended.is_set():
            return
        if value is not None:
            data = json.loads(value)["data"]
            if data["kind"] == "drift":
                seen.note("alerts topic", data["instance"])
                seen.triggers.setdefault(data["instance"], data["trigger"]["id"])


async def watch_sse(url: str, token: str, seen: Seen, connected: asyncio.Event) -> None:
    """Note alerts as they come over a connection; to be cancelled."""
    headers = {"Authorization": f"Bearer {token}"}
    reader = Reader()
    async with (
        httpx.AsyncClient(timeout=None, headers=headers) as client,  # noqa: S113 - it waits
        client.stream("GET", f"{url}/v1/alerts/stream") as answer,
    ):
        answer.raise_for_status()
        connected.set()
        async for chunk in answer.aiter_raw():
            reader.feed(chunk)
            for event in reader.events:
                seen.note("SSE", str(event.json["data"].get("instance")))
            reader.events.clear()


class Writer:
    """Writes rows at once, and remembers when."""

    def __init__(self, kafka: str, topic: str) -> None:
        self._producer = Producer({"bootstrap.servers": kafka, "linger.ms": 0})
        self._topic = topic
        self.written: dict[str, float] = {}

    def write(self, model: str, scores: Iterable[float]) -> None:
        """Hand rows over to Kafka, and return when it has them."""
        for score in scores:
            number = len(self.written)
            row = {"id": str(number), "at": BEGIN + number * 100, "y": 1, "p": score}
            self.written[str(number)] = time.monotonic()
            self._producer.produce(self._topic, json.dumps(row | {"model": model}).encode())
        if self._producer.flush(SECONDS):
            msg = "kafka does not take rows"
            raise TimeoutError(msg)


async def one_alert(writer: Writer, seen: Seen, model: str, rng: np.random.Generator) -> None:
    """Rows one by one until there is an alert, and it is everywhere."""
    instance = f"loans/{model}"
    writer.write(model, rng.beta(2, 8, LOW_ROWS).round(4).tolist())
    deadline = time.monotonic() + SECONDS
    while not seen.everywhere(instance):
        if time.monotonic() > deadline:
            msg = f"no alert of {instance} everywhere in {SECONDS} s: {seen.at}"
            raise TimeoutError(msg)
        if instance not in seen.triggers:
            writer.write(model, [round(float(rng.beta(8, 2)), 4)])
        await asyncio.sleep(0.05)


async def measure(count: int, directory: Path, stack: AsyncExitStack) -> dict[str, list[float]]:
    """Start everything, and let so many alerts fire one after the other; seconds by place."""
    seen = Seen()
    slack = Slack(seen)
    await stack.enter_async_context(slack.running())
    os.environ["SLACK_TOKEN"] = slack.workspace.token
    (directory / "kafka").mkdir()
    (directory / "redis").mkdir()
    kafka, redis = KafkaBroker(NEWEST[-1], directory / "kafka"), RedisServer(directory / "redis")
    for server in (kafka, redis):
        server.start()
        stack.callback(server.stop)
    pipeline, topic, port = (
        Pipeline(directory / "d", kafka.bootstrap, redis.url),
        "loans",
        free_port(),
    )
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(timeout=SECONDS)
    declare(pipeline, topic, slack, port)
    driftline = Driftline(pipeline.directory, kafka.bootstrap, redis.url)
    alerts_topic = f"{pipeline.name}.alerts"
    url = f"http://{LOOPBACK}:{port}"
    for command in ("worker", "web"):
        start(driftline, command, stack)
    await ready(url)
    made = await asyncio.to_thread(driftline.json, "tokens", "create", "a", "--scope", "read")
    connected, ended = asyncio.Event(), threading.Event()
    sse = asyncio.create_task(watch_sse(url, made["token"], seen, connected))
    stack.callback(sse.cancel)
    topic_watch = asyncio.create_task(
        asyncio.to_thread(watch_topic, kafka.bootstrap, alerts_topic, seen, ended)
    )
    stack.callback(ended.set)
    await asyncio.wait_for(connected.wait(), SECONDS)
    writer, rng = Writer(kafka.bootstrap, topic), np.random.default_rng(SEED)
    # The first one is a warm-up: connections are made, code is imported.
    for number in range(count + 1):
        await one_alert(writer, seen, f"m{number}", rng)
    ended.set()
    await topic_watch
    measured = [f"loans/m{number}" for number in range(1, count + 1)]
    return {
        place: [found[one] - writer.written[seen.triggers[one]] for one in measured]
        for place, found in seen.at.items()
    }


def start(driftline: Driftline, command: str, stack: AsyncExitStack) -> None:
    """A process, until the stack ends."""
    log = stack.enter_context((driftline.directory / f"{command}.log").open("w"))
    process = driftline.start(command, output=log)

    def stop() -> None:
        process.terminate()
        process.wait(SECONDS)

    stack.callback(stop)


async def ready(url: str) -> None:
    """Return when the API answers."""
    async with httpx.AsyncClient() as client:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:  # noqa: PLR2004
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
    msg = f"{url} does not answer"
    raise TimeoutError(msg)


def show(times: dict[str, list[float]], count: int) -> None:
    """The table, and the machine."""
    load = os.getloadavg()[0]
    print(f"{count} alerts, one at a time; {os.cpu_count()} cores, {platform.machine()}, ", end="")
    print(f"Python {platform.python_version()}, Kafka {NEWEST[-1]}, load at the end {load:.1f}\n")
    print("| from the record's write to | p50 | p99 | most | to reach, p99 |")
    print("|---|---|---|---|---|")
    for place, bound in PLACES.items():
        p50, p99 = np.percentile(times[place], [50, 99])
        cells = (p50, p99, max(times[place]), bound)
        print(f"| {place} | " + " | ".join(f"{1_000 * one:,.0f} ms" for one in cells) + " |")


async def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--alerts", type=int, default=100)
    count = parser.parse_args().alerts
    with tempfile.TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            times = await measure(count, Path(directory), stack)
    show(times, count)


if __name__ == "__main__":
    asyncio.run(main())
