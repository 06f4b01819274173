"""The values that every part of driftline speaks of. They hold no behaviour beyond their own names.

Times are event times as whole microseconds since the Unix epoch, UTC (`Micros`): columns of them
are int64 arrays,
and integer arithmetic keeps a run exactly repeatable. They become `datetime` where people read
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

Micros: TypeAlias = int

SECOND: Final[Micros] = 1_000_000
MICROSECOND: Final = timedelta(microseconds=1)


class Role(StrEnum):
    """What a source topic carries."""

    PREDICTIONS = "predictions"
    LABELS = "labels"

    @property
    def singular(self) -> str:
        """What one of them is called, and its column in a message."""
        return self.value.removesuffix("s")


class Task(StrEnum):
    """What a model does."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Severity(StrEnum):
    """How much an alert matters, as its watch declares."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Direction(StrEnum):
    """Which way a signal moved, or which moves count."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


class Level(StrEnum):
    """A detector's verdict on a signal."""

    STABLE = "stable"
    WARNING = "warning"
    DRIFT = "drift"


class SignalKind(StrEnum):
    """What values a signal takes, which decides what may watch it and how it is scaled."""

    BINARY = "binary"
    """0 or 1."""
    UNIT = "unit"
    """Between 0 and 1, such as a probability."""
    UNBOUNDED = "unbounded"
    """Any finite number: standardised before a detector that assumes a scale."""
    CATEGORICAL = "categorical"
    """Text: watched through indicators of its most frequent values."""


@dataclass(frozen=True, slots=True, order=True)
class SourcePartition:
    """One partition of an attached topic, in one life of that topic."""

    topic: str
    partition: int
    incarnation: str = ""
    """The topic's id: a topic that was deleted and made again is another source, whose offsets
    start anew."""


class InstanceKey(NamedTuple):
    """What has a monitor of its own: a stream, or one value of the field that splits it.

    A tuple, as it is looked up for each row where thousands of instances share a topic.
    """

    stream: str
    value: str | None = None

    @property
    def name(self) -> str:
        """The instance as people write it: `stream` or `stream/value`."""
        return self.stream if self.value is None else f"{self.stream}/{self.value}"

    @classmethod
    def parse(cls, name: str) -> InstanceKey:
        """The inverse of `name`: a stream's own name holds no slash."""
        stream, slash, value = name.partition("/")
        return cls(stream, value if slash else None)


@dataclass(frozen=True, slots=True)
class Trigger:
    """The record that set something off."""

    topic: str
    partition: int
    offset: int
    id: str
    """The prediction's id in that record."""
    at: Micros
    """Its event time. For a signal that needs the truth the record is the label's, the time the
    prediction's."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One detector said that one signal drifted, at one record. An instant; an alert is a state."""

    signal: str
    indicator: str
    """For a categorical feature the value whose share moved; else empty."""
    profile: str
    """The detector profile's name."""
    kind: str
    """The detector's kind, such as `adwin`."""
    values_seen: int
    """How many values this detector had been given since the stream began, this one included."""
    trigger: Trigger


def to_datetime(at: Micros) -> datetime:
    """The moment as an aware UTC datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def to_micros(at: datetime) -> Micros:
    """An aware datetime as whole microseconds; a naive one is taken as UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return micros(aware - datetime(1970, 1, 1, tzinfo=UTC))


def micros(span: timedelta) -> Micros:
    """A span of time as whole microseconds."""
    return span // MICROSECOND


def iso(at: Micros) -> str:
    """The moment as ISO 8601 with a Z, as driftline writes times everywhere."""
    return to_datetime(at).isoformat().replace("+00:00", "Z")
