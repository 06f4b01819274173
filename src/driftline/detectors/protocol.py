"""What a detector is: to a user who brings one, and to the witness that drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from driftline.model import Level


class Detector(Protocol):
    """Watches one signal, one value at a time: what a detector of the user's own has to be.

    It must be a function of its values in order (so: seeded, without clock and input), because its
    state is rebuilt by giving it the same values again. It begins anew after a drift by itself.
    """

    def update(self, x: float) -> Level:
        """Learn from x, which is finite, and say where the signal now stands."""
        ...

    def snapshot(self) -> bytes:
        """The whole state: a new detector that restores it goes on exactly as this one."""
        ...

    def restore(self, blob: bytes) -> None:
        """Take over a state that `snapshot` gave; what it raises means `not ours`."""
        ...


class DetectorFactory(Protocol):
    """What an entry point of the group `driftline.detectors` names: often the class."""

    def __call__(self, parameters: Mapping[str, JsonValue]) -> Detector:
        """A new detector with a profile's `parameters`."""
        ...


class Engine(Protocol):
    """Drives one detector over many values at once."""

    @property
    def warned(self) -> bool:
        """Whether the last verdict was WARNING."""
        ...

    def run(self, values: list[float]) -> list[tuple[int, Level]]:
        """Learn from the values in order.

        Returns:
            (index, level) of every DRIFT, and of every WARNING that does not follow another.
        """
        ...

    def snapshot(self) -> bytes:
        """The whole state, without pickle."""
        ...

    def restore(self, blob: bytes) -> None:
        """Take over a state; raises StateError for one that a detector could not be in."""
        ...
