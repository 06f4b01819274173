"""What was read: one row, and rows side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from driftline.decode.texts import merge_texts, take_texts
from driftline.eventlog.lookup import look_up
from driftline.eventlog.messages import Texts

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Micros

    Values: TypeAlias = Floats | Texts


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
    instances: Texts | None
    outcome: Values
    columns: tuple[Values, ...]

    def take(self, kept: NDArray[np.bool_]) -> Columns:
        """Only some of the rows."""

        def of(column: Values) -> Values:
            return take_texts(column, kept) if isinstance(column, Texts) else column[kept]

        return Columns(
            records=self.records[kept],
            ids=list(compress(self.ids, kept.tolist())),
            times=self.times[kept],
            instances=None if self.instances is None else take_texts(self.instances, kept),
            outcome=of(self.outcome),
            columns=tuple(map(of, self.columns)),
        )

    def merge(self, other: Columns) -> Columns:
        """The rows of both, in the order of their records."""
        records = np.concatenate([self.records, other.records])
        order = np.argsort(records)

        def of(mine: Values, theirs: Values) -> Values:
            if isinstance(mine, Texts) and isinstance(theirs, Texts):
                return merge_texts(mine, theirs, order)
            assert not isinstance(mine, Texts)  # noqa: S101 - both are of one kind
            return np.concatenate([mine, theirs])[order]

        return Columns(
            records=records[order],
            ids=list(look_up(self.ids + other.ids, order.tolist())),
            times=np.concatenate([self.times, other.times])[order],
            instances=(
                None
                if self.instances is None or other.instances is None
                else merge_texts(self.instances, other.instances, order)
            ),
            outcome=of(self.outcome, other.outcome),
            columns=tuple(map(of, self.columns, other.columns)),
        )
