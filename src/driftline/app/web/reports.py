"""The status of the deployment, collected at most every few seconds for all who ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from driftline.app.status.collect import collect_status
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from driftline.app.connections import Connections
    from driftline.app.status.report import StatusReport
    from driftline.config.deployment import Deployment
    from driftline.store.protocol import Store

KEPT_SECONDS: Final = 5.0
"""Collecting reads the state of every instance: not for each request anew."""


class Reports:
    """Hands out one report for some seconds; a failure to collect one as well."""

    def __init__(self, deployment: Deployment, connections: Connections, store: Store) -> None:
        self._deployment = deployment
        self._connections = connections
        self._store = store
        self._collecting = asyncio.Lock()
        self._last: StatusReport | DriftlineError | None = None
        self._until = 0.0

    async def get(self) -> StatusReport:
        """The newest report.

        Raises:
            DriftlineError: a server does not answer, or what is stored cannot be read.
        """
        loop = asyncio.get_running_loop()
        async with self._collecting:
            if self._last is None or loop.time() >= self._until:
                try:
                    self._last = await collect_status(
                        self._deployment, self._connections, self._store
                    )
                except DriftlineError as error:
                    self._last = error
                self._until = loop.time() + KEPT_SECONDS
            last = self._last
        if isinstance(last, DriftlineError):
            raise last
        return last
