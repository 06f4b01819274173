"""What a checkpoint takes from a join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class JoinDelta:
    """What changed in the join since the last delta."""

    entries: Mapping[str, bytes]
    groups: Mapping[int, Sequence[str]]
    groups_removed: Sequence[int]
    state: bytes
