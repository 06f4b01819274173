"""When labels became known, where their file does not say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from driftline.model import micros
from driftline.recorded.index import filled
from driftline.recorded.times import ABSENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.eventlog.messages import Ints
    from driftline.recorded.index import Index


def label_times(
    labels: Index, predictions: Index, predicted_at: Ints, delay: timedelta | None
) -> tuple[Ints, NDArray[np.bool_]]:
    """Each label's time in the file's order, and whether the record keeps what the file says.

    It does so with what is no time, which is refused: only a label without one is given one.

    Args:
        labels: the labels, with ids.
        predictions: the predictions, with ids.
        predicted_at: their times.
        delay: between a prediction and its label, whatever the file says; None: as the file says.
    """
    at = pc.index_in(labels.ids, value_set=predictions.ids, skip_nulls=True)
    place = at.fill_null(-1).to_numpy().astype(np.int64)
    matched = place >= 0
    after = np.full(len(place), ABSENT, np.int64)
    wait = micros(delay or timedelta(0))
    after[matched] = predicted_at[place[matched]] + wait
    own = labels.has_time if delay is None else labels.has_time & ~matched
    reads = own & (labels.times != ABSENT)
    return filled(np.where(reads, labels.times, after)), own
