"""One record at a time, with the reason if it is refused: what decoding means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from driftline.config.fields import FieldSource
from driftline.decode import values
from driftline.decode.codes import RefusedError, RejectCode
from driftline.decode.envelope import find, open_value, text_as_number
from driftline.decode.layout import NUMERIC, Kind
from driftline.decode.rows import Row
from driftline.model import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec

    from driftline.decode.layout import Column, Layout
    from driftline.decode.records import Record
    from driftline.model import Micros

    Fields: TypeAlias = Mapping[str, msgspec.Raw]


class CarefulReader:
    """Reads single records by a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def read(self, record: Record, seen_at: Micros | None) -> Row | None:
        """What a record says; None if it is not this stream's, or not of this role.

        Raises RefusedError.
        """
        layout = self._layout
        fields = open_value(record.value)
        for column, wanted in layout.where:
            if not values.matches(self._find(record, fields, column), wanted):
                return None
        outcome = self._find(record, fields, layout.outcome)
        if outcome is None and self._is_of_other_role(record, fields):
            return None
        row_id = values.id_text(layout.id, self._required(record, fields, layout.id))
        at = self._moment(record, fields, seen_at)
        if outcome is None:
            values.missing(layout.outcome)
        return Row(
            id=row_id,
            at=at,
            outcome=self._outcome(outcome),
            columns=tuple(self._column(record, fields, column) for column in layout.columns),
            instance=self._instance(record, fields),
        )

    def _is_of_other_role(self, record: Record, fields: Fields) -> bool:
        other = self._layout.other
        return other is not None and self._find(record, fields, other) is not None

    def _find(self, record: Record, fields: Fields, column: Column) -> Any:
        value = find(record, fields, column.field)
        if value is None or column.field.source is FieldSource.VALUE:
            return value
        return text_as_number(value) if column.kind in NUMERIC else value

    def _required(self, record: Record, fields: Fields, column: Column) -> Any:
        value = self._find(record, fields, column)
        if value is None:
            values.missing(column)
        return value

    def _moment(self, record: Record, fields: Fields, seen_at: Micros | None) -> Micros:
        layout = self._layout
        if layout.time is None:
            at = values.kafka_moment(record.timestamp)
        else:
            value = self._required(record, fields, layout.time)
            at = values.moment(layout.time, layout.unit, value)
        if seen_at is not None and at > seen_at + layout.max_future:
            reason = (
                f"the time is {iso(at)}; expected at most {iso(seen_at + layout.max_future)}, "
                f"which is max_future ahead of the reader's clock"
            )
            raise RefusedError(RejectCode.TIME_TOO_FAR_AHEAD, reason)
        return at

    def _outcome(self, value: object) -> float | str:
        column = self._layout.outcome
        if column.kind is Kind.NUMBER:
            return values.number(column, value)
        text = values.class_text(column, value)
        if column.kind is Kind.BINARY:
            return float(text == self._layout.positive)
        return text

    def _column(self, record: Record, fields: Fields, column: Column) -> float | str | None:
        value = self._find(record, fields, column)
        if column.kind is Kind.SCORE:
            if value is None:
                values.missing(column)
            return values.score(column, value)
        if value is None:
            return None
        if column.kind is Kind.NUMERIC_FEATURE:
            return values.number(column, value)
        return values.class_text(column, value) or (None if column.kind is Kind.VERSION else "")

    def _instance(self, record: Record, fields: Fields) -> str | None:
        column = self._layout.split
        if column is None:
            return None
        return values.class_text(column, self._required(record, fields, column))
