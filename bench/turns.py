"""Workers that are measured in turn: what they are compared by is of the same minutes."""

from __future__ import annotations

from contextlib import ExitStack
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
