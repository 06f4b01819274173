"""What was read: one row, and rows side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Micros


@dataclass(frozen=True, slots=True)
class Row:
    """What a record says; None where a feature or the version is missing."""

    id: str
    at: Micros
    instance: str | None
    outcome: float | str
    columns: tuple[float | str | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Rows side by side; `column` entries as in `Row`, numbers as arrays with NaN for None."""

    records: Ints
    """Which record each row came from, ascending."""
    ids: list[str]
    times: Ints
    instances: list[str | None] | None
    outcome: Floats | list[str | None]
    columns: tuple[Floats | list[str | None], ...]

    def take(self, kept: NDArray[np.bool_]) -> Columns:
        """Only some of the rows."""
        rows = np.flatnonzero(kept).tolist()

        def of(column: Any) -> Any:
            return column[kept] if isinstance(column, np.ndarray) else [column[row] for row in rows]

        return Columns(
            records=self.records[kept],
            ids=of(self.ids),
            times=self.times[kept],
            instances=None if self.instances is None else of(self.instances),
            outcome=of(self.outcome),
            columns=tuple(map(of, self.columns)),
        )

    def merge(self, other: Columns) -> Columns:
        """The rows of both, in the order of their records."""
        records = np.concatenate([self.records, other.records])
        order = np.argsort(records)
        rows = order.tolist()

        def of(mine: Any, theirs: Any) -> Any:
            if isinstance(mine, np.ndarray):
                return np.concatenate([mine, theirs])[order]
            both = mine + theirs
            return [both[row] for row in rows]

        return Columns(
            records=records[order],
            ids=of(self.ids, other.ids),
            times=of(self.times, other.times),
            instances=None if self.instances is None else of(self.instances, other.instances),
            outcome=of(self.outcome, other.outcome),
            columns=tuple(map(of, self.columns, other.columns)),
        )
