"""How long to wait before something is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from driftline.model import SECOND, Micros, micros

if TYPE_CHECKING:
    from random import Random

    from driftline.notify.planning import Group

FIRST: Final[Micros] = SECOND
LONGEST: Final[Micros] = 300 * SECOND
LEAVE_ALONE: Final = timedelta(seconds=30)
"""For a receiver that asks to be left alone and does not say how long."""
LEAVE_ALONE_LEAST: Final = timedelta(seconds=1)
"""Also for one that says `Retry-After: 0` to each attempt."""
LEAVE_ALONE_LONGEST: Final = timedelta(hours=1)
_MOST_DOUBLINGS: Final = 20


class Backoff:
    """Exponential, with full jitter: between nothing and a bound that doubles up to five minutes.

    After M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of its variants
    the one whose clients get in each other's way the least.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures: dict[Group, int] = {}

    def failed(self, group: Group) -> Micros:
        """One more failure in a row; how long to wait."""
        before = self._failures.get(group, 0)
        self._failures[group] = before + 1
        bound = min(FIRST << min(before, _MOST_DOUBLINGS), LONGEST)
        return self._rng.randrange(bound + 1)

    def succeeded(self, group: Group) -> None:
        """The next failure is the first again."""
        self._failures.pop(group, None)


def pause_for(retry_after: timedelta | None) -> Micros:
    """How long a receiver is left alone that asked for it: from a second to an hour."""
    wanted = LEAVE_ALONE if retry_after is None else retry_after
    within = max(LEAVE_ALONE_LEAST, min(wanted, LEAVE_ALONE_LONGEST))
    return micros(within)
