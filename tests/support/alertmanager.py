"""A real Prometheus Alertmanager for tests, built from its source by `go install`.

The program is cached outside the tree, in `$XDG_CACHE_HOME/driftline/alertmanager/<version>`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from driftline.embedded.process import LOOPBACK, ChildProcess, free_port
from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "v0.31.1"
"""The newest that builds so: later ones embed pages that are not in their Go module."""
PACKAGE: Final = "github.com/prometheus/alertmanager/cmd/alertmanager"
BUILD_SECONDS: Final = 900.0
START_SECONDS: Final = 60.0

CONFIG: Final = """\
global:
  resolve_timeout: 1s
route:
  receiver: hook
  group_by: [alertname, instance, alert_id]
  group_wait: 0s
  group_interval: 500ms
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}
        send_resolved: true
inhibit_rules:
  - source_matchers: [severity = critical]
    target_matchers: [severity = warning]
    equal: [deployment, instance]
"""


class Alertmanager:
    """One that sends what it is told to a webhook."""

    def __init__(self, directory: Path, *, hook: str) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        config = directory / "alertmanager.yml"
        config.write_text(CONFIG.format(hook=hook), encoding="utf-8")
        command = (
            str(build()),
            f"--config.file={config}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            # Alone: no gossip with others.
            "--cluster.listen-address=",
        )
        self._child = ChildProcess(command, directory=directory, log=directory / "alertmanager.log")

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._child.start()
        self._child.wait_reachable(self.port, seconds=START_SECONDS)

    def stop(self) -> None:
        """Stop it in order."""
        self._child.stop()

    async def alerts(self) -> list[Mapping[str, Any]]:
        """Those that are active, as its API says."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v2/alerts", params={"active": "true"}) as answer,
        ):
            found: list[Mapping[str, Any]] = await answer.json()
            return found


def build() -> Path:
    """The program, built the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / "driftline" / "alertmanager" / VERSION / "alertmanager"
    if program.is_file():
        return program
    go = shutil.which("go")
    if go is None:
        message = "go is not on the PATH: a real Alertmanager is built by it"
        raise UnavailableError(message)
    program.parent.mkdir(parents=True, exist_ok=True)
    # Moved into place in one step: a run that is cut short leaves no half a program behind.
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        _install(go, scratch)
        (Path(scratch) / "alertmanager").replace(program)
    return program


def _install(go: str, directory: str) -> None:
    begin = time.monotonic()
    try:
        subprocess.run(
            (go, "install", f"{PACKAGE}@{VERSION}"),
            check=True,
            capture_output=True,
            timeout=BUILD_SECONDS,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GOBIN": directory},
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        printed = ((error.stdout or b"") + (error.stderr or b"")).decode(errors="replace")
        took = time.monotonic() - begin
        message = f"go install failed after {took:.0f} s: {printed[-2000:]}"
        raise UnavailableError(message) from error
