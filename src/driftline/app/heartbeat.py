"""A worker says that it lives, and sees that its deployment is still the one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from driftline.errors import StateError, SupersededError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from driftline.app.health import Health
    from driftline.metrics import Metrics
    from driftline.store.protocol import Store
    from driftline.transport.app import BatchApp

HEARTBEAT: Final = timedelta(seconds=2)
"""How often."""
HEARTBEAT_TTL: Final = timedelta(seconds=10)
"""After so long without one a worker counts as gone."""


class Heartbeat:
    """The beat of one worker; `run` goes on until something is wrong."""

    def __init__(self, store: Store, worker: str, *, digest: str, life: str) -> None:
        """`digest` is of the worker's deployment, `life` of the store that it declared it in."""
        self._store = store
        self._worker = worker
        self._digest = digest
        self._life = life

    async def run(
        self,
        apps: Sequence[BatchApp],
        *,
        facts: Callable[[], Mapping[str, object]],
        health: Health,
        metrics: Metrics,
    ) -> None:
        """Check, report how far the apps are, and announce the facts, until cancelled.

        Raises:
            StateError: the store was emptied, or is another one.
            SupersededError: another deployment of this name holds.
            UnavailableError: Redis does not answer.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._check()
            now = loop.time()
            health.on_beat(now)
            for app in apps:
                health.on_progress(now, app.group, app.progress)
                for tp, progress in app.progress.items():
                    metrics.lag.labels(tp.topic, str(tp.partition)).set(progress.lag)
            await self._store.announce_worker(self._worker, facts(), HEARTBEAT_TTL)
            await asyncio.sleep(HEARTBEAT.total_seconds())

    async def _check(self) -> None:
        current = await self._store.current_deployment()
        if current is None or current.life != self._life:
            msg = (
                "redis does not hold this deployment any more: it was emptied, or is another"
                " one. The worker ends, to begin with what is there now"
            )
            raise StateError(msg)
        if current.digest != self._digest:
            msg = (
                "a newer deployment of this name was started; this one leaves"
                " (start it with --take-over to make it the current one again)"
            )
            raise SupersededError(msg)
