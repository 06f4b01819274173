"""Talking to Redis with patience: bounded retries of what may pass, plain errors for what will not.

redis-py's own retries are switched off, so that there is one place that counts them. Everything
that is sent through here may be sent twice: writes are guarded or change nothing the second time.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from driftline.errors import StateError, UnavailableError
from driftline.store import scripts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from driftline.store.scripts import Script

log = structlog.get_logger(__name__)

AT_ONCE: Final = 32
"""Round trips under way at a time, each on a connection of its own: more would not be quicker, and
redis-py refuses those beyond 100."""

RedisCommand: TypeAlias = "tuple[str | bytes | int, ...]"

# Inside a script Redis 6.2 reports these as plain errors, with the code somewhere in the text.
_PASSING: Final = re.compile(
    r"\b(OOM|MISCONF|READONLY|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|BUSY)\b"
)
_DENIED: Final = re.compile(r"\b(NOPERM|NOAUTH|WRONGPASS)\b")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try again before a server is called unavailable."""

    deadline: timedelta = timedelta(seconds=20)
    first: timedelta = timedelta(milliseconds=50)
    longest: timedelta = timedelta(seconds=2)


def may_pass(error: Exception) -> bool:
    """Whether the same command may succeed later: the server is away, full, loading, read-only."""
    if is_denied(error):
        return False
    passing = (RedisConnectionError, RedisTimeoutError, OutOfMemoryError, ReadOnlyError, OSError)
    if isinstance(error, (*passing, NoScriptError)):
        return True
    return isinstance(error, ResponseError) and _PASSING.search(str(error)) is not None


def is_denied(error: Exception) -> bool:
    """Whether the server refuses us: no retry will help, somebody has to give rights."""
    if isinstance(error, (AuthenticationError, AuthorizationError, NoPermissionError)):
        return True
    return isinstance(error, ResponseError) and _DENIED.search(str(error)) is not None


class Client:
    """Sends commands, each answered by its result or by an error that no retry will mend."""

    def __init__(self, redis: Redis, *, where: str, patience: Patience) -> None:
        self._redis = redis
        self._where = where
        self._patience = patience
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.retries = 0
        """How often something had to be sent again."""

    async def run(self, commands: Sequence[RedisCommand]) -> list[Any]:
        """Send commands in one round trip, in order; answers in order, ResponseError among them.

        What failed for a reason that may pass is sent again, alone, in the same order. Raises
        UnavailableError when that does not help in time, or at once when access is denied.
        """
        answers: list[Any] = [None] * len(commands)
        pending = list(range(len(commands)))
        attempts = _Attempts(self._patience)
        while pending:
            try:
                got = await self._send([commands[i] for i in pending])
            except (RedisError, OSError) as error:
                got = [error] * len(pending)
            answers = _fill(answers, pending, got)
            pending = [i for i in pending if isinstance(answers[i], Exception)]
            failed = [answers[i] for i in pending]
            self._refuse_denied(failed)
            pending = [i for i in pending if may_pass(answers[i])]
            if pending:
                await self._wait(attempts, answers[pending[0]])
        return answers

    async def all(self, commands: Sequence[RedisCommand]) -> list[Any]:
        """The same where nothing but an answer will do: any error raises StateError."""
        answers = await self.run(commands)
        for answer in answers:
            if isinstance(answer, Exception):
                msg = f"redis at {self._where} holds what driftline did not write: {answer}"
                raise StateError(msg) from answer
        return answers

    async def one(self, *command: str | bytes | int) -> Any:
        """One command's answer; raises as `all` does."""
        (answer,) = await self.all([command])
        return answer

    async def attempt(self, command: RedisCommand) -> bool:
        """Send once what may as well fail, as on a full server; says whether it went through."""
        try:
            (answer,) = await self._send([command])
        except (RedisError, OSError) as error:
            answer = error
        return not isinstance(answer, Exception)

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def _send(self, commands: Sequence[RedisCommand]) -> list[Any]:
        task = asyncio.current_task()
        asked_before = task.cancelling() if task is not None else 0
        async with self._turns, self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers = list(await pipeline.execute(raise_on_error=False))
        if task is not None and task.cancelling() > asked_before:
            # The pipeline takes a cancellation for the answer of a command: it would be lost.
            raise asyncio.CancelledError
        return answers

    async def _wait(self, attempts: _Attempts, error: Exception) -> None:
        self.retries += 1
        if isinstance(error, NoScriptError) and not attempts.made:
            attempts.made += 1
            await self._teach()
            return
        pause = attempts.pause()
        if pause is None:
            msg = f"redis at {self._where}: {error} ({attempts.made} attempts)"
            raise UnavailableError(msg) from error
        log.warning("redis_retried", where=self._where, attempt=attempts.made, error=str(error))
        if isinstance(error, ReadOnlyError) or "READONLY" in str(error):
            # After a failover the name may lead to another server; this connection never will.
            await self._redis.connection_pool.disconnect(inuse_connections=False)
        await asyncio.sleep(pause)
        if isinstance(error, NoScriptError):
            await self._teach()

    async def _teach(self) -> None:
        """Give the server the scripts; failing is for the commands that need them to find out."""
        try:
            await self._send([("SCRIPT", "LOAD", script.source) for script in scripts.ALL])
        except (RedisError, OSError) as error:
            log.warning("redis_scripts_not_loaded", where=self._where, error=str(error))

    def _refuse_denied(self, failed: Sequence[Exception]) -> None:
        for error in failed:
            if is_denied(error):
                msg = f"redis at {self._where} denies access: {error}"
                raise UnavailableError(msg) from error


def call(script: Script, keys: Sequence[str], *arguments: str | bytes | int) -> RedisCommand:
    """The command that runs a script."""
    return ("EVALSHA", script.sha, len(keys), *keys, *arguments)


class _Attempts:
    """Counts attempts and says how long to wait for the next one."""

    def __init__(self, patience: Patience) -> None:
        self.made = 0
        self._pause = patience.first.total_seconds()
        self._longest = patience.longest.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + patience.deadline.total_seconds()

    def pause(self) -> float | None:
        """Seconds to wait; None when there is no time left."""
        self.made += 1
        if self._loop.time() + self._pause > self._until:
            return None
        pause, self._pause = self._pause, min(2 * self._pause, self._longest)
        return pause


def _fill(answers: Sequence[Any], places: Sequence[int], got: Sequence[Any]) -> list[Any]:
    filled = list(answers)
    for place, answer in zip(places, got, strict=True):
        filled[place] = answer
    return filled
