"""Many entries read or made at one go: all that have the same layout are one numpy array.

Of one row of several hundred, this costs some 100 ns, one by one a microsecond. For a few rows it
is the other way round: an operation of numpy's costs a microsecond whatever it is given.
"""

from __future__ import annotations

from itertools import repeat
from operator import add
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec
import numpy as np

from driftline.eventlog.messages import Texts
from driftline.join.arrivals import listed, pick, take
from driftline.join.entries import (
    FORM_BITS,
    JOINED_BITS,
    LABEL_SHIFT,
    LAYOUTS,
    NUMBER,
    ONE,
    PREDICTION_SHIFT,
    SCORE_BIT,
    TEXT,
    VERSION_BIT,
    ZERO,
    Entry,
    Layout,
    encode_entry,
    join_entry,
    read_entry,
    read_texts,
    shape_of,
)
from driftline.join.fields import EARLY, JOINED, WAITING, Fields

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.eventlog.messages import Ints
    from driftline.join.arrivals import Arrivals, Values
    from driftline.join.fields import Value
    from driftline.model import Micros

T = TypeVar("T")
Shapes: TypeAlias = "NDArray[np.uint8]"
FEW: Final = 12
"""Up to so many rows are taken one by one."""

_ZERO_BITS: Final = np.float64(0.0).view(np.int64)
_ONE_BITS: Final = np.float64(1.0).view(np.int64)
_encode: Final = msgspec.msgpack.Encoder().encode


def _same_layout(shape: int) -> int:
    """The lowest shape with the same parts in the same places: 0 and 1 take none."""
    for shift in (PREDICTION_SHIFT, LABEL_SHIFT):
        if shape >> shift & FORM_BITS == ONE:
            shape ^= (ONE ^ ZERO) << shift
    return shape


_LAYOUT: Final = bytes(map(_same_layout, range(256)))
_LAYOUT_ARRAY: Final = np.frombuffer(_LAYOUT, np.uint8)


class Columns:
    """Entries, read: one column for each of `Fields`, and from which row of a message each is."""

    __slots__ = (
        "array",
        "ats",
        "count",
        "entries",
        "groups",
        "kinds",
        "labels",
        "offsets",
        "partitions",
        "predictions",
        "rows",
        "scores",
        "versions",
    )

    def __init__(
        self,
        rows: Sequence[int],
        entries: Sequence[Entry],
        columns: Sequence[Sequence[Any]],
        array: NDArray[Any] | None = None,
    ) -> None:
        self.rows = rows
        self.entries = entries
        self.count = len(entries)
        self.array = array
        """The numbers of all, where there are many, and all have the same layout."""
        self.groups: Sequence[int] = columns[0]
        self.kinds: Sequence[int] = columns[1]
        self.ats: Sequence[Micros] = columns[2]
        self.predictions: Sequence[Value] = columns[3]
        self.scores: Sequence[float | None] = columns[4]
        self.versions: Sequence[str | None] = columns[5]
        self.labels: Sequence[Value] = columns[6]
        self.partitions: Sequence[int] = columns[7]
        self.offsets: Sequence[int] = columns[8]

    def take(self, places: Sequence[int]) -> Columns:
        """Only what stands at these ascending places."""
        if len(places) == self.count:
            return self
        columns = (
            self.groups, self.kinds, self.ats, self.predictions, self.scores, self.versions,
            self.labels, self.partitions, self.offsets,
        )  # fmt: skip
        return Columns(
            pick(self.rows, places),
            pick(self.entries, places),
            [pick(column, places) for column in columns],
            None if self.array is None else self.array[list(places)],
        )

    def of_kind(self, kind: int) -> Columns:
        """Only entries of this kind."""
        if self.kinds.count(kind) == self.count:
            return self
        return self.take([place for place, one in enumerate(self.kinds) if one == kind])

    def rows_without(self, others: Columns) -> set[int]:
        """The rows that are not among those of some of these entries."""
        if others.count == self.count:
            return set()
        return set(self.rows).difference(others.rows)

    def within(self, rows: Container[int]) -> Columns:
        """Only those of these rows."""
        return self.take([place for place, row in enumerate(self.rows) if row in rows])

    def without(self, rows: Container[int]) -> Columns:
        """Only those of other rows."""
        return self.take([place for place, row in enumerate(self.rows) if row not in rows])


NONE_READ: Final = Columns((), (), [()] * len(Fields.__struct_fields__))


def read(rows: Sequence[int], entries: Sequence[Entry]) -> Columns:
    """The entries of these rows."""
    if len(entries) <= FEW:
        if not entries:
            return NONE_READ
        return Columns(rows, entries, list(zip(*map(read_entry, entries), strict=True)))
    found: list[list[Any]] = [[None] * len(entries) for _ in Fields.__struct_fields__]
    for layout, places in _alike(entries):
        some = pick(entries, places)
        array = _array(layout, some)
        columns = _read_alike(layout, some, array)
        if len(places) == len(entries):
            return Columns(rows, entries, columns, array)
        for column, part in zip(found, columns, strict=True):
            scatter(column, places, part)
    return Columns(rows, entries, found)


def waiting_entries(groups: Sequence[int], part: Arrivals) -> list[Entry]:
    """Predictions as entries of these groups."""
    if len(part) <= FEW:
        columns = [part.times.tolist(), part.value_list()]
        if part.scores is not None or part.versions is not None:
            columns += part.score_list(), part.version_list()
        return list(map(encode_entry, groups, repeat(WAITING), *columns))
    shapes = _forms(part.values) << np.uint8(PREDICTION_SHIFT) | np.uint8(WAITING)
    parts = {"group": _even(groups), "at": part.times, "prediction": _parts(part.values)}
    if part.scores is not None:
        shapes |= (~np.isnan(part.scores)).view(np.uint8) * SCORE_BIT
        parts["score"] = part.scores
    if part.versions is not None:
        shapes |= (part.versions.codes >= 0).view(np.uint8) * VERSION_BIT
        parts["version"] = _parts(part.versions)
    return _make(shapes, parts)


def early_entries(groups: Sequence[int], part: Arrivals) -> list[Entry]:
    """Labels as entries of these groups."""
    if len(part) <= FEW:
        columns = part.times.tolist(), part.value_list(), part.offsets.tolist()
        return [
            encode_entry(group, EARLY, at, None, None, None, label, part.partition, offset)
            for group, at, label, offset in zip(groups, *columns, strict=True)
        ]
    shapes = _forms(part.values) << np.uint8(LABEL_SHIFT) | np.uint8(EARLY)
    parts = {
        "group": _even(groups),
        "at": part.times,
        "partition": part.partition,
        "offset": part.offsets,
        "label": _parts(part.values),
    }
    return _make(shapes, parts)


def joined_entries(
    waiting: Sequence[Entry],
    labels: Values | Sequence[Value],
    array: NDArray[Any] | None = None,
) -> list[Entry]:
    """Entries of predictions whose labels have come; the `array` as `Columns` has it."""
    values = labels if isinstance(labels, (np.ndarray, Texts)) else _as_values(labels)
    if values is None or len(waiting) <= FEW:
        return list(map(join_entry, waiting, listed(labels)))
    if array is not None:
        return _join_alike(array, waiting, values)
    made: list[Entry] = list(waiting)
    for layout, places in _alike(waiting):
        some = pick(waiting, places)
        joined = _join_alike(_array(layout, some), some, take(values, places))
        scatter(made, places, joined)
    return made


# -- all of one layout --


def _alike(entries: Sequence[Entry]) -> Iterator[tuple[Layout, Sequence[int]]]:
    """The layouts that occur, and where."""
    codes = bytes(map(shape_of, entries)).translate(_LAYOUT)
    if codes.count(codes[0]) == len(codes):
        yield LAYOUTS[codes[0]], range(len(codes))
        return
    for code in dict.fromkeys(codes):
        yield LAYOUTS[code], [place for place, one in enumerate(codes) if one == code]


def _array(layout: Layout, entries: Sequence[Entry]) -> NDArray[Any]:
    heads = [entry[: layout.size] for entry in entries] if layout.texts else entries
    return np.frombuffer(b"".join(heads), layout.dtype)


def _read_alike(
    layout: Layout, entries: Sequence[Entry], array: NDArray[Any]
) -> list[Sequence[Any]]:
    count = len(entries)
    found = {name: array[name].tolist() for name in layout.numbers}
    found["kind"] = [layout.kind] * count
    if layout.kind != EARLY and layout.prediction == ZERO:
        found["prediction"] = _said(array, PREDICTION_SHIFT)
    if layout.kind != WAITING and layout.label == ZERO:
        found["label"] = _said(array, LABEL_SHIFT)
    if layout.texts:
        texts = zip(*[read_texts(layout, entry) for entry in entries], strict=True)
        found |= zip(layout.texts, texts, strict=True)
    none = [None] * count
    return [found.get(name, none) for name in Fields.__struct_fields__]


def _said(array: NDArray[Any], shift: int) -> list[float]:
    """The zeros and ones that stand in shapes."""
    said: list[float] = (array["kind"] >> shift & ONE).astype(np.float64).tolist()
    return said


def _join_alike(array: NDArray[Any], waiting: Sequence[Entry], labels: Values) -> list[Entry]:
    layout = LAYOUTS[waiting[0][4]]
    shapes: Shapes = array["kind"] & np.uint8(JOINED_BITS) | np.uint8(JOINED)
    parts: dict[str, Any] = {name: array[name] for name in layout.numbers}
    if layout.prediction == TEXT:
        texts = [_encode(read_texts(layout, entry)[0]) for entry in waiting]
        parts["prediction"] = np.array(texts, object)
    parts["label"] = _parts(labels)
    return _make(shapes | _forms(labels) << np.uint8(LABEL_SHIFT), parts)


def _make(shapes: Shapes, parts: Mapping[str, Any]) -> list[Entry]:
    """Entries of these shapes; each part is a column, or one value for all."""
    codes = _LAYOUT_ARRAY[shapes]
    if (codes == codes[0]).all():
        return _make_alike(LAYOUTS[int(codes[0])], shapes, parts)
    made: list[Entry] = [Entry(b"")] * len(shapes)
    for code in np.unique(codes).tolist():
        places = np.flatnonzero(codes == code)
        some = {name: _at(part, places) for name, part in parts.items()}
        scatter(made, places.tolist(), _make_alike(LAYOUTS[code], shapes[places], some))
    return made


def _make_alike(layout: Layout, shapes: Shapes, parts: Mapping[str, Any]) -> list[Entry]:
    array = np.empty(len(shapes), layout.dtype)
    for name in layout.numbers:
        array[name] = shapes if name == "kind" else parts[name]
    entries: list[Entry] = array.view(layout.opaque).tolist()
    for name in layout.texts:
        entries = list(map(add, entries, parts[name]))
    return entries


def _forms(values: Values) -> Shapes:
    if isinstance(values, Texts):
        return np.full(len(values), TEXT, np.uint8)
    # By their bits: -0.0 is not the zero that a shape tells of.
    bits = values.view(np.int64)
    zero, one = (bits == _ZERO_BITS).view(np.uint8), (bits == _ONE_BITS).view(np.uint8)
    forms: Shapes = NUMBER - zero * (NUMBER - ZERO) - one * (NUMBER - ONE)
    return forms


def _parts(values: Values) -> NDArray[Any]:
    """Numbers as they are, texts encoded."""
    if not isinstance(values, Texts):
        return values
    encoded = [*map(_encode, values.values), b""]
    return np.array([encoded[code] for code in values.codes.tolist()], object)


def _as_values(labels: Sequence[Value]) -> Values | None:
    """The labels as a column; None where some are numbers and some are texts."""
    kinds = set(map(type, labels))
    if kinds == {float}:  # numpy would take "1.0" for a number, too
        return np.array(labels, np.float64)
    if kinds != {str}:
        return None
    codes = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return Texts(tuple(map(str, codes)), np.array([codes[one] for one in labels], np.int32))


def _even(groups: Sequence[int]) -> int | NDArray[np.uint32]:
    """One number, where all are the same."""
    if groups.count(groups[0]) == len(groups):
        return groups[0]
    return np.array(groups, np.uint32)


def _at(part: Any, places: Ints) -> Any:
    return part[places] if isinstance(part, np.ndarray) else part


def scatter(column: list[T], places: Sequence[int], values: Sequence[T]) -> None:
    """Put the values at these ascending places."""
    if len(places) == len(column):
        column[:] = values
        return
    for place, value in zip(places, values, strict=True):
        column[place] = value
