"""How long the works of one event loop may keep it between them."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Final

TURN_SECONDS: Final = 0.005


class Turn:
    """Shared by all who have much to do in small steps, and ask after each whether to go on.

    A step of the loop takes no longer than a turn and one step of each of them: who comes after
    the turn is over in the same step of the loop does one thing, and gives it back.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._over = False

    async def give_back(self) -> None:
        """Let the others of the loop go on, if it is time: readers, connections, the rest of us."""
        if perf_counter() - self._began < TURN_SECONDS:
            return
        if not self._over:
            self._over = True
            # In the loop's next step, before whoever gives it back from here on.
            asyncio.get_running_loop().call_soon(self._begin)
        await asyncio.sleep(0)

    def _begin(self) -> None:
        self._began, self._over = perf_counter(), False
