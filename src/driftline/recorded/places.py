"""Where the fields that a stream declares are in a file's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.fields import FieldSource
from driftline.config.streams import PredictionsSpec
from driftline.model import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.fields import FieldPath
    from driftline.config.streams import StreamSpec
    from driftline.recorded.recording import Json, JsonRecord

_KEY: Final = "key"


def column_of(field: FieldPath) -> str:
    """The record's own field that holds it, or holds the object that does."""
    return _KEY if field.source is FieldSource.KEY else field.path[0]


def declared_columns(spec: StreamSpec) -> frozenset[str]:
    """The records' own fields that the stream reads, in whatever role."""
    return frozenset(
        column_of(field) for role in Role for field in declared_fields(spec, role).values()
    )


def values_at(records: Sequence[JsonRecord], field: FieldPath) -> list[Json]:
    """The field of each record; None where there is none."""
    column = column_of(field)
    values = [record.get(column) for record in records]
    for name in field.path[1:]:
        values = [value.get(name) if isinstance(value, dict) else None for value in values]
    return values


def put_at(record: JsonRecord, path: Sequence[str], value: Json) -> None:
    """Write a field where its path leads; what is no object on the way becomes one."""
    *outer, last = path
    for name in outer:
        inner = record.get(name)
        if not isinstance(inner, dict):
            inner = record[name] = {}
        record = inner
    record[last] = value


def declared_fields(spec: StreamSpec, role: Role) -> dict[str, FieldPath]:
    """Every field that the stream reads from records in this role, by where it is declared."""
    source = spec.source(role)
    if source is None:
        return {}
    fields: dict[str, FieldPath | None] = {
        "id": source.id,
        "time": source.time.field if source.time else None,
    }
    if isinstance(source, PredictionsSpec):
        fields |= {
            "prediction": source.prediction,
            "score": source.score,
            "version": source.version,
            **{f"features.{feature.name}": feature.path for feature in source.features},
        }
    else:
        fields["label"] = source.label
    own_where = not isinstance(source, PredictionsSpec) and source.where is not None
    where = f"{role}.where" if own_where else "where"
    return {
        **{f"{role}.{name}": field for name, field in fields.items() if field is not None},
        **{f"{where}.{field}": field for field, _ in spec.where_of(role)},
        **({"split_by": spec.split_by} if spec.split_by is not None else {}),
    }
