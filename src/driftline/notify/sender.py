"""The sender: a task for each receiver, so that one which is slow or fails holds up no other.

Several workers may run one. Each receiver is served by the one that leases it; the lease of one
that dies ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from driftline.config.alerting import SUBSCRIPTION
from driftline.errors import UnavailableError
from driftline.model import SECOND, Micros, micros
from driftline.notify.deliveries import LeaseLostError
from driftline.notify.sweeping import sweep
from driftline.notify.work import ReceiverWork

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.notify.surroundings import Directory, Surroundings, WayOut

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=10)
"""After so long without a sign of life of a sender, another one serves its receivers."""
LOOK_EVERY: Final = timedelta(seconds=1)
"""How often jobs are looked for that another worker wrote."""
SWEEP_EVERY: Final = timedelta(minutes=10)
END_WITHIN: Final = timedelta(seconds=8)
"""A sender that ends lets what is being sent arrive, for so long."""


class Sender:
    """Runs from `start` until `stop`; `wait` raises what ended it before."""

    def __init__(
        self, directory: Directory, around: Surroundings, *, lease: timedelta = LEASE
    ) -> None:
        self._directory = directory
        self._around = around
        self._lease = lease
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._works: dict[str, tuple[ReceiverWork, asyncio.Event]] = {}
        self._counts: dict[str, int] = {}
        self._revoked: dict[str, str] = {}
        """Receivers to which nothing is sent any more while this process lives, and why."""
        self._swept_at: Micros = 0
        self._ending = asyncio.Event()
        self._stirred = asyncio.Event()
        self._main: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve all receivers."""
        self._main = asyncio.create_task(self._run())

    async def wait(self) -> None:
        """Return once it ended; raises what went wrong, such as UnavailableError."""
        if self._main is not None:
            await asyncio.shield(self._main)

    def begin_end(self) -> None:
        """Begin nothing new; what is under way may arrive, and is recorded."""
        self._ending.set()
        self._stirred.set()
        for work, wake in self._works.values():
            work.ending = True
            wake.set()

    async def stop(self) -> None:
        """End: what is under way has some seconds to arrive."""
        self.begin_end()
        running = [task for task in (*self._tasks.values(), self._main) if task is not None]
        if running:
            await asyncio.wait(running, timeout=END_WITHIN.total_seconds())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def stir(self, receivers: Iterable[str]) -> None:
        """There are new jobs for these."""
        for name in receivers:
            if name in self._works:
                work, wake = self._works[name]
                work.stir()
                wake.set()
            else:
                self._stirred.set()

    async def _run(self) -> None:
        while not self._ending.is_set():
            self._stirred.clear()
            await self._look()
            for name in [name for name, task in self._tasks.items() if task.done()]:
                self._tasks.pop(name).result()
            await _wait(self._stirred, LOOK_EVERY.total_seconds())

    async def _look(self) -> None:
        """Serve whoever has jobs; leave alone whoever is not to be told any more."""
        await self._directory.refresh()
        counts = await self._around.deliveries.stirred()
        self.stir(name for name, count in counts.items() if self._counts.get(name) != count)
        # Those without a task yet were only noticed by it: they get one now.
        self._stirred.clear()
        self._counts = counts
        for name in counts:
            if self._directory.knows(name) and name not in self._tasks:
                self._tasks[name] = asyncio.create_task(self._serve(name))
        for name, (work, wake) in self._works.items():
            if not self._directory.knows(name):
                work.ending = True
                wake.set()
        await self._sweep(counts)

    async def _sweep(self, names: Iterable[str]) -> None:
        """Let go of what is nobody's: at once where it was a subscription."""
        now = self._around.clock()
        all_ = now - self._swept_at >= micros(SWEEP_EVERY)
        if all_:
            self._swept_at = now
        for name in names:
            forsaken = not self._directory.knows(name) and name not in self._tasks
            if forsaken and (all_ or name.startswith(SUBSCRIPTION)):
                await sweep(name, self._around, self._lease)

    async def _serve(self, name: str) -> None:
        """Serve a receiver whenever nobody else does."""
        deliveries = self._around.deliveries
        while not self._ending.is_set() and (way := self._directory.find(name)) is not None:
            token = uuid.uuid4().hex
            if not await deliveries.take(name, token, self._lease):
                await _wait(self._ending, self._lease.total_seconds() / 3)
                continue
            self._around.fate.on_taken(name)
            try:
                await self._serve_leased(name, way, token)
            except LeaseLostError as error:
                log.warning("receiver_lease_lost", receiver=name, reason=str(error))
            finally:
                self._works.pop(name, None)
            with contextlib.suppress(UnavailableError):
                # If not, the lease ends by itself.
                await deliveries.give_back(name, token)

    async def _serve_leased(self, name: str, way: WayOut, token: str) -> None:
        work = ReceiverWork(
            name,
            way.receiver,
            per_hour=way.per_hour,
            token=token,
            around=self._around,
            revoked=self._revoked.get(name),
        )
        wake = asyncio.Event()
        self._works[name] = work, wake
        keeping = asyncio.create_task(self._keep(name, token, work))
        try:
            while not self._ending.is_set() and self._directory.find(name) is way:
                wake.clear()
                next_at = await work.step()
                if work.revoked is not None:
                    await self._on_revoked(name, work.revoked)
                if keeping.done():
                    keeping.result()
                await _wait(wake, self._pause(next_at))
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _on_revoked(self, name: str, reason: str) -> None:
        """Nothing more is sent there: until a restart, or until a subscription is resumed."""
        if name.startswith(SUBSCRIPTION):
            await self._directory.drop(name)
        else:
            self._revoked[name] = reason

    def _pause(self, next_at: Micros | None) -> float:
        """Seconds until there is more to do; a clock that was set is noticed within a lease."""
        longest = self._lease.total_seconds()
        if next_at is None:
            return longest
        return min(max((next_at - self._around.clock()) / SECOND, 0), longest)

    async def _keep(self, name: str, token: str, work: ReceiverWork) -> None:
        """Hold the lease."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if not await self._around.deliveries.keep(name, token, self._lease):
                work.lost = True
                return


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until it happens, for so long at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
