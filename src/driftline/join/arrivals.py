"""The columns of a message that the join looks at, to be cut into parts at little cost."""

from __future__ import annotations

from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from driftline.eventlog.messages import Texts
from driftline.join.fields import EARLY, WAITING, Fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from driftline.eventlog.messages import Floats, Ints, Rows
    from driftline.join.fields import Value

Values: TypeAlias = "Floats | Texts"
"""A column of predictions or labels: all are numbers, or all are texts."""
T = TypeVar("T")


class Arrivals:
    """Predictions or labels that come in together, or some of them."""

    __slots__ = ("ids", "offsets", "partition", "scores", "times", "values", "versions")

    def __init__(  # noqa: PLR0917 - one for each column
        self,
        partition: int,
        ids: Sequence[str],
        times: Ints,
        offsets: Ints,
        values: Values,
        scores: Floats | None,
        versions: Texts | None,
    ) -> None:
        self.partition = partition
        self.ids = ids
        self.times = times
        self.offsets = offsets
        self.values = values
        self.scores = scores
        """NaN where there is none."""
        self.versions = versions

    @classmethod
    def predictions(cls, rows: Rows) -> Arrivals:
        """The predictions of a message."""
        values = rows.numbers.get("prediction")
        return cls(
            rows.source.partition,
            rows.ids,
            rows.times,
            rows.offsets,
            rows.texts["prediction"] if values is None else values,
            rows.numbers.get("score"),
            rows.texts.get("version"),
        )

    @classmethod
    def labels(cls, rows: Rows) -> Arrivals:
        """The labels of a message."""
        numbers = rows.numbers.get("label")
        values = rows.texts["label"] if numbers is None else numbers
        return cls(rows.source.partition, rows.ids, rows.times, rows.offsets, values, None, None)

    def each_prediction(self) -> Iterable[Fields]:
        """What an entry keeps of predictions, one by one, without a group."""
        columns = self.times.tolist(), self.value_list(), self.score_list(), self.version_list()
        return map(Fields, repeat(0), repeat(WAITING), *columns)

    def each_label(self) -> Iterable[Fields]:
        """The same of labels."""
        none = repeat(None)
        columns = self.times.tolist(), none, none, none, self.value_list()
        place = repeat(self.partition), self.offsets.tolist()
        return map(Fields, repeat(0), repeat(EARLY), *columns, *place)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int]) -> Arrivals:
        """Only these rows, given as ascending indices."""
        count = len(rows)
        if count == len(self.ids):
            return self
        if count == rows[-1] - rows[0] + 1:
            # So they are mostly: labels come in the order of their predictions.
            return self.cut(rows[0], rows[-1] + 1)
        index = np.array(rows)
        scores, versions = self.scores, self.versions
        return Arrivals(
            self.partition,
            [self.ids[row] for row in rows],
            self.times[index],
            self.offsets[index],
            take(self.values, index),
            None if scores is None else scores[index],
            None if versions is None else versions.take(index),
        )

    def cut(self, start: int, stop: int) -> Arrivals:
        """The rows from `start` up to, not including, `stop`."""
        here = slice(start, stop)
        values, scores, versions = self.values, self.scores, self.versions
        return Arrivals(
            self.partition,
            self.ids[here],
            self.times[here],
            self.offsets[here],
            Texts(values.values, values.codes[here]) if isinstance(values, Texts) else values[here],
            None if scores is None else scores[here],
            None if versions is None else Texts(versions.values, versions.codes[here]),
        )

    def value_list(self) -> Sequence[Value]:
        """The predictions or labels one by one."""
        return listed(self.values)

    def score_list(self) -> list[float | None]:
        """The scores one by one."""
        if self.scores is None:
            return [None] * len(self.ids)
        return [None if one != one else one for one in self.scores.tolist()]  # noqa: PLR0124

    def version_list(self) -> list[str | None]:
        """The versions one by one."""
        versions = self.versions
        if versions is None:
            return [None] * len(self.ids)
        return [None if code < 0 else versions.values[code] for code in versions.codes.tolist()]


def take(values: Values, places: Sequence[int] | Ints) -> Values:
    """What stands at these places."""
    index = np.asarray(places)
    return values.take(index) if isinstance(values, Texts) else values[index]


def listed(values: Values | Sequence[Value]) -> Sequence[Value]:
    """The values of a column one by one."""
    if isinstance(values, Texts):
        return [values.values[code] for code in values.codes.tolist()]
    return values.tolist() if isinstance(values, np.ndarray) else values


def pick(column: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """What stands at these ascending places."""
    if len(places) == len(column):
        return column
    if len(places) == 1:
        return [column[places[0]]]
    return itemgetter(*places)(column) if places else []


def missing(rows: AbstractSet[int], count: int) -> Sequence[int]:
    """Of so many rows those that are not among these."""
    return [row for row in range(count) if row not in rows]


def places_of(some: Sequence[int], rows: Sequence[int]) -> Sequence[int]:
    """Where some of the rows stand among them; all ascend, and there are rows."""
    if rows[-1] == len(rows) - 1:
        return some
    places = {row: place for place, row in enumerate(rows)}
    return list(map(places.__getitem__, some))
