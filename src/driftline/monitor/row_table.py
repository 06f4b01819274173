"""A message's rows looked at one by one.

Where thousands of instances share a topic, a message holds a row or two of each. Cut into a message
for each of them, the cutting costs more than all that is done with the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.config.watches import MISSING
from driftline.join.arrivals import Arrivals
from driftline.join.fields import EARLY, WAITING, Fields
from driftline.model import InstanceKey, Role
from driftline.monitor.head import source_name
from driftline.monitor.silence_state import Place
from driftline.signals.values import FEATURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.eventlog.messages import Rows
    from driftline.join.fields import Value
    from driftline.model import Micros


class RowTable:
    """The columns of a message as lists, made once for all of its rows."""

    __slots__ = (
        "_outcome",
        "_scores",
        "_versions",
        "ids",
        "message",
        "numbers",
        "offsets",
        "role",
        "source",
        "source_name",
        "times",
    )

    def __init__(self, message: Rows) -> None:
        self.message = message
        self.role = message.role
        self.source = message.source
        self.source_name = source_name(message.role, message.source)
        self.ids = message.ids
        self.times: list[Micros] = message.times.tolist()
        self.offsets: list[int] = message.offsets.tolist()
        self.numbers = {name: column.tolist() for name, column in message.numbers.items()}
        predicted = self.role is Role.PREDICTIONS
        arrivals = Arrivals.predictions(message) if predicted else Arrivals.labels(message)
        self._outcome: Sequence[Value] = arrivals.value_list()
        self._scores: Sequence[float] | None = self.numbers.get("score")
        versioned = arrivals.versions is not None
        self._versions = arrivals.version_list() if versioned else None

    def take(self, rows: Sequence[int]) -> Rows:
        """A message of these rows alone."""
        if len(rows) == len(self.message):
            return self.message
        return self.message.take(np.array(rows, np.int64))

    def count_from(self, rows: Sequence[int], since: int) -> int:
        """How many of these rows have an offset from `since` on."""
        return sum(self.offsets[row] >= since for row in rows)

    def place(self, row: int) -> Place:
        """Where a row's record stands."""
        source = self.source
        return Place(
            self.times[row],
            source.topic,
            source.incarnation,
            source.partition,
            self.offsets[row],
        )

    @property
    def versioned(self) -> bool:
        """Whether there are versions."""
        return self._versions is not None

    def version(self, row: int) -> str | None:
        """The version of the model that made a prediction."""
        return None if self._versions is None else self._versions[row]

    def entry(self, row: int) -> Fields:
        """What the join keeps of a row, as the fields of an entry without a group."""
        at, said = self.times[row], self._outcome[row]
        if self.role is Role.LABELS:
            place = self.source.partition, self.offsets[row]
            return Fields(0, EARLY, at, None, None, None, said, *place)
        score = None if self._scores is None else self._scores[row]
        if score != score:  # noqa: PLR0124 - so is NaN known
            score = None
        return Fields(0, WAITING, at, said, score, self.version(row))

    def values(self, row: int, signals: Iterable[str]) -> dict[str, float]:
        """The values of those of these signals that come with a prediction."""
        found = {}
        for signal in signals:
            column = self.numbers.get(signal)
            if signal.startswith(MISSING):
                found[signal] = float(self._is_missing(row, FEATURE + signal[len(MISSING) :]))
            elif column is not None and column[row] == column[row]:  # no NaN
                found[signal] = column[row]
        return found

    def _is_missing(self, row: int, feature: str) -> bool:
        texts = self.message.texts.get(feature)
        if texts is not None:
            return bool(texts.codes[row] < 0)
        column = self.numbers.get(feature)
        return column is None or column[row] != column[row]


def rows_by_instance(message: Rows) -> Iterator[tuple[InstanceKey, Sequence[int]]]:
    """Which rows are of which instance, in the order in which the instances are named."""
    names = message.instances
    if len(names) == 1 and len(message):
        yield InstanceKey(message.stream, names[0]), range(len(message))
        return
    found: dict[int, list[int]] = {}
    for row, code in enumerate(message.instance_codes.tolist()):
        found.setdefault(code, []).append(row)
    for code in sorted(found):
        yield InstanceKey(message.stream, names[code]), found[code]
