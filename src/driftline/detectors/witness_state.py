"""What a witness says, and what is stored of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.detectors.state import State

if TYPE_CHECKING:
    from driftline.model import Level


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's verdict that is not `stable`: every drift, and a warning as it is entered."""

    index: int
    """The position, among the values fed, of the one that set it off."""
    values_seen: int
    """How many values the detector had been given since the stream began, this one included."""
    level: Level


class WitnessState(State, frozen=True):
    """What is stored of a witness."""

    river: str
    digest: str
    kind: str
    seen: int
    unusable: int
    scale: tuple[float, float] | None
    warming: bytes
    engine: bytes
