"""A server as our own child process: it starts, it is waited for, and it never outlives us."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK: Final = "127.0.0.1"
POLL_SECONDS: Final = 0.02
TAIL_BYTES: Final = 2_000


class ChildProcess:
    """One server process, known by its own process id.

    It is in a session of its own, so that Ctrl-C in a terminal reaches us first and the server is
    still there for the last checkpoint. A small watching shell holds the reading end of a pipe:
    when we die, however we die, the pipe closes and the shell ends the server. (Linux's
    PR_SET_PDEATHSIG would fire when the *thread* that started the server ends, and is Linux's.)
    """

    def __init__(self, command: Sequence[str], *, directory: Path, log: Path) -> None:
        self._command = tuple(command)
        self._directory = directory
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id; raises UnavailableError when it was not started."""
        if self._process is None:
            message = f"{self._name} was not started"
            raise UnavailableError(message)
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the server was started and has not ended."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        # Its id may now be given to another process, which the watcher must not end.
        self._dismiss_watcher()
        return False

    def start(self) -> None:
        """Start the server, unless it runs already; what it prints goes to the log file.

        Raises UnavailableError when the system cannot run it at all.
        """
        if self.alive:
            return
        with self._log.open("ab") as output:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                    self._command,
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                message = f"cannot run {self._command[0]}: {error}"
                raise UnavailableError(message) from error
        self._watcher = _watch(self._process.pid)

    def wait_reachable(self, port: int, *, seconds: float) -> None:
        """Return as soon as the server takes connections on `port` of the loopback address.

        Raises UnavailableError with the end of its log when it ends first or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not reachable(LOOPBACK, port):
            if not self.alive:
                message = f"{self._name} ended at once:\n{self.log_tail()}"
                raise UnavailableError(message)
            if time.monotonic() > deadline:
                message = f"{self._name} was not there after {seconds:g} s:\n{self.log_tail()}"
                raise UnavailableError(message)
            time.sleep(POLL_SECONDS)

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Ask the server to end, and end it by force when it has not after the grace time."""
        if self._process is None:
            return
        self._dismiss_watcher()
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL), and wait until it is gone."""
        if self._process is None:
            return
        self._dismiss_watcher()
        self._process.kill()
        self._process.wait()

    def log_tail(self) -> str:
        """The end of what the server has printed, for an error message."""
        with contextlib.suppress(OSError):
            return self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()
        return ""

    @property
    def _name(self) -> str:
        return Path(self._command[0]).name

    def _dismiss_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        watcher.kill()
        watcher.wait()
        if watcher.stdin is not None:
            watcher.stdin.close()


def _watch(pid: int) -> subprocess.Popen[bytes]:
    """A shell that ends process `pid` when the pipe to its input closes, as it does when we die."""
    script = 'read -r _; kill -TERM "$1"'
    return subprocess.Popen(  # noqa: S603 - a constant script, and a number
        ["/bin/sh", "-c", script, "watcher", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def reachable(host: str, port: int, *, seconds: float = 1.0) -> bool:
    """Whether something takes TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=seconds):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
