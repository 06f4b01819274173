"""Workers that are measured in turn: what they are compared by is of the same minutes."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.attached import Attached


class Contender(Protocol):
    """A worker with what it is given to do."""

    @property
    def attached(self) -> Attached:
        """The worker, not started yet."""

    def prepare(self) -> None:
        """Start it, and bring it to where measuring begins."""

    def take_round(self, number: int) -> None:
        """Do the work of a round."""

    def finish(self) -> None:
        """Do what comes after all rounds, before any worker ends."""


def take_turns(contenders: Sequence[Contender], rounds: int) -> None:
    """All live at once and are given work in turn, round by round.

    Within minutes a busy host makes the same work dearer by more than what is measured. They are
    made before any of them is started, as each empties Redis when it is made.
    """
    with ExitStack() as living:
        for one in contenders:
            living.enter_context(one.attached)
            one.prepare()
        for number in range(rounds):
            for one in contenders:
                one.take_round(number)
        for one in contenders:
            one.finish()


def compare(rounds: Sequence[float], alone: Sequence[float]) -> float:
    """How many times as much as the other's, in the median of the rounds.

    Each round is of the same minutes for both: a host that is fast for a minute, and not for the
    next, would make of the least of all rounds a ratio of two hosts.
    """
    return median(ours / other for ours, other in zip(rounds, alone, strict=True))
