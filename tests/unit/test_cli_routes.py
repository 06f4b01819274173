"""`driftline routes test` and what `check` shows of routes: without a server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import pytest
import structlog

from support.command import Command
from support.recorded_stream import write_deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALERTING: Final = """\
receivers:
  team: {kind: slack-webhook, url: {env: NOT_SET_ANYWHERE}, description: The team's channel}
  on-call: {kind: pagerduty, routing_key: {file: nowhere.key}, per_hour: 20}
  log: {kind: log}
  spare: {kind: log}
routes:
  - match: {severity: critical}
    receivers: on-call
    continue: true
  - match: {stream: ch*, tag: [eu, us]}
    receivers: [team, on-call]
    group_wait: 30s
    repeat_interval: 4h
    hours: {days: [mon, tue], begin: 09:00, end: 17:30, timezone: Europe/Berlin}
  - match: {owner: fraud}
    receivers: team
    send_resolved: false
  - receivers: log
"""


@pytest.fixture(autouse=True)
def quiet_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands configure the log of their process; afterwards it is as it was."""
    monkeypatch.delenv("COLUMNS", raising=False)
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


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """One stream, `churn`, whose owner is risk and whose tag is eu; its error is critical."""
    directory = write_deployment(tmp_path)
    stream = directory / "streams" / "churn.yaml"
    stream.write_text(f"owner: risk\ntags: [eu]\n{stream.read_text()}")
    (directory / "config").mkdir()
    (directory / "config" / "alerting.yaml").write_text(ALERTING)
    return directory


def test_the_receivers_of_an_alert_are_shown_with_their_routes(
    driftline: Command, deployment: Path
) -> None:
    """What is not said of the alert comes from its stream's declaration."""
    ran = driftline("routes", "test", "stream=churn", "-d", deployment)
    assert ran.code == 0, ran.err
    assert [" ".join(line.split()) for line in ran.out.splitlines()] == [
        (
            "alert: stream=churn instance=churn signal=error severity=critical kind=drift"
            " owner=risk tag=eu"
        ),
        "receiver route matches how hours",
        "on-call 0 severity=critical at once, once always",
        (
            "team 1 stream=ch* tag=eu tag=us after 30s, again every 4h mon,tue 09:00-17:30"
            " Europe/Berlin"
        ),
    ]


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        ("stream=churn signal=feature.amount", [("team", 1), ("on-call", 1)]),
        ("stream=churn severity=info tag=asia", [("log", 3)]),
        ("stream=churn severity=info tag=asia tag=us", [("team", 1), ("on-call", 1)]),
        ("stream=churn severity=info tag=asia owner=fraud", [("team", 2)]),
        ("instance=churn/north severity=warning", [("team", 1), ("on-call", 1)]),
        ("kind=health signal=lag severity=critical", [("on-call", 0), ("log", 3)]),
        ("", [("log", 3)]),
    ],
)
def test_machines_get_each_receiver_with_its_routes_number(
    driftline: Command, deployment: Path, alert: str, expected: list[tuple[str, int]]
) -> None:
    """As JSON, with the route as it is declared."""
    told = driftline("routes", "test", *alert.split(), "-d", deployment, "--json").json
    assert [(one["receiver"], one["number"]) for one in told["receivers"]] == expected
    first: dict[str, Any] = told["receivers"][0]["route"]
    assert {"match", "receivers", "continue", "group_wait", "repeat_interval"} <= first.keys()


def test_an_alert_that_nobody_is_told_of_is_no_mistake(driftline: Command, tmp_path: Path) -> None:
    """Without config/alerting.yaml that is every alert."""
    ran = driftline("routes", "test", "stream=churn", "-d", write_deployment(tmp_path))
    assert ran.code == 0
    assert "no route matches: it is on the alerts topic and in the log only" in ran.err
    told = driftline("routes", "test", "stream=churn", "-d", tmp_path, "--json").json
    assert told["receivers"] == []


def test_a_stream_that_is_not_declared_is_said(driftline: Command, deployment: Path) -> None:
    """It is asked for all the same: a route may be written first."""
    ran = driftline("routes", "test", "stream=chrun", "-d", deployment)
    assert ran.code == 0
    assert "no stream 'chrun' is declared (did you mean 'churn'?)" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["strem=churn"], "did you mean 'stream'?"),
        (["churn"], "should be KEY=VALUE"),
        (["severity=high"], "severity should be critical, warning, info"),
        (["kind=drifts"], "kind should be drift, silence, health"),
        (["stream=a", "stream=b"], "only tags may be several"),
    ],
)
def test_an_alert_that_cannot_be_is_wrong_usage(
    driftline: Command, deployment: Path, arguments: list[str], said: str
) -> None:
    """Exit code 2, and what would have been right."""
    ran = driftline("routes", "test", *arguments, "-d", deployment)
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_check_shows_receivers_and_routes(driftline: Command, deployment: Path) -> None:
    """And what may be meant otherwise.

    Secrets that a worker would miss here are said, and no error: they may be elsewhere.
    """
    ran = driftline("check", "-d", deployment)
    assert ran.code == 0, ran.err
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    shown = lines[lines.index("alerts go to") :]
    assert shown[1:] == [
        "receiver kind most an hour",
        "team slack-webhook 60 The team's channel",
        "on-call pagerduty 20",
        "log log 60",
        "spare log 60",
        "",
        "route matches receivers then how hours",
        "0 severity=critical on-call continue at once, once always",
        (
            "1 stream=ch* tag=eu tag=us team, on-call stop after 30s, again every 4h mon,tue"
            " 09:00-17:30 Europe/Berlin"
        ),
        "2 owner=fraud team stop at once, once, not when resolved always",
        "3 everything log stop at once, once always",
        "note: receivers.spare: no route names it",
        (
            "note: receiver team: the secret in environment variable NOT_SET_ANYWHERE is not set"
            " or empty; a worker does not start so"
        ),
        (
            "note: receiver on-call: the secret in file nowhere.key cannot be read: No such file"
            " or directory; a worker does not start so"
        ),
        "note: routes[1].match.tag: no stream has a tag like 'us'",
        "note: routes[2].match.owner: no stream has an owner like 'fraud'",
    ]


def test_checks_json_has_them_too(driftline: Command, deployment: Path) -> None:
    """Under `alerting`, with the same notes."""
    ran = driftline("check", "-d", deployment, "--json")
    told = ran.json["alerting"]
    assert told["receivers"]["on-call"] == {
        "kind": "pagerduty",
        "description": "",
        "per_hour": 20,
    }
    assert [one["receivers"] for one in told["routes"]] == [
        ["on-call"],
        ["team", "on-call"],
        ["team"],
        ["log"],
    ]
    assert len(told["notes"]) == 5


def test_a_secret_that_is_there_is_no_note_and_not_shown(
    driftline: Command, deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with one is said without it."""
    (deployment / "nowhere.key").write_text("canary-key")
    for url, noted in (("https://hooks.example/canary", 0), ("hooks.example/canary", 1)):
        monkeypatch.setenv("NOT_SET_ANYWHERE", url)
        ran = driftline("check", "-d", deployment)
        assert ran.code == 0, ran.err
        assert ran.out.count("a worker does not start so") == noted
        assert "canary" not in ran.out + ran.err


def test_who_is_told_does_not_make_it_another_deployment(
    driftline: Command, deployment: Path
) -> None:
    """A worker goes on under changed routes: they change no result."""
    before = driftline("check", "-d", deployment, "--json").json["digest"]
    (deployment / "config" / "alerting.yaml").unlink()
    assert driftline("check", "-d", deployment, "--json").json["digest"] == before
