"""A categorical feature as a handful of 0/1 indicators, so that a numeric detector can watch it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.eventlog.messages import Floats, Ints
    from driftline.signals.values import TextSeries

MAX_INDICATORS: Final = 10
"""Values with an indicator of their own; the rest share `OTHER` and `UNSEEN`."""
OTHER: Final = "(other)"
"""A value that occurred in the warm-up, but not among the most frequent."""
UNSEEN: Final = "(unseen)"
"""A value that did not occur in the warm-up."""


class _State(msgspec.Struct, array_like=True):
    warm_up: int
    waiting: list[str]
    waiting_times: list[int]
    names: list[str]
    rare: list[str]

    @property
    def sound(self) -> bool:
        if self.names:
            return not self.waiting
        return len(self.waiting) == len(self.waiting_times) < self.warm_up


class IndicatorTable:
    """Learns a feature's frequent values from its first `warm_up` values, then yields indicators.

    The values of the warm-up come out, too, as soon as it is complete: nothing is lost to it. A
    warm-up that has begun keeps its length, also where the declaration changes meanwhile.
    """

    def __init__(self, warm_up: int) -> None:
        self._warm_up = warm_up
        self._waiting: list[str] = []
        self._waiting_times: list[int] = []
        self._names: list[str] = []
        self._column_of: dict[str, int] = {}

    @property
    def wanted(self) -> int:
        """How many more values the warm-up takes."""
        return 0 if self._names else self._warm_up - len(self._waiting)

    @property
    def names(self) -> tuple[str, ...]:
        """The indicators' names; empty until the warm-up is complete."""
        return tuple(self._names)

    def columns(self, series: TextSeries) -> tuple[Mapping[str, Floats], Ints, Ints]:
        """One 0/1 column per indicator, with the event times and rows that belong to them.

        Values kept back during the warm-up carry the row that completed it.
        """
        texts = [series.values.values[code] for code in series.values.codes.tolist()]
        times, rows = series.times, series.rows
        if not self._names:
            missing = self._warm_up - len(self._waiting)
            if len(texts) < missing:
                self._waiting += texts
                self._waiting_times += times.tolist()
                return {}, times[:0], rows[:0]
            kept = len(self._waiting)
            self._learn(self._waiting + texts[:missing])
            texts = self._waiting + texts
            times = np.concatenate([np.array(self._waiting_times, np.int64), times])
            rows = np.concatenate([np.full(kept, rows[missing - 1], np.int64), rows])
            rows[: kept + missing] = series.rows[missing - 1]
            self._waiting, self._waiting_times = [], []
        return self._indicate(texts), times, rows

    def _learn(self, values: list[str]) -> None:
        counts = Counter(values)
        # Ties go by name: the table must not depend on anything but the values.
        ranked = sorted(counts, key=lambda value: (-counts[value], value))
        self._set(ranked[:MAX_INDICATORS], ranked[MAX_INDICATORS:])

    def _set(self, frequent: list[str], rare: list[str]) -> None:
        self._names = [*frequent, OTHER, UNSEEN]
        other = len(frequent)
        self._column_of = {value: column for column, value in enumerate(frequent)}
        self._column_of |= dict.fromkeys(rare, other)

    def _indicate(self, values: list[str]) -> Mapping[str, Floats]:
        unseen = len(self._names) - 1
        hits = np.array([self._column_of.get(value, unseen) for value in values], np.int64)
        return {
            name: (hits == column).astype(np.float64) for column, name in enumerate(self._names)
        }

    def snapshot(self) -> bytes:
        """The table as it is stored."""
        rare = [value for value, column in self._column_of.items() if column == self._other]
        state = _State(self._warm_up, self._waiting, self._waiting_times, self._names[:-2], rare)
        return msgspec.msgpack.encode(state)

    @property
    def _other(self) -> int:
        return len(self._names) - 2

    def restore(self, blob: bytes) -> None:
        """Take over a stored table.

        Raises:
            StateError: it does not decode.
        """
        try:
            state = msgspec.msgpack.decode(blob, type=_State)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"a stored table of indicators does not decode: {error}"
            raise StateError(msg) from error
        if not state.sound:
            msg = "a stored table of indicators contradicts itself"
            raise StateError(msg)
        self._warm_up = state.warm_up
        self._waiting, self._waiting_times = state.waiting, state.waiting_times
        if state.names:
            self._set(state.names, state.rare)
