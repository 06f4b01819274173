"""Times in a file's records as microseconds, and back: a bad one is no error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.config.fields import TimeUnit
from driftline.decode.times import epoch_column, iso_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.eventlog.messages import Ints
    from driftline.model import Micros
    from driftline.recorded.recording import Json

ABSENT: Final[Micros] = -(1 << 63)
"""In a column: no time, or one that does not read."""
_PER_UNIT: Final = {
    TimeUnit.SECONDS: 1_000_000,
    TimeUnit.MILLISECONDS: 1_000,
    TimeUnit.MICROSECONDS: 1,
}
_NO_FRACTION: Final = ".000000"


def parse_times(values: Sequence[Json], unit: TimeUnit | None) -> Ints:
    """Times as the worker will read them: ISO 8601 text, or numbers in a unit."""
    if unit is None:
        moments, read = iso_column([_of(str, value) for value in values])
    else:
        moments, read = epoch_column([_of((int, float), value) for value in values], unit.value)
    return np.where(read, moments, ABSENT)


def _of(kind: type | tuple[type, ...], value: Json) -> Json:
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def write_times(times: Ints, unit: TimeUnit | None) -> list[str] | list[int] | list[float]:
    """Times as a source declares them: ISO 8601 text as `iso` writes it, or numbers in a unit."""
    if unit is None:
        texts = np.datetime_as_string(times.astype("datetime64[us]"), unit="us").tolist()
        return [text.removesuffix(_NO_FRACTION) + "Z" for text in texts]
    if unit is TimeUnit.NANOSECONDS:
        return [at * 1_000 for at in times.tolist()]
    per = _PER_UNIT[unit]
    return [at // per if at % per == 0 else at / per for at in times.tolist()]
