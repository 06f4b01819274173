"""A whole worker with every way out at once: one of them hangs, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
import yaml

from driftline.alerts.alert import Status
from driftline.alerts.event import read_event
from driftline.config.deployment import load_deployment
from driftline.errors import UnavailableError
from support.alertmanager import BUILD_SECONDS, Alertmanager
from support.fake_slack import FakeSlack
from support.fake_webhook import FakeWebhook
from support.pipeline import PATIENCE_SECONDS, Pipeline, Sent
from support.recorder import until
from support.scripted_server import ScriptedServer, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from driftline.alerts.schema import AlertData
    from driftline.config.deployment import Deployment
    from support.fake_slack import Posted
    from support.kafka_broker import KafkaBroker
    from support.scripted_server import Request

# The first time Alertmanager is built.
pytestmark = [pytest.mark.server, pytest.mark.timeout(BUILD_SECONDS + 300)]

SEED: Final = 20_261
BEGIN: Final = 1_700_000_000_000
LOW, HIGH = (2.0, 8.0), (8.0, 2.0)
"""How scores are distributed before and during the drift."""


@pytest.fixture
def pipeline(kafka: KafkaBroker, redis_url: str, tmp_path: Path) -> Pipeline:
    """A deployment of the test's own on both real servers."""
    return Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url)


class Hanging(FakeWebhook):
    """Reads its first request and says nothing, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.script = [self._hang]

    async def _hang(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await self.let_go.wait()
        await reply(self.answer(request))(request, writer)

    @property
    def told(self) -> list[str]:
        """The CloudEvents' ids, in their order."""
        return [str(event["id"]) for event in self.events]


@dataclass
class Story:
    """What happens to one stream, and who is told of it."""

    pipeline: Pipeline
    deployment: Deployment
    topic: str
    slack: FakeSlack
    hook: Hanging
    alertmanager: Alertmanager
    alertmanager_hook: ScriptedServer
    worker: asyncio.Task[None]
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(SEED))
    _rows: int = 0

    async def rows(self, count: int, scores: tuple[float, float]) -> None:
        """So many rows come, and are applied, whoever hangs."""
        drawn = self._rng.beta(*scores, count).round(4).tolist()
        numbers = range(self._rows, self._rows + count)
        self._rows += count
        self.pipeline.send(
            self.topic,
            [
                Sent(json.dumps({"id": str(n), "at": BEGIN + n * 1_000, "y": 1, "p": p}).encode())
                for n, p in zip(numbers, drawn, strict=True)
            ],
        )
        await self.pipeline.drained(self.deployment, watch=self.worker)

    def published(self) -> list[AlertData]:
        """What the alerts topic says of drift, in its order."""
        records = self.pipeline.read(self.deployment.settings.alerts_topic)
        found = [read_event(one.value or b"").data for one in records]
        return [data for data in found if data.kind == "drift"]

    async def kept_since(self, alert_id: str, moment: datetime) -> Mapping[str, Any]:
        """How Alertmanager has an alert that is active after this moment."""
        found: list[Mapping[str, Any]] = []

        async def is_kept() -> bool:
            is_later = datetime.now(UTC) > moment
            found[:] = [one for one in await self._active(alert_id) if is_later]
            return bool(found)

        await eventually(is_kept, f"Alertmanager does not keep {alert_id}")
        return found[0]

    async def has_forgotten(self, alert_id: str) -> bool:
        """Whether the alert is not active there."""
        return not await self._active(alert_id)

    async def _active(self, alert_id: str) -> list[Mapping[str, Any]]:
        found = await self.alertmanager.alerts()
        return [one for one in found if one["labels"].get("alert_id") == alert_id]

    def told_by_alertmanager(self, alert_id: str) -> list[str]:
        """What it told people of an alert."""
        return [
            one["status"]
            for request in self.alertmanager_hook.requests
            for one in request.json()["alerts"]
            if one["labels"].get("alert_id") == alert_id
        ]


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until it is so."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(what) from None


def declare(
    pipeline: Pipeline, topic: str, slack: FakeSlack, hook: Hanging, alertmanager: Alertmanager
) -> Deployment:
    """A stream, and three to be told of its drift."""
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
        "predictions": predictions,
        "watch": {"score": {"detector": "quick"}},
    }
    pipeline.declare({"loans": stream}, {"quick": {"kind": "adwin", "warm_up": 50}})
    alerting = {
        "receivers": {
            "slack": {
                "kind": "slack-bot",
                "token": {"env": "SLACK_TOKEN"},
                "channel": slack.workspace.channel,
                "api_url": slack.api_url,
                "allow_private": True,
            },
            "shop": {
                "kind": "alertmanager",
                "url": alertmanager.url,
                "keep_alive": "1s",
                "allow_private": True,
            },
            "hook": {
                "kind": "webhook",
                "url": f"{hook.url}/hook",
                "timeout": "2m",
                "allow_private": True,
            },
        },
        # A slow machine may be worth alerts of its own.
        "routes": [{"match": {"kind": "drift"}, "receivers": ["hook", "slack", "shop"]}],
    }
    file = pipeline.directory / "config" / "alerting.yaml"
    file.write_text(yaml.safe_dump(alerting), encoding="utf-8")
    return load_deployment(pipeline.directory)


async def started(stack: AsyncExitStack, directory: Path, people: ScriptedServer) -> Alertmanager:
    """The real program, until the stack ends."""
    try:
        alertmanager = await asyncio.to_thread(Alertmanager, directory, hook=people.url)
    except UnavailableError as error:
        pytest.skip(f"no Alertmanager: {error}")
    stack.push_async_callback(asyncio.to_thread, alertmanager.stop)
    await asyncio.to_thread(alertmanager.start)
    return alertmanager


async def test_an_alert_is_told_everywhere_though_a_webhook_hangs(
    pipeline: Pipeline,
    make_topic: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Slack has its thread, Alertmanager keeps it and lets it go, and rows go on to be applied."""
    topic = make_topic("predictions")
    async with AsyncExitStack() as stack:
        slack, hook, people = FakeSlack(), Hanging(), ScriptedServer()
        for server in (slack, hook, people):
            await stack.enter_async_context(server.running())
        monkeypatch.setenv("SLACK_TOKEN", slack.workspace.token)
        alertmanager = await started(stack, tmp_path, people)
        deployment = declare(pipeline, topic, slack, hook, alertmanager)
        worker = pipeline.build_worker(deployment)
        task = await stack.enter_async_context(pipeline.running(worker))
        stack.callback(hook.let_go.set)
        story = Story(pipeline, deployment, topic, slack, hook, alertmanager, people, task)
        await fires_and_ends(story)


async def fires_and_ends(story: Story) -> None:
    """Rows drift, stay so for a while, and come back."""
    await story.rows(300, LOW)
    await story.rows(200, HIGH)
    await until(lambda: bool(story.published()), seconds=PATIENCE_SECONDS)
    (alert,) = {data.alert_id for data in story.published()}
    await until(lambda: bool(story.hook.requests), seconds=PATIENCE_SECONDS)
    await until(lambda: bool(story.slack.messages), seconds=PATIENCE_SECONDS)
    first = await story.kept_since(alert, datetime.min.replace(tzinfo=UTC))
    # Beyond the time until which it was first told: somebody tells it again.
    again = await story.kept_since(alert, datetime.fromisoformat(first["endsAt"]))
    assert again["startsAt"] == first["startsAt"]
    await story.rows(100, HIGH)
    await until(lambda: story.told_by_alertmanager(alert)[-1:] == ["firing"], seconds=60)

    await story.rows(600, LOW)
    await until(lambda: story.published()[-1].status is Status.RESOLVED, seconds=PATIENCE_SECONDS)
    revisions = story.published()
    last = revisions[-1]
    assert (last.alert_id, last.reason) == (alert, "recovered")
    await until(lambda: story.told_by_alertmanager(alert)[-1] == "resolved", seconds=60)
    await eventually(lambda: story.has_forgotten(alert), "Alertmanager keeps what ended")
    await until(lambda: f"{alert}.{last.revision} " in footer(story.slack.messages[0]), seconds=60)
    await until(
        lambda: footer(story.slack.messages[-1]).startswith(f"alert {alert}.{last.revision} ")
    )
    root, *replies = story.slack.messages
    assert root.thread_ts is None
    assert root.payload["text"].startswith("✅")
    # What came while another revision was being told is overtaken by the next.
    assert 1 <= root.updates == len(replies) < len(revisions)
    assert {one.thread_ts for one in replies} == {root.ts}
    # All of that while the webhook had still its first request.
    (told,) = story.hook.told
    assert told in {f"{alert}.1", f"{alert}.2"}
    story.hook.let_go.set()
    await until(lambda: story.hook.told[-1] == f"{alert}.{last.revision}", seconds=60)


def footer(posted: Posted) -> str:
    """Which revision of which alert a message is about."""
    return str(posted.payload["blocks"][-1]["elements"][0]["text"])
