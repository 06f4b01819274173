"""Lets those who come shortly after one another through together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class Gate:
    """Opens at once after a pause; else so long after it opened last, for all who wait by then.

    They go on in one step of the loop, in the order in which they came.
    """

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause.total_seconds()
        self._opens_at = 0.0
        self._opening: asyncio.Event | None = None

    async def enter(self) -> None:
        """Wait until it is open."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._opening is None:
            if now >= self._opens_at:
                self._opens_at = now + self._pause
                return
            self._opening = asyncio.Event()
            loop.call_at(self._opens_at, self._open, self._opening)
        await self._opening.wait()

    def _open(self, opening: asyncio.Event) -> None:
        self._opening = None
        self._opens_at = asyncio.get_running_loop().time() + self._pause
        opening.set()
