"""What one message brings for one signal, and what its detectors say of it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads it
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.model import Alarm  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from driftline.config.profiles import Profile
    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Level


PLAIN: Final = ""
"""The indicator of a signal that is not categorical: it has but one series."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A detector's verdict at one row of the message."""

    row: int
    indicator: str
    profile: Profile
    values_seen: int
    level: Level


@dataclass(slots=True, eq=False)
class Observed:
    """What one message brought for one signal: its numeric columns, and what the detectors said."""

    columns: Mapping[str, Floats]
    times: Ints
    rows: Ints
    known: Ints
    """The event times of the records that the values came with."""
    hits: list[Hit] = field(default_factory=list)
    position: int = 0
    """How many of the values the track has been given."""

    def place_of(self, row: int) -> int | None:
        """Where a row's first value stands that has not been taken yet; None if it has none."""
        place = int(self.rows.searchsorted(row))
        there = self.position <= place < len(self.rows) and self.rows[place] == row
        return place if there else None

    def until(self, row: int) -> tuple[Mapping[str, Floats], Ints, Ints] | None:
        """What a track learns: the values up to and with a row that have not been taken yet.

        None if there are none.
        """
        end = int(self.rows.searchsorted(row, side="right"))
        start, self.position = self.position, end
        if start >= end:
            return None
        if start == 0 and end == len(self.rows):
            return self.columns, self.times, self.known
        part = slice(start, end)
        columns = {name: column[part] for name, column in self.columns.items()}
        return columns, self.times[part], self.known[part]


class Alarms(msgspec.Struct, array_like=True, frozen=True):
    """What the detectors of a signal said so far, as it is stored."""

    count: int
    last: Mapping[str, Alarm]
    """Of each detector, by profile."""
