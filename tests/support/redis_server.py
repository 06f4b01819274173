"""A real redis-server for tests, kept as production keeps one: AOF every second, no eviction."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import redis

from driftline.embedded.process import LOOPBACK, ChildProcess, free_port
from driftline.embedded.redis import redis_executable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START_SECONDS: Final = 20.0

SETTINGS: Final = {
    "bind": LOOPBACK,
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "maxmemory-policy": "noeviction",
    "databases": "2",
}


AT_EVERY_WRITE: Final = {"appendfsync": "always"}
"""With `everysec` Redis puts writes off while the disk is slow, and a kill then loses them."""


class RedisServer:
    """One redis-server: `start`, `stop`, `kill`, and `start` again, same port, same data."""

    def __init__(self, directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        self.log = directory / "redis.log"
        configuration = directory / "redis.conf"
        values = {**SETTINGS, "port": str(self.port), "dir": str(directory), **(settings or {})}
        lines = (f"{key} {value}\n" for key, value in values.items())
        configuration.write_text("".join(lines), encoding="utf-8")
        command = (redis_executable(), str(configuration))
        self._child = ChildProcess(command, directory=directory, log=self.log)

    @property
    def pid(self) -> int:
        """The server's own process id."""
        return self._child.pid

    def start(self) -> None:
        """Start the server and wait until it has loaded what it kept."""
        self._child.start()
        self._child.wait_reachable(self.port, seconds=START_SECONDS)
        until = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.url) as client:
            while not _answers(client):
                assert time.monotonic() < until, f"redis did not load its data: see {self.log}"
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server in order: it writes what it holds."""
        self._child.stop()

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL)."""
        self._child.kill()


def _answers(client: redis.Redis) -> bool:
    """Whether a server has read its file: until then it answers LOADING."""
    try:
        return bool(client.ping())
    except redis.exceptions.BusyLoadingError:
        return False
