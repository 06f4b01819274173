"""`driftline demo` as a person runs it: the whole process, in an empty directory."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.descendants import all_gone, can_look, descendants

COMMAND = [str(Path(sys.executable).with_name("driftline")), "demo"]
SECONDS = 120.0
"""The demo takes some 20 s by itself; other tests may run beside it."""
CHANGE = datetime.fromisoformat("2019-03-31T00:00:00+00:00")
INSECTS_CHANGE = datetime.fromisoformat("2024-06-04T11:20:00+00:00")
"""Row 10,000, until which the error is .22 to .23."""


@dataclass(frozen=True)
class Played:
    """A run of the demo: what it told people, and what it told machines."""

    text: str
    outcome: dict[str, Any]

    @property
    def opened(self) -> list[dict[str, Any]]:
        """The first revision of every alert, as they came."""
        return [one for one in self.outcome["alerts"] if one["alert"]["revision"] == 1]

    def alert(self, signal_name: str) -> dict[str, Any]:
        """The first alert of a signal."""
        return next(one for one in self.opened if one["alert"]["signal"] == signal_name)


def _play(scene: list[str], directory: Path) -> Played:
    done = subprocess.run(
        [*COMMAND, *scene, "--json"],
        cwd=directory,
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return Played(done.stderr, json.loads(done.stdout))


@pytest.fixture(scope="module")
def car_loan(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The demo as it is called without an argument; it writes nothing where it is started."""
    directory = tmp_path_factory.mktemp("empty")
    played = _play([], directory)
    assert list(directory.iterdir()) == []
    return played


@pytest.fixture(scope="module")
def insects(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The other demo."""
    return _play(["insects"], tmp_path_factory.mktemp("empty"))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_critical_alert_on_error_fires(car_loan: Played) -> None:
    """The model's error rises, and that is critical."""
    alert = car_loan.alert("error")["alert"]
    assert (alert["severity"], alert["status"], alert["direction"]) == ("critical", "firing", "up")
    assert alert["labels"]["joined"] > 0


def test_the_alert_that_needs_no_labels_fires_earlier(car_loan: Played) -> None:
    """The warning on car_value comes before error's, as it is read and in event time."""
    free, labelled = car_loan.alert("feature.car_value"), car_loan.alert("error")
    assert free["alert"]["severity"] == "warning"
    assert car_loan.opened.index(free) < car_loan.opened.index(labelled)
    assert _at(labelled["told_at"]) - _at(free["told_at"]) > timedelta(days=30)
    assert car_loan.outcome["lead"]["signal"] == "feature.car_value"
    assert car_loan.outcome["lead"]["predictions"] > 5_000


@pytest.mark.parametrize("signal_name", ["error", "feature.car_value"])
def test_both_state_when_the_world_changed(car_loan: Played, signal_name: str) -> None:
    """The moment of change is within two days of 2019-03-31."""
    evidence = car_loan.alert(signal_name)["alert"]["evidence"]
    assert abs(_at(evidence["change_at"]) - CHANGE) <= timedelta(days=2)


def test_nothing_serious_fires_before_the_world_changed(car_loan: Played) -> None:
    """No critical or warning alert is set off before 2019-03-31."""
    early = [
        one["alert"]["summary"]
        for one in car_loan.opened
        if one["alert"]["severity"] in {"critical", "warning"}
        and _at(one["alert"]["trigger"]["at"]) < CHANGE
    ]
    assert early == []


@pytest.mark.parametrize(("scene", "records"), [("car_loan", 100_000), ("insects", 40_300)])
def test_the_books_balance(scene: str, records: int, request: pytest.FixtureRequest) -> None:
    """Every record is applied once, and none was refused."""
    outcome = request.getfixturevalue(scene).outcome
    assert (outcome["records"], outcome["applied"]) == (records, records)
    assert (outcome["dead_lettered"], outcome["unaccounted"]) == (0, 0)


@pytest.mark.parametrize("scene", ["car_loan", "insects"])
def test_it_tells_its_figures(scene: str, request: pytest.FixtureRequest) -> None:
    """Speed and delay are measured and plausible, and the whole takes less than a minute."""
    outcome = request.getfixturevalue(scene).outcome
    delays = outcome["record_to_alert_seconds"]
    assert outcome["events_per_second"] > 500
    assert 0 < delays["min"] <= delays["median"] <= delays["max"] < 30
    assert outcome["total_seconds"] < 60


def test_people_read_what_happened(car_loan: Played) -> None:
    """Alerts with reasons as they fire, then a table, charts with the change marked, the lead."""
    text = car_loan.text
    assert "CRITICAL error rose from 5.6 % to 8.4 % (+50 %) around 2019-03-31" in text
    assert re.search(r"moved with +car_value", text)
    assert "record 75074 (car-loan.predictions, offset 25,074)" in text
    assert "s after the record reached Kafka" in text
    assert "What moved when" in text
    assert "▲ 2019-03-31" in text
    assert "predictions sooner than error" in text
    assert "100,000 applied, 0 dead-lettered" in text
    assert "rdkafka" not in text
    assert "Traceback" not in text


def test_the_insects_error_fires_after_its_drift_begins(insects: Played) -> None:
    """Real data: the error's alert is set off, and dated, after row 10,000."""
    alert = insects.alert("error")["alert"]
    assert alert["severity"] == "critical"
    assert _at(alert["trigger"]["at"]) > INSECTS_CHANGE
    assert _at(alert["evidence"]["change_at"]) > INSECTS_CHANGE
    assert alert["evidence"]["after"]["mean"] > 1.5 * alert["evidence"]["before"]["mean"]


@dataclass(frozen=True)
class _Running:
    """A demo that has begun to send."""

    process: subprocess.Popen[str]
    worker: int
    servers: tuple[int, ...]
    """All that it started: the worker, its embedded Redis, and those that watch them."""

    def end(self) -> tuple[int, str]:
        """Wait for its end: the exit code, and all that it still said."""
        _, said = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said


@pytest.fixture
def running(tmp_path: Path) -> Any:
    """A demo in its middle; whatever happens, it is gone in the end."""
    if not can_look():
        pytest.skip("finds the worker's process in /proc")
    process = subprocess.Popen(
        COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "records sent" in line:
                break
        started = descendants(process.pid)
        (worker,) = (pid for pid, command in started.items() if "worker_main" in command)
        yield _Running(process, worker, tuple(started))
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_ends_it_cleanly(running: _Running) -> None:
    """One Ctrl-C: 130 as shells have it, no traceback, no process left."""
    running.process.send_signal(signal.SIGINT)
    code, said = running.end()
    assert code == 130
    assert said == ""
    assert all_gone(running.servers)


def test_a_worker_that_dies_fails_the_demo(running: _Running) -> None:
    """The exit code is 1, and the message says that the worker ended."""
    os.kill(running.worker, signal.SIGKILL)
    code, said = running.end()
    assert code == 1
    assert "the worker ended" in said
    assert "Traceback" not in said
    assert all_gone(running.servers)
