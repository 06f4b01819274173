"""How far the worker has come: what of the records sent is applied and stored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from driftline.demo.worker import check_alive
from driftline.errors import DriftlineError
from driftline.model import InstanceKey
from driftline.monitor.summary import read_summary

if TYPE_CHECKING:
    from driftline.embedded.process import ChildProcess
    from driftline.store.protocol import Store

AHEAD: Final = 10_000
"""So many records may be on their way: of one topic alone the embedded Kafka keeps some more."""
PATIENCE_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1


class Applied:
    """Counts the rows that are applied, and holds the sender back."""

    def __init__(self, store: Store, stream: str, worker: ChildProcess) -> None:
        self._store = store
        self._key = InstanceKey(stream)
        self._worker = worker
        self.sent = 0
        """Records that were handed over; whoever sends keeps it up to date."""
        self.rows = 0
        """Records that are applied and stored."""

    async def make_room(self) -> None:
        """Wait until more may be sent.

        Raises:
            DriftlineError: as `_wait`.
        """
        await self._wait(self.sent - AHEAD)

    async def wait_for_all(self) -> None:
        """Wait until all that was sent is applied.

        Raises:
            DriftlineError: as `_wait`.
        """
        await self._wait(self.sent)

    async def _wait(self, wanted: int) -> None:
        """Wait until so many rows are applied.

        Raises:
            DriftlineError: the worker ended, or nothing is applied any more.
        """
        loop = asyncio.get_running_loop()
        moved_at, rows = loop.time(), self.rows
        check_alive(self._worker)
        while self.rows < wanted:
            self.rows = await self._look()
            if self.rows > rows:
                moved_at, rows = loop.time(), self.rows
            elif loop.time() - moved_at > PATIENCE_SECONDS:
                msg = (
                    f"the worker has come to a halt: {self.rows:,} of {self.sent:,} records"
                    f" applied\n{self._worker.log_tail()}"
                )
                raise DriftlineError(msg)
            await asyncio.sleep(POLL_SECONDS)
            check_alive(self._worker)

    async def _look(self) -> int:
        stored = await self._store.load_instance(self._key)
        if stored is None:
            return 0
        books = read_summary(stored.fields["summary"]).books
        return sum(one.applied + one.duplicates for one in books.values())
