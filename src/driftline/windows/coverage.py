"""How far the labels of a span of time have come."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the predictions of a span of time are labelled."""

    labelled: int
    predictions: int

    @property
    def share(self) -> float:
        """The labelled share; NaN without predictions."""
        return self.labelled / self.predictions if self.predictions else math.nan
