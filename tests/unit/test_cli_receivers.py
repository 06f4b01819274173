"""`driftline receivers`: what is listed, and what a test message comes to."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import pytest
import structlog

from support.command import Command, Ran
from support.fake_slack import FakeSlack
from support.fake_webhook import FakeWebhook
from support.recorded_stream import write_deployment
from support.scripted_server import echo, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALERTING: Final = """\
receivers:
  team: {{kind: slack-webhook, url: {{env: HOOK}}, allow_private: true, per_hour: 10}}
  models: {{kind: webhook, url: "{webhook}/in", allow_private: true, description: "Retrains."}}
  quiet: {{kind: log}}
routes:
  - match: {{severity: critical}}
    receivers: [team, models]
    continue: true
  - receivers: [models]
"""


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Commands configure the log of their process; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def driftline(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def declare(directory: Path, webhook: str = "http://127.0.0.1:9") -> Path:
    deployment = write_deployment(directory)
    (deployment / "config").mkdir(exist_ok=True)
    (deployment / "config/alerting.yaml").write_text(ALERTING.format(webhook=webhook))
    return deployment


def test_receivers_are_listed_with_their_routes(driftline: Command, tmp_path: Path) -> None:
    """Without a server, and without the secrets being there."""
    deployment = declare(tmp_path)
    lines = driftline("receivers", "list", "-d", deployment).out.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["team", "slack-webhook", "routes[0]", "10"],
        ["models", "webhook", "routes[0],", "routes[1]"],
        ["quiet", "log", "none", "60"],
    ]
    listed = driftline("receivers", "list", "-d", deployment, "--json").json
    assert listed["models"] == {
        "kind": "webhook",
        "description": "Retrains.",
        "per_hour": 60,
        "routes": [0, 1],
    }


def test_no_receivers_are_no_mistake(driftline: Command, tmp_path: Path) -> None:
    """It is said where they would be."""
    ran = driftline("receivers", "list", "-d", write_deployment(tmp_path))
    assert (ran.code, ran.out) == (0, "")
    assert "no receiver is declared in config/alerting.yaml" in ran.err


def test_a_wrong_name_is_answered_with_the_nearest(driftline: Command, tmp_path: Path) -> None:
    """As wrong usage."""
    ran = driftline("receivers", "test", "teem", "-d", declare(tmp_path))
    assert ran.code == 2
    assert "did you mean 'team'?" in ran.err


async def run(driftline: Command, *arguments: object) -> Ran:
    """A command beside servers of this process."""
    return await asyncio.to_thread(driftline, *arguments)


async def test_a_test_message_arrives(
    driftline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At Slack, at a webhook, in the log."""
    slack, webhook = FakeSlack(), FakeWebhook()
    async with slack.running(), webhook.running():
        monkeypatch.setenv("HOOK", slack.hook_url)
        deployment = declare(tmp_path, webhook.url)
        for name in ("team", "models", "quiet"):
            ran = await run(driftline, "receivers", "test", name, "-d", deployment)
            assert ran.code == 0, ran.err
            assert ran.out.startswith(f"{name}: sent as ")
    assert "This is a test" in slack.messages[0].payload["text"]
    assert [event["type"] for event in webhook.events] == ["io.driftline.test"]


async def test_a_test_message_that_fails_says_why(
    driftline: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With exit code 1, and without the secret."""
    slack = FakeSlack()
    async with slack.running():
        monkeypatch.setenv("HOOK", slack.url + "/services/canary")
        deployment = declare(tmp_path)
        faults = ((status(404, b"no_service"), "status 404: no_service"), (echo(500), "status 500"))
        for step, said in faults:
            slack.script[:] = [step]
            ran = await run(driftline, "receivers", "test", "team", "-d", deployment)
            assert ran.code == 1
            assert f"driftline: receiver team: slack: {said}" in ran.err
            assert "canary" not in ran.out + ran.err
    monkeypatch.delenv("HOOK")
    ran = await run(driftline, "receivers", "test", "team", "-d", deployment)
    assert ran.code == 1
    assert "receiver team: the secret in environment variable HOOK is not set" in ran.err
