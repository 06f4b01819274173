"""Which fields a stream reads from a record in one role: all that is read of its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from driftline.model import Role, Task, micros

if TYPE_CHECKING:
    from driftline.config.fields import FieldPath, TimeUnit
    from driftline.config.streams import StreamSpec
    from driftline.model import Micros


class Kind(Enum):
    """What is accepted in a field, and what becomes of it."""

    ID = auto()
    ISO_TIME = auto()
    EPOCH_TIME = auto()
    BINARY = auto()
    """A class; 1.0 if it is the positive one, else 0.0."""
    CLASS = auto()
    """A class, as canonical text."""
    NUMBER = auto()
    """A finite number that must be there."""
    SCORE = auto()
    """A number from 0 to 1 that must be there."""
    VERSION = auto()
    """Canonical text; missing if there is none or an empty one."""
    SPLIT = auto()
    NUMERIC_FEATURE = auto()
    """A finite number; true and false are 1 and 0; may be missing."""
    CATEGORICAL_FEATURE = auto()
    """A scalar as canonical text; may be missing. An empty text is a value."""
    SCALAR = auto()
    """Only looked at: compared, or asked whether it is there."""


NUMERIC: Final = frozenset({Kind.NUMBER, Kind.SCORE, Kind.NUMERIC_FEATURE, Kind.EPOCH_TIME})
"""Kinds that are JSON numbers; a header's text is taken for the number that it spells."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record, and the column it becomes."""

    name: str
    kind: Kind
    field: FieldPath


@dataclass(frozen=True, slots=True)
class Layout:
    """All that is read from a record in one role of one stream."""

    role: Role
    positive: str | None
    id: Column
    time: Column | None
    """None: Kafka's timestamp."""
    unit: TimeUnit | None
    outcome: Column
    """The prediction, or the label."""
    columns: tuple[Column, ...]
    """Score, version and features, in this order, as far as there are any."""
    split: Column | None
    where: tuple[tuple[Column, str], ...]
    other: Column | None
    """In a topic that both roles share, the other role's outcome."""
    max_future: Micros

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Every field that is looked at, in no particular order, possibly some more than once."""
        optional = (self.time, self.split, self.other)
        return (
            self.id,
            self.outcome,
            *self.columns,
            *(column for column in optional if column is not None),
            *(column for column, _ in self.where),
        )


def build_layout(spec: StreamSpec, role: Role) -> Layout:
    """The layout of a stream's records in a role. Raises ValueError for undeclared labels."""
    source = spec.source(role)
    if source is None:
        text = "the stream declares no labels"
        raise ValueError(text)
    time = source.time
    kind = Kind.ISO_TIME if time is None or time.unit is None else Kind.EPOCH_TIME
    return Layout(
        role=role,
        positive=spec.positive,
        id=Column("id", Kind.ID, source.id),
        time=None if time is None else Column("time", kind, time.field),
        unit=None if time is None else time.unit,
        outcome=_outcome(spec, role),
        columns=_columns(spec) if role is Role.PREDICTIONS else (),
        split=None if spec.split_by is None else Column("split_by", Kind.SPLIT, spec.split_by),
        where=tuple(
            (Column("where", Kind.SCALAR, field), value) for field, value in spec.where_of(role)
        ),
        other=_other(spec, role),
        max_future=micros(spec.max_future),
    )


def _outcome(spec: StreamSpec, role: Role) -> Column:
    kinds = {
        Task.BINARY: Kind.BINARY,
        Task.MULTICLASS: Kind.CLASS,
        Task.REGRESSION: Kind.NUMBER,
    }
    if role is Role.PREDICTIONS or spec.labels is None:
        return Column("prediction", kinds[spec.task], spec.predictions.prediction)
    return Column("label", kinds[spec.task], spec.labels.label)


def _other(spec: StreamSpec, role: Role) -> Column | None:
    if spec.labels is None or spec.labels.topic != spec.predictions.topic:
        return None
    other = Role.LABELS if role is Role.PREDICTIONS else Role.PREDICTIONS
    return Column("other", Kind.SCALAR, _outcome(spec, other).field)


def _columns(spec: StreamSpec) -> tuple[Column, ...]:
    source = spec.predictions
    columns = []
    if source.score is not None:
        columns.append(Column("score", Kind.SCORE, source.score))
    if source.version is not None:
        columns.append(Column("version", Kind.VERSION, source.version))
    for feature in source.features:
        kind = Kind.CATEGORICAL_FEATURE if feature.categorical else Kind.NUMERIC_FEATURE
        columns.append(Column(f"feature.{feature.name}", kind, feature.path))
    return tuple(columns)
