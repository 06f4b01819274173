"""How far the worker has come: what of the records sent is applied and stored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from driftline.demo.worker import check_alive
from driftline.errors import DriftlineError
from driftline.model import InstanceKey, Role
from driftline.monitor.summary import read_summary

if TYPE_CHECKING:
    from driftline.embedded.process import ChildProcess
    from driftline.recorded import Batch
    from driftline.store.protocol import Store

AHEAD: Final = 6_000
"""So many records of a topic may be on their way: the embedded Kafka keeps twice as many."""
PATIENCE_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1


class Applied:
    """Counts the rows that are applied, and holds the sender back."""

    def __init__(self, store: Store, stream: str, worker: ChildProcess) -> None:
        self._store = store
        self._key = InstanceKey(stream)
        self._worker = worker
        self._sent = dict.fromkeys(Role, 0)
        self._rows = dict.fromkeys(Role, 0)

    @property
    def sent(self) -> int:
        """Records that were given to be sent."""
        return sum(self._sent.values())

    @property
    def rows(self) -> int:
        """Records that are applied and stored."""
        return sum(self._rows.values())

    async def make_room(self, batch: Batch) -> None:
        """Wait until this batch may be sent, and count it.

        Raises:
            DriftlineError: as `_wait`.
        """
        (role,) = batch.roles
        self._sent[role] += len(batch.records)
        await self._wait({role: self._sent[role] - AHEAD})

    async def wait_for_all(self) -> None:
        """Wait until all that was sent is applied.

        Raises:
            DriftlineError: as `_wait`.
        """
        await self._wait(self._sent)

    async def _wait(self, wanted: dict[Role, int]) -> None:
        """Wait for so many rows.

        Raises:
            DriftlineError: the worker ended, or nothing is applied any more.
        """
        loop = asyncio.get_running_loop()
        moved_at, rows = loop.time(), self.rows
        while any(self._rows[role] < count for role, count in wanted.items()):
            check_alive(self._worker)
            await self._look()
            if self.rows > rows:
                moved_at, rows = loop.time(), self.rows
            elif loop.time() - moved_at > PATIENCE_SECONDS:
                msg = (
                    f"the worker has come to a halt: {self.rows:,} of {self.sent:,} records"
                    f" applied\n{self._worker.log_tail()}"
                )
                raise DriftlineError(msg)
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self) -> None:
        stored = await self._store.load_instance(self._key)
        if stored is None:
            return
        books = read_summary(stored.fields["summary"]).books
        for role in Role:
            self._rows[role] = sum(
                one.applied + one.duplicates
                for source, one in books.items()
                if source.partition("|")[0] == role
            )
