"""What a stream declares: streams/<name>.yaml, or the same in code.

Every model is frozen and compares by value; `model_dump(mode="json")` and `model_validate` are
inverse.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from driftline.config.durations import Duration, between
from driftline.config.fields import FieldPath, RecordField, RecordTime
from driftline.config.silence import SilenceSpec
from driftline.config.spec import Flag, Line, Spec, Topic, Whole, canonical, refuse, refuse_all
from driftline.errors import nearest
from driftline.model import Direction, Role, Severity, Task

MAX_FEATURES: Final = 1_000
MAX_WINDOWS: Final = 8
MAX_OPEN_ENDED: Final = 20_000
"""How many windows of one size may be kept."""
EXPIRE_AFTER: Final = timedelta(days=365)
"""For so long an alert fires at most, unless its watch says otherwise."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
NAME_EXPECTED: Final = (
    "a name should begin with a-z or 0-9, hold only a-z, 0-9, '.', '_' and '-',"
    " and have at most 100 characters"
)


def is_name(name: str) -> bool:
    """Whether this may name a stream or a detector profile."""
    return _NAME.fullmatch(name) is not None


class OnStateLost(StrEnum):
    """What to do when Kafka has positions and Redis has nothing."""

    REFUSE = "refuse"
    RESTART = "restart"


_START_WORDS: Final = {
    "latest": "latest",
    "newest": "latest",
    "end": "latest",
    "now": "latest",
    "earliest": "earliest",
    "oldest": "earliest",
    "beginning": "earliest",
    "first": "earliest",
}
"""What people write for where reading begins, and what it is called here."""


def _read_start(value: object) -> object:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if value in ("latest", "earliest"):
        return value
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None:
        near = nearest(str(value).lower(), _START_WORDS)
        hint = f"; did you mean {_START_WORDS[near]}?" if near else ""
        refuse(f"should be latest, earliest or a time such as 2026-01-31T00:00:00Z{hint}")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _write_start(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


Start: TypeAlias = Annotated[
    Literal["latest", "earliest"] | datetime,
    BeforeValidator(_read_start),
    PlainSerializer(_write_start, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["latest", "earliest"]},
                {"type": "string", "examples": ["2026-01-31T00:00:00Z"]},
            ],
        },
    ),
]
"""Where to begin in a topic when first attached; a time without an offset is UTC."""


def _feature_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        refuse("should be printable and not empty")
    if set(name) & set("*|"):
        refuse("should hold neither * nor |; use {name: ..., path: ...} for a field that does")
    return name


class FeatureSpec(Spec):
    """One input of the model: its name alone, or with where it is and what it is."""

    name: Annotated[str, Field(max_length=200), AfterValidator(_feature_name)]
    categorical: Flag = False
    """Text (or a number that stands for a class), not a number to compute with."""
    path: RecordField = Field(default_factory=lambda given: FieldPath.parse(given.get("name", "")))
    """Where it is in the record; default: the name, read as a path."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.path == FieldPath.parse(self.name) and not all(self.path.path):
            refuse_all([("name", "is no path; declare `path` too")])
        return self


def _read_feature(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Feature: TypeAlias = Annotated[
    FeatureSpec,
    BeforeValidator(_read_feature, json_schema_input_type=str | FeatureSpec),
]


def _read_scalar(value: object) -> str:
    if not isinstance(value, str | int | float):
        refuse("should be a text, a number or true or false")
    return canonical(value)


Scalar: TypeAlias = Annotated[
    str,
    BeforeValidator(_read_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
"""A text, number or boolean, kept as canonical text."""


def _check_paths(where: Mapping[str, str]) -> Mapping[str, str]:
    for path in where:
        if not all(name.strip() and name.isprintable() for name in path.split(".")):
            refuse("should map paths such as a.b.c to the value each must have")
    return where


Where: TypeAlias = Annotated[
    dict[str, Scalar],
    Field(max_length=16),
    AfterValidator(_check_paths),
]
"""Dotted paths into the record's value, each with the value it must have, as canonical text."""


class PredictionsSpec(Spec):
    """The topic of predictions and where in its records things are."""

    topic: Topic
    start: Start = "latest"
    id: RecordField
    time: RecordTime | None = None
    """When the prediction was made; None: Kafka's timestamp."""
    prediction: RecordField
    score: RecordField | None = None
    """Binary: the probability of the positive class; multiclass: of the class predicted."""
    version: RecordField | None = None
    features: Annotated[tuple[Feature, ...], Field(max_length=MAX_FEATURES)] = ()

    @field_validator("features")
    @classmethod
    def _names_differ(cls, features: tuple[FeatureSpec, ...]) -> tuple[FeatureSpec, ...]:
        names = [feature.name for feature in features]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            refuse(f"should name each feature once; twice: {', '.join(twice)}")
        return features


class LabelsSpec(Spec):
    """The topic of labels, which may be that of the predictions, and where things are there."""

    topic: Topic
    start: Start = "latest"
    id: RecordField
    time: RecordTime | None = None
    """When the label became known; None: Kafka's timestamp."""
    label: RecordField
    horizon: Annotated[Duration, between("1s", "3650d")] = timedelta(days=30)
    """How long a prediction waits for its label, in event time."""
    where: Where | None = None
    """Replaces the stream's `where` for labels; {} takes every record; None: the stream's."""


class WindowSpec(Spec):
    """Tumbling windows of one size by event time, and how long closed ones are kept."""

    size: Annotated[Duration, between("1m", "366d")]
    keep: Annotated[Duration, between("1m", "3650d")]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.keep < self.size:
            refuse_all([("keep", "should be at least the window's size")])
        if self.keep > MAX_OPEN_ENDED * self.size:
            refuse_all([("keep", f"should be at most {MAX_OPEN_ENDED:,} windows")])
        return self


def _read_detectors(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class WatchSpec(Spec):
    """Which detectors watch a signal, and what their alarms mean."""

    detector: Annotated[
        tuple[str, ...],
        BeforeValidator(_read_detectors, json_schema_input_type=str | tuple[str, ...]),
        Field(min_length=1, max_length=16),
    ]
    """Names of detector profiles: one, or a list."""
    severity: Severity = Severity.WARNING
    direction: Direction | None = None
    """Which moves count; None: up for error and loss, both for the rest."""
    hold: Annotated[Duration, between("0s", "365d")] = timedelta(0)
    """How long drift must last, in event time, before its alert fires."""
    expire_after: Annotated[Duration, between("1m", "3650d")] = EXPIRE_AFTER
    """For how long an alert may fire, in event time."""
    retrain: Flag = False
    """Whether its alerts name the data since the change, for a model to be trained on."""

    @field_validator("detector")
    @classmethod
    def _differ(cls, detectors: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(detectors)) < len(detectors):
            refuse("should name each detector profile once")
        return detectors


Cause: TypeAlias = Literal["dead_letters", "missing_values", "labels_stopped", "lag"]
"""What may be wrong with the data that an alert stands on."""
CAUSES: Final[tuple[Cause, ...]] = ("dead_letters", "missing_values", "labels_stopped", "lag")


class StreamSpec(Spec):
    """A model's predictions, their labels, and what of them is watched."""

    description: Annotated[str, Field(max_length=1_000)] = ""
    owner: Line | None = None
    tags: Annotated[tuple[Line, ...], Field(max_length=32)] = ()
    task: Task
    positive: Scalar | None = None
    """Binary only: the positive class, as canonical text."""
    predictions: PredictionsSpec
    labels: LabelsSpec | None = None
    where: Where = Field(default_factory=dict)
    """Only records with these values are this stream's; labels may declare their own."""
    split_by: RecordField | None = None
    """Each value of this field gets a monitor of its own; labels have to carry it too."""
    max_instances: Annotated[Whole, Field(ge=1, le=100_000)] = 1_000
    lateness: Annotated[Duration, between("0s", "30d")] = timedelta(minutes=1)
    """How long a window stays open behind the watermark. The watermark is that of the slowest
    partition, so this covers only disorder within one: a minute, as producers retry for seconds."""
    max_future: Annotated[Duration, between("0s", "3650d")] = timedelta(minutes=5)
    """How far a record's time may lie ahead of the reader's clock."""
    max_waiting: Annotated[Whole, Field(ge=1, le=100_000_000)] = 1_000_000
    """How many predictions of an instance may wait for their label."""
    on_state_lost: OnStateLost = OnStateLost.REFUSE
    windows: Annotated[tuple[WindowSpec, ...], Field(max_length=MAX_WINDOWS)] = (
        WindowSpec(size=timedelta(days=1), keep=timedelta(days=90)),
    )
    silence: SilenceSpec = SilenceSpec()
    """When it is an alert that no predictions, or no labels, come."""
    hold_back: Annotated[tuple[Cause, ...], Field(max_length=len(CAUSES))] = CAUSES
    """Which troubles of the data its drift alerts name as their likely cause."""
    watch: Annotated[dict[str, WatchSpec], Field(max_length=10_000)] = Field(default_factory=dict)
    """By signal (`error`) or pattern (`feature.*`); the most specific line replaces the others."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = []
        if self.task is Task.BINARY and self.positive is None:
            found.append(("positive", "is required for a binary task: the class that counts as 1"))
        if self.task is not Task.BINARY and self.positive is not None:
            found.append(("positive", f"has no meaning for a {self.task} task; remove it"))
        if self.task is Task.REGRESSION and self.predictions.score is not None:
            found.append(("predictions.score", "has no meaning for a regression task; remove it"))
        sizes = [window.size for window in self.windows]
        if len(set(sizes)) < len(sizes):
            found.append(("windows", "should have each size once"))
        refuse_all(found)
        return self

    def source(self, role: Role) -> PredictionsSpec | LabelsSpec | None:
        """What this stream reads in a role."""
        return self.predictions if role is Role.PREDICTIONS else self.labels

    def where_of(self, role: Role) -> tuple[tuple[FieldPath, str], ...]:
        """The fields by which a record in this role is ours, each with its canonical text."""
        where: Mapping[str, Any] = self.where
        if role is Role.LABELS and self.labels is not None and self.labels.where is not None:
            where = self.labels.where
        return tuple((FieldPath.parse(path), value) for path, value in where.items())
