"""The process around a worker: its signals, its memory, and an end that comes whatever hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from driftline.app.connections import serve
from driftline.app.worker import Worker
from driftline.garbage import search_less_often

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from driftline.app.roles import WorkerRole
    from driftline.config.deployment import Deployment

log = structlog.get_logger(__name__)

END_WITHIN: Final = timedelta(seconds=25)
"""A worker that ends is gone after so long, whatever hangs; below what compose and systemd wait."""


def run_worker(
    deployment: Deployment,
    *,
    roles: Collection[WorkerRole],
    take_over: bool,
    environ: Mapping[str, str],
) -> None:
    """Run these roles until SIGTERM or SIGINT; embedded servers live as long.

    Raises:
        SupersededError: a newer deployment of this name was started.
        DriftlineError: what else ended it.
    """
    asked = threading.Event()
    # Embedded servers start and stop outside of the event loop: SIGTERM would leave them behind.
    with _hearing(asked), serve(deployment, environ) as connections:
        if asked.is_set():
            return
        worker = Worker(
            deployment,
            connections,
            roles=roles,
            take_over=take_over,
            environ=environ,
            on_end=_end_by_force_later,
        )
        try:
            search_less_often()
            asyncio.run(_run(worker, asked))
        finally:
            # A closed loop has put the system's own handler back.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


async def _run(worker: Worker, asked: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    if asked.is_set():
        worker.stop()
    await worker.run()


@contextmanager
def _hearing(asked: threading.Event) -> Iterator[None]:
    """Note SIGTERM while nobody else listens for it.

    Behind it SIGTERM is ignored: the process ends by then, and its exit code is to say why.
    """
    signal.signal(signal.SIGTERM, lambda _number, _frame: asked.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end_by_force_later() -> None:
    """See that the process ends, even if a library's thread or a server that is away holds it."""
    timer = threading.Timer(END_WITHIN.total_seconds(), _end_by_force)
    timer.daemon = True
    timer.start()


def _end_by_force() -> None:
    log.error("worker_ended_by_force", after_seconds=END_WITHIN.total_seconds())
    os._exit(1)
