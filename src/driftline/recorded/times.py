"""Times in a file's records as microseconds, to put them in order: a bad one is no error."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from driftline.config.fields import TimeUnit
from driftline.model import to_micros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.eventlog.messages import Ints
    from driftline.model import Micros
    from driftline.recorded.recording import Json

ABSENT: Final[Micros] = -(1 << 63)
"""In a column: no time, or one that does not read."""

_FURTHEST: Final = 1 << 60
"""Some 36,000 years: no event is further from 1970, and sums with delays stay within an int64."""

_MICROS_PER: Final = {
    TimeUnit.SECONDS: 1e6,
    TimeUnit.MILLISECONDS: 1e3,
    TimeUnit.MICROSECONDS: 1.0,
    TimeUnit.NANOSECONDS: 1e-3,
}


def parse_times(values: Sequence[Json], unit: TimeUnit | None) -> Ints:
    """Times as microseconds: ISO 8601 text (without an offset: UTC), or numbers in a unit."""
    if unit is not None:
        return np.array([_from_epoch(value, unit) for value in values], np.int64)
    texts = [value if isinstance(value, str) else None for value in values]
    quick = _all_alike(texts)
    return np.array([_from_text(text) for text in texts], np.int64) if quick is None else quick


def _all_alike(texts: list[str | None]) -> Ints | None:
    """A column in which all or none have an offset, at the speed of Arrow; None: it is not such."""
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        try:
            moments = pa.array(texts, pa.string()).cast(kind)
        except pa.ArrowInvalid:
            continue
        times: Ints = moments.cast(pa.int64()).fill_null(ABSENT).to_numpy()
        return times
    return None


def _from_text(text: str | None) -> Micros:
    try:
        return ABSENT if text is None else to_micros(datetime.fromisoformat(text))
    except ValueError:
        return ABSENT


def _from_epoch(value: Json, unit: TimeUnit) -> Micros:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ABSENT
    scale = _MICROS_PER[unit]
    if isinstance(value, int):
        at = value // 1_000 if unit is TimeUnit.NANOSECONDS else value * int(scale)
    else:
        at = round(value * scale)
    return at if abs(at) < _FURTHEST else ABSENT
