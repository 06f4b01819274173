"""A worker as a supervisor keeps it: a process that is started again when it fails.

Exit code 0: it was asked to stop. 2: it is not to come back. Anything else: start it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from chaos.nursery import Nursery

RESTART_SECONDS: Final = 0.2
STOP_SECONDS: Final = 45.0
"""After so long a worker that was asked to stop has to be gone."""
START_SECONDS: Final = 90.0


class Supervised:
    """Runs `driftline worker` and keeps its log; what it ended with is remembered."""

    def __init__(
        self,
        nursery: Nursery,
        directory: Path,
        log: Path,
        environ: Mapping[str, str] | None = None,
        lasting: Mapping[str, str] | None = None,
        *,
        always: bool = False,
    ) -> None:
        """`environ` is for its first process alone, `lasting` for all of them.

        Kept `always`, it is started again also after exit code 2.
        """
        self._nursery = nursery
        self.log = log
        self.exits: list[int] = []
        self._directory = directory
        self._environ = dict(environ or {})
        self._lasting = dict(lasting or {})
        self._stays_away = {0} if always else {0, 2}
        self._pid: int | None = None
        self._log_before = 0
        """Bytes in the log that are of earlier processes."""
        self._keeper: asyncio.Task[None] | None = None
        self._wanted = False

    async def start(self, *, ready: bool = True) -> None:
        """Start it, and return once it runs."""
        starts = self.said("worker_started")
        self._wanted = True
        self._keeper = asyncio.create_task(self._keep())
        if ready:
            await self.wait_said("worker_started", starts + 1)

    async def wait_said(self, event: str, times: int = 1, seconds: float = START_SECONDS) -> None:
        """Return once its log has this event so often; fail after so long."""
        await self._wait(lambda: self.said(event) >= times, event, seconds)

    async def wait_up(self) -> None:
        """Return once the process that lives now has started: it has an ear for signals then."""
        await self._wait(self._up, "process that has started", START_SECONDS)

    async def _wait(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110 - its log is a file
                    await asyncio.sleep(0.05)
        except TimeoutError:
            msg = f"no {what} within {seconds:g} s; it ended with {self.exits}:\n{self.tail()}"
            raise AssertionError(msg) from None

    def _up(self) -> bool:
        """Whether there is a process, and it has said that it started."""
        if self._pid is None:
            return False
        return b'"worker_started"' in self.log.read_bytes()[self._log_before :]

    def said(self, event: str) -> int:
        """How often an event is in its log."""
        if not self.log.exists():
            return 0
        return self.log.read_bytes().count(b'"%s"' % event.encode())

    def tail(self, lines: int = 6) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    @property
    def pid(self) -> int | None:
        """Its process, if there is one now."""
        return self._pid

    @property
    def kept(self) -> bool:
        """Whether there is a process, or will be one in a moment."""
        return self._keeper is not None and not self._keeper.done()

    def kill(self) -> None:
        """End it as kill -9 does; it will be started again."""
        self._signal(signal.SIGKILL)
        self._pid = None

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    async def stop(self) -> int:
        """Ask it to end; returns its last exit code. It is not started again."""
        self._wanted = False
        self._signal(signal.SIGTERM)
        assert self._keeper is not None
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.shield(self._keeper)
        except TimeoutError:
            self._signal(signal.SIGABRT)
            await self._keeper
            msg = f"it did not stop within {STOP_SECONDS:g} s:\n{self.tail(40)}"
            raise AssertionError(msg) from None
        return self.exits[-1]

    async def abandon(self) -> None:
        """End it for good, whatever it does."""
        self._wanted = False
        self.thaw()
        self.kill()
        if self._keeper is not None:
            await self._keeper

    async def _keep(self) -> None:
        environ = dict(self._environ)
        while True:
            # faulthandler: should it hang, its end tells where.
            environ = {**environ, **self._lasting, "PYTHONFAULTHANDLER": "1"}
            self._log_before = self.log.stat().st_size if self.log.exists() else 0
            pid = self._pid = self._nursery.spawn(self._directory, self.log, environ)
            while (code := self._nursery.exit_code(pid)) is None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
            self._pid = None
            self.exits.append(code)
            if not self._wanted or self.exits[-1] in self._stays_away:
                return
            # What was asked of the first process is not asked of its successor.
            environ = {}
            await asyncio.sleep(RESTART_SECONDS)
            if not self._wanted:
                return
