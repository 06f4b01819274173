"""Where the fields that a stream declares are in a file's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.fields import FieldSource
from driftline.config.streams import PredictionsSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.fields import FieldPath
    from driftline.config.streams import StreamSpec
    from driftline.model import Role
    from driftline.recorded.recording import Json, JsonRecord

_KEY: Final = "key"


def column_of(field: FieldPath) -> str:
    """The record's own field that holds it, or holds the object that does."""
    return _KEY if field.source is FieldSource.KEY else field.path[0]


def values_at(records: Sequence[JsonRecord], field: FieldPath) -> list[Json]:
    """The field of each record; None where there is none."""
    column = column_of(field)
    values = [record.get(column) for record in records]
    for name in field.path[1:]:
        values = [value.get(name) if isinstance(value, dict) else None for value in values]
    return values


def declared_fields(spec: StreamSpec, role: Role) -> list[FieldPath]:
    """Every field that the stream reads from records in this role."""
    source = spec.source(role)
    if source is None:
        return []
    fields = [source.id]
    if isinstance(source, PredictionsSpec):
        fields.append(source.prediction)
        fields += (field for field in (source.score, source.version) if field)
        fields += (feature.path for feature in source.features)
    else:
        fields.append(source.label)
    if source.time is not None:
        fields.append(source.time.field)
    if spec.split_by is not None:
        fields.append(spec.split_by)
    return fields
