"""What one row of an instance comes to, without columns.

What numpy's calls cost for a column of one value is nearly all of the work, where a message has one
row of each of thousands of instances.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.join import NO_OUTCOMES, Outcomes
from driftline.monitor.observed import PLAIN, Observed
from driftline.signals import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.join import Outcome
    from driftline.model import Micros
    from driftline.monitor.observed import Hit


class Value(NamedTuple):
    """A signal's value, and the event time it is of: of an outcome the prediction's."""

    value: float
    at: Micros


class OneRow(NamedTuple):
    """One row: what the join made of it, and its values by signal."""

    at: Micros
    """The event time of its record."""
    version: str | None
    """Of a prediction: the model's version."""
    versioned: bool
    """Whether the message has versions."""
    fresh: bool
    """Whether it is a new prediction."""
    outcome: Outcome | None
    values: Mapping[str, Value]

    @property
    def fresh_rows(self) -> Sequence[int]:
        """The rows that are new predictions, as of a message with this row alone."""
        return (0,) if self.fresh else ()

    @property
    def outcomes(self) -> Outcomes:
        """The outcomes of a message with this row alone."""
        return NO_OUTCOMES if self.outcome is None else Outcomes.of([self.outcome])

    def series(self) -> dict[str, Series]:
        """The values as columns."""
        return {
            signal: Series(np.array([one.value]), np.array([one.at], np.int64), _ROW)
            for signal, one in self.values.items()
        }

    def observed(self, signal: str, hits: Iterable[Hit]) -> Observed:
        """What the detectors said of a signal's value, as of a message with this row alone."""
        one = self.values[signal]
        values, at = {PLAIN: np.array([one.value])}, np.array([one.at], np.int64)
        return Observed(values, at, _ROW, np.array([self.at], np.int64), list(hits))


_ROW = np.zeros(1, np.int64)
