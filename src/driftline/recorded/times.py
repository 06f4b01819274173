"""Times in a file's records as microseconds, to put them in order: a bad one is no error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.decode.times import epoch_column, iso_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.fields import TimeUnit
    from driftline.eventlog.messages import Ints
    from driftline.model import Micros
    from driftline.recorded.recording import Json

ABSENT: Final[Micros] = -(1 << 63)
"""In a column: no time, or one that does not read."""


def parse_times(values: Sequence[Json], unit: TimeUnit | None) -> Ints:
    """Times as the worker will read them: ISO 8601 text, or numbers in a unit."""
    if unit is None:
        moments, read = iso_column([_of(str, value) for value in values])
    else:
        moments, read = epoch_column([_of((int, float), value) for value in values], unit.value)
    return np.where(read, moments, ABSENT)


def _of(kind: type | tuple[type, ...], value: Json) -> Json:
    return value if isinstance(value, kind) and not isinstance(value, bool) else None
