"""Whole workers between a real broker and receivers: who is told of what, and when."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from chaos.nursery import Nursery
from driftline.agents.clock import system_clock
from driftline.alerts.event import as_record
from driftline.app.roles import WorkerRole
from driftline.config.alerting import Matchers
from driftline.config.deployment import load_deployment
from driftline.crashpoints import VARIABLE, NotifyPoint
from driftline.model import SECOND
from driftline.notify.silences import SilenceStore
from driftline.store.connect import RedisAddress, build_client
from driftline.transport.address import KafkaAddress
from driftline.transport.topics import TopicAdmin
from support.alert_events import CHANGED
from support.deliveries import alert, ended
from support.fake_slack import FakeSlack
from support.fake_webhook import FakeWebhook
from support.pipeline import PATIENCE_SECONDS, Pipeline, Sent
from support.recorder import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from driftline.alerts.schema import AlertEnvelope
    from driftline.config.deployment import Deployment
    from support.kafka_broker import KafkaBroker
    from support.scripted_server import ScriptedServer

CAUSE = {"kind": "dead_letters", "since": CHANGED, "detail": "12 % of the records are refused"}
RETRAIN = {"since": CHANGED, "until": datetime(2019, 3, 5, tzinfo=UTC), "sources": []}
SLACK = 20.0
"""How much later than expected something may be told: machines are slow, and share their cores."""


@dataclass
class Target:
    """An endpoint, and when each notification came, by the seconds since the story began."""

    server: ScriptedServer
    begun: float = 0.0
    times: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """Note the time of each request; to be cancelled."""
        while True:
            while len(self.times) < len(self.server.requests):
                self.times.append(time.monotonic() - self.begun)
            await asyncio.sleep(0.01)

    def told(self) -> list[str]:
        """The alerts of a webhook's events, in short."""
        return [_short(request.json()) for request in self.server.requests]


def _short(event: dict[str, Any]) -> str:
    data = event["data"]
    number = int(data["alert_id"], 16)
    if event["type"].startswith("io.driftline.retrain"):
        return f"{number} {event['type'].rpartition('.')[2]}"
    return f"{number}.{data['revision']} {data['status']}"


@pytest.fixture
def pipeline(kafka: KafkaBroker, redis_url: str, tmp_path: Path) -> Pipeline:
    """A deployment of the test's own on both real servers."""
    worker = {"session_timeout": "2s"}
    return Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url, worker=worker)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """Starts workers quickly."""
    one = Nursery()
    yield one
    one.close()


def declare(pipeline: Pipeline, topic: str, alerting: dict[str, Any]) -> Deployment:
    """A deployment of one idle stream, and whoever is to be told."""
    predictions = {"topic": topic, "id": "id", "prediction": "y", "score": "p"}
    stream = {
        "task": "binary",
        "positive": 1,
        "predictions": predictions,
        "watch": {"score": {"detector": "quick"}},
    }
    pipeline.declare({"car-loan": stream}, {"quick": {"kind": "adwin"}})
    file = pipeline.directory / "config" / "alerting.yaml"
    file.write_text(yaml.safe_dump(alerting), encoding="utf-8")
    return load_deployment(pipeline.directory)


def webhook(server: ScriptedServer) -> dict[str, Any]:
    """The declaration of a webhook."""
    return {"kind": "webhook", "url": f"{server.url}/hook", "allow_private": True}


def publish(pipeline: Pipeline, deployment: Deployment, *events: AlertEnvelope) -> None:
    """Alert events come onto the alerts topic."""
    records = [as_record(event.data) for event in events]
    pipeline.send(
        deployment.settings.alerts_topic,
        [Sent(one.value, one.key.encode(), one.headers) for one in records],
    )


async def test_a_story_is_told_to_everybody_as_declared_and_nothing_else(
    pipeline: Pipeline, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inputs at times, notifications at times; one too many fails."""
    everything, critical, slack = Target(FakeWebhook()), Target(FakeWebhook()), Target(FakeSlack())
    targets = (everything, critical, slack)
    async with AsyncExitStack() as stack:
        for target in targets:
            await stack.enter_async_context(target.server.running())
        assert isinstance(slack.server, FakeSlack)
        monkeypatch.setenv("SLACK_HOOK", slack.server.hook_url)
        deployment = declare(
            pipeline,
            make_topic("predictions"),
            {
                "receivers": {
                    "everything": webhook(everything.server),
                    "critical": webhook(critical.server),
                    "slack": {
                        "kind": "slack-webhook",
                        "url": {"env": "SLACK_HOOK"},
                        "allow_private": True,
                    },
                },
                "routes": [
                    # A slow machine may be worth alerts of its own.
                    {"match": {"kind": "drift"}, "receivers": "everything", "continue": True},
                    {
                        "match": {"kind": "drift", "severity": "critical"},
                        "receivers": "critical",
                        "send_resolved": False,
                        "continue": True,
                    },
                    {"match": {"stream": "car-loan"}, "receivers": "slack", "group_wait": "2s"},
                ],
            },
        )
        worker = pipeline.build_worker(deployment, roles=[WorkerRole.NOTIFY])
        await stack.enter_async_context(pipeline.running(worker))
        client = build_client(RedisAddress(pipeline.redis))
        stack.push_async_callback(client.close)
        begun, now = time.monotonic(), system_clock()
        await SilenceStore(client, deployment.settings.name).add(
            Matchers.model_validate({"stream": "quiet"}),
            starts_at=now,
            ends_at=now + 6 * SECOND,
            created_by="ann",
            comment="being mended",
            now=now,
        )
        for target in targets:
            target.begun = begun
            watching = asyncio.create_task(target.watch())
            stack.callback(watching.cancel)
        at: list[float] = []
        quiet = alert(5, stream="quiet", severity="info")

        def has(*told: str) -> bool:
            others = len(critical.times) == 1 and len(slack.times) >= 1
            return others and set(told) <= set(everything.told())

        def say(*events: AlertEnvelope) -> None:
            at.append(time.monotonic() - begun)
            publish(pipeline, deployment, *events)

        say(quiet, alert(1), alert(2, severity="warning"))
        say(alert(3, cause=CAUSE, stream="churn", severity="info"))
        # Only once everybody was told of its beginning has everybody to be told of its end.
        await until(lambda: has("1.1 firing", "2.1 firing"), seconds=60)
        say(ended(1))
        await until(lambda: has("1.2 resolved"), seconds=60)
        say(*[alert(3, 2, stream="churn", severity="info")] * 2)
        await until(lambda: len(everything.times) >= 5 and len(slack.times) >= 2, seconds=60)
        # Whatever else may come has had the time of everything that was to come.
        await asyncio.sleep(max(begun + 9 - time.monotonic(), 2))
        assert sorted(zip(everything.told(), everything.times, strict=True)) == [
            ("1.1 firing", _from(at[0])),
            ("1.2 resolved", _from(at[2])),
            ("2.1 firing", _from(at[0])),
            ("3.2 firing", _from(at[3])),
            ("5.1 firing", _from(6.0)),
        ]
        assert list(zip(critical.told(), critical.times, strict=True)) == [
            ("1.1 firing", _from(at[0]))
        ]
        assert slack.times == [_from(at[0] + 2), _from(at[2] + 2)]


@pytest.mark.timeout(600)
async def test_killed_anywhere_each_alert_arrives_and_at_most_one_twice(
    pipeline: Pipeline, make_topic: Callable[..., str], nursery: Nursery, tmp_path: Path
) -> None:
    """Dying at each point of an alert's way: nothing lost, one repetition per death at most."""
    endpoint = Target(FakeWebhook())
    async with endpoint.server.running():
        hook = webhook(endpoint.server)
        deployment = declare(
            pipeline,
            make_topic("predictions"),
            {
                "receivers": {"hook": hook},
                "routes": [{"match": {"kind": "drift"}, "receivers": "hook", "retrain": True}],
                "retrain_cooldown": "0s",
            },
        )
        worker = Deaths(pipeline, deployment, nursery, tmp_path / "worker.log")
        numbers = range(1, len(NotifyPoint) + 1)
        for number, point in zip(numbers, NotifyPoint, strict=True):
            # Each goes on first with what the one before has left.
            await worker.die_at(point, _asking(number))
        beginnings = {
            f"{number}{what}" for number in numbers for what in (".1 firing", " requested")
        }
        await worker.live_until(endpoint, beginnings)
        publish(pipeline, deployment, *(_asking(number, over=True) for number in numbers))
        ends = {f"{number}{what}" for number in numbers for what in (".2 resolved", " closed")}
        await worker.stop_after(endpoint, beginnings | ends)
        assert set(endpoint.told()) == beginnings | ends
        # One died with a notification sent, and nobody knowing; others may have been sending.
        repeated = len(endpoint.told()) - len(beginnings | ends)
        assert 1 <= repeated <= len(NotifyPoint)
        ids = {request.headers["webhook-id"] for request in endpoint.server.requests}
        assert len(ids) == len(beginnings | ends)
        topic = deployment.settings.retrain_topic
        published = [json.loads(one.value or b"")["id"] for one in pipeline.read(topic)]
        wanted = {
            f"{number:020x}.retrain.{end}" for number in numbers for end in ("requested", "closed")
        }
        assert set(published) == wanted
        # One died between publishing a request and remembering that; others may have.
        assert 1 <= len(published) - len(wanted) <= len(NotifyPoint)


class Deaths:
    """Workers that die when an alert comes, and others that go on."""

    def __init__(
        self, pipeline: Pipeline, deployment: Deployment, nursery: Nursery, log: Path
    ) -> None:
        self._pipeline = pipeline
        self._deployment = deployment
        self._nursery = nursery
        self._log = log
        self._pid = 0

    async def die_at(self, point: NotifyPoint, event: AlertEnvelope) -> None:
        """A worker meets an alert and dies at this point of its way."""
        self._spawn({VARIABLE: f"{point.value}:1"})
        admin = TopicAdmin(KafkaAddress(self._pipeline.kafka))
        await admin.wait_for(self._deployment.settings.own_topics)
        publish(self._pipeline, self._deployment, event)
        await self._ended(-signal.SIGKILL)

    async def live_until(self, target: Target, told: set[str]) -> None:
        """A worker goes on, until this has been told."""
        self._spawn({})
        await self._told(target, told)

    async def stop_after(self, target: Target, told: set[str]) -> None:
        """It is asked to end once this has been told."""
        await self._told(target, told)
        os.kill(self._pid, signal.SIGTERM)
        await self._ended(0)

    def _spawn(self, environ: dict[str, str]) -> None:
        self._pid = self._nursery.spawn(
            self._pipeline.directory, self._log, environ, "--role", "notify"
        )

    async def _ended(self, code: int) -> None:
        await self._until(lambda: self._nursery.exit_code(self._pid) is not None)
        assert self._nursery.exit_code(self._pid) == code, self._tail()

    async def _told(self, target: Target, told: set[str]) -> None:
        await self._until(lambda: set(target.told()) >= told, lambda: sorted(target.told()))

    async def _until(
        self, condition: Callable[[], bool], otherwise: Callable[[], object] = lambda: ""
    ) -> None:
        try:
            await until(condition, seconds=PATIENCE_SECONDS)
        except TimeoutError:
            found = f"{otherwise()}\n{self._tail()}"
            raise AssertionError(found) from None

    def _tail(self) -> str:
        return "\n".join(self._log.read_text("utf-8").splitlines()[-20:])


def _asking(number: int, *, over: bool = False) -> AlertEnvelope:
    name = f"car-loan/{number}"
    make = ended if over else alert
    return make(number, instance=name, retrain=RETRAIN)


class _from(float):  # noqa: N801 - reads as a word in a table
    """Equal to any time from this one on that is not much later."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and self <= other <= self + SLACK

    def __hash__(self) -> int:
        return super().__hash__()
