"""Waiting for the demo's worker, and noticing its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from driftline.app.connections import find_connections
from driftline.errors import DriftlineError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.embedded.process import ChildProcess
    from driftline.store.protocol import Store

START_SECONDS: Final = 60.0
"""After so long a worker that has not started never will."""
_POLL_SECONDS: Final = 0.05


async def wait_for_servers(process: ChildProcess, deployment: Deployment) -> Connections:
    """Where the worker's embedded servers are, as soon as they are there.

    Raises:
        DriftlineError: the worker ended, or takes too long.
    """
    async for _ in _patiently(process):
        with suppress(UnavailableError):
            return find_connections(deployment, {})
    raise AssertionError


async def wait_until_ready(process: ChildProcess, store: Store) -> None:
    """Return once the worker says that it runs: then it reads whatever is sent.

    Raises:
        DriftlineError: the worker ended, or takes too long.
    """
    async for _ in _patiently(process):
        if await store.list_workers():
            return


async def _patiently(process: ChildProcess) -> AsyncIterator[None]:
    """Another try, again and again, as long as the worker lives and has time left to start."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    while True:
        check_alive(process)
        yield
        if loop.time() > deadline:
            msg = f"the worker did not start within {START_SECONDS:g} s:\n{process.log_tail()}"
            raise DriftlineError(msg)
        await asyncio.sleep(_POLL_SECONDS)


def check_alive(process: ChildProcess) -> None:
    """Raise DriftlineError, with the end of its log, if the worker has ended."""
    if not process.alive:
        msg = f"the worker ended:\n{process.log_tail()}"
        raise DriftlineError(msg)
