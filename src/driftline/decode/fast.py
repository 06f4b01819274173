"""A whole batch at once: typed decoding and checks over columns.

It takes only what is certainly right, exactly as the careful reader would; what it doubts it leaves
to that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from driftline.config.fields import FieldSource
from driftline.config.spec import canonical
from driftline.decode import times, values
from driftline.decode.bodies import decode_bodies
from driftline.decode.codes import RefusedError
from driftline.decode.envelope import (
    key_or_header,
    text_as_number,
)
from driftline.decode.layout import NUMERIC, Kind
from driftline.decode.rows import Columns
from driftline.decode.shapes import build_shape
from driftline.decode.texts import canonical_texts, without_empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.config.fields import FieldPath
    from driftline.decode.layout import Column, Layout
    from driftline.decode.records import Record
    from driftline.decode.shapes import Shape
    from driftline.eventlog.messages import Floats, Ints, Texts
    from driftline.model import Micros

    Mask: TypeAlias = NDArray[np.bool_]
    Found: TypeAlias = Mapping[FieldPath, Sequence[Any]]

_SCALARS: Final = str | int | float | bool
_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.ID: str | int,
    Kind.ISO_TIME: str,
    Kind.EPOCH_TIME: int | float,
    Kind.NUMBER: float,
    Kind.SCORE: float,
    Kind.NUMERIC_FEATURE: float | bool,
}


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What became of a batch; records are named by their places in it."""

    columns: Columns | None
    filtered: list[int]
    left: Sequence[int]
    """For the careful reader."""


class FastReader:
    """Reads batches by a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._shape = _shape(layout)
        self._outside = [c for c in layout.all_columns if c.field.source is not FieldSource.VALUE]

    def read(self, records: Sequence[Record], seen_at: Micros | None) -> Taken:
        """Take what is certain."""
        everything = range(len(records))
        if self._shape is None or not records:
            return Taken(None, [], everything)
        decoded, places = decode_bodies(self._shape, [record.value or b"" for record in records])
        if not len(places):
            return Taken(None, [], everything)
        complete = len(places) == len(records)
        chosen = records if complete else [records[place] for place in places.tolist()]
        doubt = np.zeros(len(chosen), np.bool_)
        found = {
            **self._shape.columns(decoded),
            **{column.field: _outside(column, chosen, doubt) for column in self._outside},
        }
        ours = self._is_ours(found, len(chosen)) | doubt
        columns = self._columns(places, chosen, found, doubt, seen_at)
        sure = ours & ~doubt
        if complete and np.count_nonzero(sure) == len(sure):
            return Taken(columns, [], [])
        left = set(everything) - set(places[sure | ~ours].tolist())
        return Taken(
            columns.take(sure),
            places[~ours].tolist(),
            sorted(left),
        )

    def _is_ours(self, found: Found, count: int) -> Mask:
        layout = self._layout
        ours = np.ones(count, np.bool_)
        for column, wanted in layout.where:
            texts = canonical_texts(found[column.field])
            codes = {text: code for code, text in enumerate(texts.values)}
            # No code is below the -1 of a missing text.
            ours &= texts.codes == codes.get(wanted, -2)
        if layout.other is not None:
            pairs = zip(found[layout.outcome.field], found[layout.other.field], strict=True)
            ours &= np.array([mine is not None or its is None for mine, its in pairs], np.bool_)
        return ours

    def _columns(
        self,
        places: Ints,
        records: Sequence[Record],
        found: Found,
        doubt: Mask,
        seen_at: Micros | None,
    ) -> Columns:
        layout = self._layout
        moments = self._moments(records, found, doubt)
        if seen_at is not None:
            doubt |= moments > seen_at + layout.max_future
        split = layout.split
        return Columns(
            records=places,
            ids=_ids(layout.id, found[layout.id.field], doubt),
            times=moments,
            instances=None if split is None else _texts(split, found[split.field], doubt),
            outcome=self._column(layout.outcome, found, doubt),
            columns=tuple(self._column(column, found, doubt) for column in layout.columns),
        )

    def _moments(self, records: Sequence[Record], found: Found, doubt: Mask) -> Ints:
        layout = self._layout
        if layout.time is None:
            stamps = np.fromiter((record.timestamp for record in records), np.int64, len(records))
            doubt |= (stamps < 0) | (stamps > times.LAST_TIME // 1_000)
            return np.where(doubt, 0, stamps) * 1_000
        if layout.unit is None:
            moments, read = times.iso_column(found[layout.time.field])
            read &= (moments >= times.FIRST_TIME) & (moments <= times.LAST_TIME)
        else:
            moments, read = times.epoch_column(found[layout.time.field], layout.unit.value)
        doubt |= ~read
        return moments

    def _column(self, column: Column, found: Found, doubt: Mask) -> Floats | Texts:
        came = found[column.field]
        match column.kind:
            case Kind.NUMERIC_FEATURE | Kind.NUMBER | Kind.SCORE:
                return _numbers(column, came, doubt)
            case Kind.BINARY:
                texts = _texts(column, came, doubt)
                known = [float(text == self._layout.positive) for text in texts.values]
                # The one at the end stands for no text: such a row is in doubt.
                return np.array([*known, 0.0])[texts.codes]
            case _:
                return _texts(column, came, doubt)


def _shape(layout: Layout) -> Shape | None:
    leaves: dict[FieldPath, Any] = {}
    for column in layout.all_columns:
        kind = _TYPES.get(column.kind, _SCALARS)
        if leaves.setdefault(column.field, kind) != kind:
            return None
    inside = {place: kind for place, kind in leaves.items() if place.source is FieldSource.VALUE}
    return build_shape(inside)


def _outside(column: Column, records: Sequence[Record], doubt: Mask) -> list[Any]:
    """A column from keys or headers."""
    column_values: list[Any] = []
    for row, record in enumerate(records):
        value: Any = None
        try:
            value = key_or_header(record, column.field)
        except RefusedError:
            doubt[row] = True
        if value is not None and column.kind in NUMERIC:
            value = text_as_number(value)
            if isinstance(value, str):
                doubt[row], value = True, None
        column_values.append(value)
    return column_values


def _ids(column: Column, came: Sequence[Any], doubt: Mask) -> list[str]:
    try:
        if values.all_sound(came):
            return list(came)
    except TypeError:
        # Not all of them are texts.
        came = ["" if value is None else canonical(value) for value in came]
    doubt |= np.array([not _is_sound(column, text) for text in came], np.bool_)
    return list(came)


def _texts(column: Column, came: Sequence[Any], doubt: Mask) -> Texts:
    texts = canonical_texts(came)
    if column.kind not in (Kind.VERSION, Kind.CATEGORICAL_FEATURE):
        doubt |= texts.codes < 0
    if values.all_sound(texts.values):
        return texts
    # The one at the end stands for no text.
    doubt |= np.array([*(not _is_sound(column, text) for text in texts.values), False])[texts.codes]
    return without_empty(texts) if column.kind is Kind.VERSION else texts


def _is_sound(column: Column, text: str) -> bool:
    try:
        values.checked_text(column, text)
    except RefusedError:
        return False
    return True


def _numbers(column: Column, came: Sequence[Any], doubt: Mask) -> Floats:
    try:
        numbers = np.array(came, np.float64)
    except OverflowError:
        doubt[:] = True
        return np.zeros(len(came))
    if column.kind is not Kind.NUMERIC_FEATURE:
        doubt |= np.isnan(numbers)
    if column.kind is Kind.SCORE:
        doubt |= ~((numbers >= 0) & (numbers <= 1))
    return numbers
