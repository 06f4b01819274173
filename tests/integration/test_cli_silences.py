"""`driftline silences` and `driftline subscriptions`, on a real Redis and a real HTTP server."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import redis as blocking
import structlog

from support.command import Command, Ran
from support.fake_webhook import FakeWebhook
from support.recorded_stream import write_deployment
from support.scripted_server import status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

URL: Final = "https://example.com/hooks/canary-url-5c1e"
SECRET: Final = "whsec_" + "Y2FuYXJ5LXNlY3JldC1jYW5hcnktc2VjcmV0"


class Deployed:
    """`driftline` for one deployment; remembers all that was ever written."""

    def __init__(self, command: Command, directory: Path) -> None:
        self._command = command
        self.directory = directory
        self.written = ""

    def __call__(self, *arguments: object, expect: int = 0) -> Ran:
        ran = self._command(*arguments, "--deployment", self.directory)
        self.written += ran.out + ran.err
        assert ran.code == expect, ran
        return ran


@pytest.fixture
def driftline(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    redis_url: str,
    tmp_path: Path,
) -> Iterator[Deployed]:
    monkeypatch.delenv("COLUMNS", raising=False)
    # Kafka is embedded, and no worker runs: none of these commands needs it.
    monkeypatch.delenv("DRIFTLINE_KAFKA", raising=False)
    monkeypatch.setenv("DRIFTLINE_REDIS", redis_url)
    directory = write_deployment(tmp_path)
    (directory / "config").mkdir()
    (directory / "config/driftline.yaml").write_text("logs: {level: debug}\n")
    (directory / "config/alerting.yaml").write_text("subscriptions: {per_owner: 3}\n")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Deployed(Command(capsys), directory)
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def squeezed(text: str) -> str:
    """Without the frame around wrong usage, and its line breaks."""
    return " ".join(text.replace("│", " ").split())


def test_a_silence_is_added_listed_and_expired(driftline: Deployed) -> None:
    """From now on for as long as asked; who is the user; once over it is listed with --all."""
    added = driftline(
        "silences", "add", "stream=churn", "signal=feature.*", "--for", "2h", "-m", "a migration"
    )
    silence_id = added.out.strip()
    (one,) = driftline("silences", "list", "--json").json
    begin, end = moment(one["starts_at"]), moment(one["ends_at"])
    assert end - begin == timedelta(hours=2)
    assert abs(datetime.now(UTC) - begin) < timedelta(minutes=5)
    expected = {
        "id": silence_id,
        "state": "active",
        "matchers": {"stream": ["churn"], "signal": ["feature.*"]},
        "comment": "a migration",
    }
    assert expected.items() <= one.items()
    assert re.fullmatch(r".+@.+", one["created_by"])
    shown = squeezed(driftline("silences", "list").out)
    assert f"{silence_id} active {begin:%Y-%m-%d %H:%M:%S}" in shown
    assert "stream=churn signal=feature.*" in shown
    assert driftline("silences", "expire", silence_id).out.startswith(f"{silence_id}: over since")
    gone = driftline("silences", "list")
    assert (gone.out, gone.err.splitlines()[-1]) == ("", "no silences")
    (over,) = driftline("silences", "list", "--all", "--json").json
    assert (over["id"], over["state"]) == (silence_id, "expired")


def test_a_silence_of_a_stream_that_is_not_there_is_made_with_a_word_on_it(
    driftline: Deployed,
) -> None:
    """The stream may come; more often its name is misspelt."""
    mute = ("silences", "add", "--for", "1h", "-m", "why")
    made = driftline(*mute, "stream=chrun", "stream=ch*", "owner=nobody")
    assert made.err.splitlines()[-2:] == [
        "warning: stream: no stream has a name like 'chrun' (did you mean 'churn'?)",
        "warning: owner: no stream has an owner like 'nobody'",
    ]
    (kept,) = driftline("silences", "list", "--json").json
    assert made.out.strip() == kept["id"]
    assert "warning" not in driftline(*mute, "stream=churn", "signal=feature.*").err


def test_a_silence_may_begin_later(driftline: Deployed) -> None:
    """At a moment, which is in UTC if it names no zone; until another, or for a while."""
    later = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    made = driftline(
        *("silences", "add", "severity=info", "--from", f"{later:%Y-%m-%dT%H:%M:%S}"),
        *(
            "--until",
            (later + timedelta(hours=1)).isoformat(),
            "-m",
            "why",
            "--by",
            "ada",
            "--json",
        ),
    ).json
    assert (made["state"], made["created_by"]) == ("pending", "ada")
    assert (moment(made["starts_at"]), moment(made["ends_at"])) == (
        later,
        later + timedelta(hours=1),
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stream=churn", "-m", "why"], "say how long"),
        (["stream=churn", "-m", "why", "--for", "2h", "--until", "2099-01-01"], "say how long"),
        (["stream=churn", "--for", "2h"], "--comment"),
        (["stream=churn", "-m", "why", "--for", "2"], "with its unit"),
        (["stream=churn", "-m", "why", "--until", "tomorrow"], "should be a time such as"),
        (["strean=churn", "-m", "why", "--for", "2h"], "did you mean 'stream'?"),
        (["severity=high", "-m", "why", "--for", "2h"], "critical, warning, info"),
        (["stream=CHURN", "-m", "why", "--for", "2h"], "matches no stream"),
    ],
)
def test_a_silence_that_is_not_said_rightly_is_wrong_usage(
    driftline: Deployed, arguments: list[str], said: str
) -> None:
    """Exit code 2, before any server is asked."""
    assert said in squeezed(driftline("silences", "add", *arguments, expect=2).err)


def test_a_silence_that_would_surprise_fails(driftline: Deployed) -> None:
    """Of everything, over already, or unknown: exit code 1, and one line that says why."""
    end = ("--until", "2020-01-01T00:00Z")
    for arguments, said in (
        (("add", "--for", "2h", "-m", "why"), "should say what it mutes"),
        (("add", "stream=churn", *end, "-m", "why"), "should end after it begins"),
        (("expire", "nowhere"), "no silence 'nowhere'"),
    ):
        assert said in driftline("silences", *arguments, expect=1).err.splitlines()[-1]


def test_a_subscription_is_added_paused_resumed_and_removed(driftline: Deployed) -> None:
    """Its secret is made for it, and written that one time."""
    added = driftline(
        *("subscriptions", "add", "stream=churn", "severity=critical", "--owner", "ada"),
        *("--url", "https://example.com/drift"),
    )
    name = added.out.strip()
    assert re.search(r"its secret, which is not shown again: whsec_\S{40,}", added.err)
    (one,) = driftline("subscriptions", "list", "--json").json
    expected: dict[str, Any] = {
        "id": name,
        "owner": "ada",
        "filter": {"stream": ["churn"], "severity": ["critical"]},
        "target": {"kind": "webhook", "host": "example.com"},
        "state": "active",
        "failures": 0,
    }
    assert expected.items() <= one.items()
    assert driftline("subscriptions", "pause", name).out == f"{name}: paused\n"
    shown = squeezed(driftline("subscriptions", "list").out)
    assert f"{name} ada stream=churn severity=critical webhook at example.com" in shown
    assert driftline("subscriptions", "resume", name).out == f"{name}: active\n"
    assert driftline("subscriptions", "list", "--owner", "bob", "--json").json == []
    assert driftline("subscriptions", "remove", name).out == f"{name}: removed\n"
    assert "no subscriptions" in driftline("subscriptions", "list").err
    for command in ("pause", "resume", "remove", "test"):
        ran = driftline("subscriptions", command, name, expect=1)
        assert f"no subscription '{name}'" in ran.err.splitlines()[-1]


def test_routes_test_counts_subscriptions_where_they_are_asked_for(driftline: Deployed) -> None:
    """Paused ones are left out."""
    added = [
        driftline("subscriptions", "add", which, "--url", "https://example.com/x").out.strip()
        for which in ("stream=churn", "stream=fraud", "severity=*")
    ]
    driftline("subscriptions", "pause", added[2])
    told = driftline("routes", "test", "stream=churn", "--subscriptions", "--json").json
    assert [(one["receiver"], one["number"]) for one in told["receivers"]] == [
        (f"subscription:{added[0]}", None)
    ]
    ran = driftline("routes", "test", "stream=churn", "--subscriptions")
    assert f"subscription:{added[0]} - stream=churn at once, once always" in squeezed(ran.out)


def test_an_owner_has_only_so_many(driftline: Deployed) -> None:
    """As config/alerting.yaml says."""
    add = ("subscriptions", "add", "--owner", "ada", "--url", "https://example.com/x")
    for _ in range(3):
        driftline(*add)
    assert "ada has 3 subscriptions already" in driftline(*add, expect=1).err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say where to"),
        (["--url", "https://a.example", "--url-env", "HOOK"], "say where to"),
        (["--kind", "slack-webhook", "--url", "https://a.example"], "--url-env or --url-file"),
        (["--url-env", "NO NAME"], "an environment variable or a file"),
        (["--url-env", "HOOK", "--secret-env", "A", "--secret-file", "b"], "not both"),
        (["--url-env", "HOOK", "streem=churn"], "did you mean 'stream'?"),
    ],
)
def test_a_subscription_that_is_not_said_rightly_is_wrong_usage(
    driftline: Deployed, arguments: list[str], said: str
) -> None:
    """Exit code 2, and nothing is kept."""
    assert said in squeezed(driftline("subscriptions", "add", *arguments, expect=2).err)
    assert driftline("subscriptions", "list", "--json").json == []


def test_no_secret_is_ever_written(
    driftline: Deployed, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    """Neither by a command that does its work nor by one that fails, with the log at debug."""
    monkeypatch.setenv("HOOK", URL)
    (driftline.directory / "secret").write_text(SECRET + "\n")
    given = ("--url-env", "HOOK", "--secret-file", driftline.directory / "secret")
    name = driftline("subscriptions", "add", *given).out.strip()
    made = driftline("subscriptions", "add", *given, "--json").json
    assert made["secret"] is None
    for command in ("pause", "resume"):
        driftline("subscriptions", command, name)
    driftline("subscriptions", "list")
    driftline("subscriptions", "list", "--json")
    driftline("routes", "test", "stream=churn", "--subscriptions", "--json")
    driftline("subscriptions", "add", "--kind", "slack-webhook", *given, expect=1)
    monkeypatch.setenv("HOOK", URL.replace("https", "http"))
    driftline("subscriptions", "add", *given, expect=1)
    with blocking.Redis.from_url(redis_url) as client:
        client.set("{driftline}:notify:subscriptions:owners", "no hash")
    monkeypatch.setenv("HOOK", URL)
    driftline("subscriptions", "add", *given, expect=1)
    canaries = ("canary-url-5c1e", SECRET, SECRET.removeprefix("whsec_"))
    assert [one for one in canaries if one in driftline.written] == []
    assert len(driftline.written) > 1_000


def allow_private(directory: Path) -> None:
    (directory / "config/alerting.yaml").write_text("subscriptions: {allow_private: true}\n")


async def test_a_test_message_goes_to_the_subscriptions_target(
    driftline: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed with its secret; where it fails the reason is said, with exit code 1."""
    allow_private(driftline.directory)
    server = FakeWebhook()
    async with server.running():
        monkeypatch.setenv("HOOK", f"{server.url}/canary-url-5c1e")
        add = ("subscriptions", "add", "--url-env", "HOOK")
        name = (await asyncio.to_thread(driftline, *add)).out.strip()
        ran = await asyncio.to_thread(driftline, "subscriptions", "test", name)
        assert ran.out == f"{name}: sent as {server.ids[0]}\n"
        assert [event["type"] for event in server.events] == ["io.driftline.test"]
        assert server.requests[0].headers["webhook-signature"].startswith("v1,")
        server.script[:] = [status(410)]
        ran = await asyncio.to_thread(driftline, "subscriptions", "test", name, expect=1)
        assert "410" in ran.err.splitlines()[-1]
    assert "canary" not in driftline.written


def test_without_redis_a_command_gives_up_soon(
    driftline: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is missing, in one line."""
    monkeypatch.setenv("DRIFTLINE_REDIS", "redis://127.0.0.1:9/0")
    ran = driftline("silences", "list", expect=1)
    assert ran.err.splitlines()[-1].startswith("driftline: redis at 127.0.0.1:9: ")
