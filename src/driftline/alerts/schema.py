"""The alert event's schema: a CloudEvent 1.0 in structured mode, its `data` an `AlertData`.

An alert is about drift, about a source that is silent, or about the monitor's own health. Times
are ISO 8601 in UTC; event times are the records' own.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - read at run time by pydantic
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt

from driftline.alerts.alert import Status  # noqa: TC001 - read at run time by pydantic
from driftline.alerts.lifecycle import Reason  # noqa: TC001 - read at run time by pydantic
from driftline.model import Direction, Severity, SignalKind, to_datetime

if TYPE_CHECKING:
    from driftline.alerts.evidence import Evidence, Sample


class _Part(BaseModel):
    """A reader ignores what a later version adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SampleData(_Part):
    """Values of the signal that belong together."""

    mean: Annotated[FiniteFloat, Field(description="Mean, in the signal's own unit.")]
    sd: Annotated[
        FiniteFloat, Field(ge=0, description="Sample standard deviation; 0 for a single value.")
    ]
    count: Annotated[PositiveInt, Field(description="Number of values.")]
    first_at: Annotated[datetime, Field(description="Least event time among them.")]
    last_at: Annotated[datetime, Field(description="Greatest event time among them.")]

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """The sample as it is published."""
        return cls(
            mean=sample.mean,
            sd=sample.sd,
            count=sample.count,
            first_at=to_datetime(sample.first_at),
            last_at=to_datetime(sample.last_at),
        )


class EvidenceData(_Part):
    """Before and after the change."""

    before: Annotated[
        SampleData,
        Field(description="The reference: the level before the first alarm. Fixed for life."),
    ]
    after: Annotated[SampleData, Field(description="The level that the alert is about.")]
    now: Annotated[
        SampleData | None,
        Field(description="The level since the latest real shift, where it is not `after` now."),
    ]
    absolute_change: Annotated[FiniteFloat, Field(description="after.mean - before.mean")]
    relative_change: Annotated[
        FiniteFloat | None,
        Field(description="absolute_change / |before.mean|; null where that is 0."),
    ]
    effect_size: Annotated[
        FiniteFloat | None,
        Field(description="Change in pooled standard deviations; null without any spread."),
    ]
    direction: Annotated[Direction, Field(description="The way the level went: up or down.")]
    change_at: Annotated[
        datetime, Field(description="Estimated moment at which the level left the reference.")
    ]

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """The evidence as it is published."""
        return cls(
            before=SampleData.of(evidence.before),
            after=SampleData.of(evidence.after),
            now=None if evidence.now is None else SampleData.of(evidence.now),
            absolute_change=evidence.absolute_change,
            relative_change=evidence.relative_change,
            effect_size=evidence.effect_size,
            direction=evidence.direction,
            change_at=to_datetime(evidence.change_at),
        )


class DetectorData(_Part):
    """One detector that alarmed in this alert."""

    profile: Annotated[str, Field(description="The detector profile's name.")]
    kind: Annotated[str, Field(description="The kind of detector, such as adwin.")]
    parameters: Annotated[
        dict[str, Any],
        Field(description="Its settings; empty if the profile is no longer declared."),
    ]
    alarms: Annotated[PositiveInt, Field(description="How often it alarmed in this alert.")]
    values_seen: Annotated[
        PositiveInt,
        Field(
            description="How many values it had been given since the stream began, at its first "
            "alarm in this alert, that one included."
        ),
    ]


class TriggerData(_Part):
    """The record that set the alert off."""

    topic: Annotated[str, Field(description="Its topic; in a replay the file's name.")]
    incarnation: Annotated[
        str, Field(description="The topic's id, which tells a recreated one apart; may be empty.")
    ]
    partition: Annotated[NonNegativeInt, Field(description="Its partition.")]
    offset: Annotated[NonNegativeInt, Field(description="Its offset; in a replay the row.")]
    id: Annotated[str, Field(description="The prediction's id in that record.")]
    at: Annotated[
        datetime,
        Field(description="Event time; for a signal that needs labels the prediction's."),
    ]
    detector: Annotated[str, Field(description="The profile of the detector that alarmed.")]
    values_seen: Annotated[
        PositiveInt,
        Field(
            description="How many values that detector had been given since the stream began, "
            "this one included."
        ),
    ]


class LabelsData(_Part):
    """How far the truth is known, for a signal that needs it."""

    joined: Annotated[NonNegativeInt, Field(description="Predictions that got their label.")]
    waiting: Annotated[NonNegativeInt, Field(description="Predictions still waiting for it.")]
    expired: Annotated[NonNegativeInt, Field(description="Predictions never labelled in time.")]
    coverage: Annotated[
        FiniteFloat | None,
        Field(ge=0, le=1, description="joined / (joined + waiting + expired); null without any."),
    ]
    mean_delay_seconds: Annotated[
        FiniteFloat | None, Field(description="Mean time from prediction to label.")
    ]


class MovedData(_Part):
    """Another signal of the instance that shifted across the same moment."""

    signal: Annotated[str, Field(description="The signal.")]
    indicator: Annotated[
        str, Field(description="For a categorical feature the value whose share moved; else empty.")
    ]
    before: Annotated[SampleData, Field(description="Its values shortly before the moment.")]
    after: Annotated[SampleData, Field(description="Its values since.")]
    effect_size: Annotated[
        FiniteFloat | None,
        Field(description="Change in pooled standard deviations; null without any spread."),
    ]


class AcknowledgedData(_Part):
    """A person has taken the alert on."""

    by: Annotated[str, Field(description="Who.")]
    at: Annotated[datetime, Field(description="When, by the clock of who asked.")]
    note: Annotated[str, Field(description="What they said; may be empty.")] = ""


class CauseKind(StrEnum):
    """What is wrong with the data that an alert stands on."""

    DEAD_LETTERS = "dead_letters"
    """More records than usual are refused."""
    MISSING_VALUES = "missing_values"
    """A feature is missing more often than usual."""
    LABELS_STOPPED = "labels_stopped"
    """No labels come."""
    LAG = "lag"
    """The monitor is behind its sources."""


class CauseData(_Part):
    """Why the alert may be no news of the model: its data is broken, or the monitor lags."""

    kind: Annotated[CauseKind, Field(description="What is wrong.")]
    since: Annotated[datetime, Field(description="Event time since when.")]
    detail: Annotated[str, Field(description="One sentence for people.")]


class SourceWindowData(_Part):
    """A range of a source partition."""

    topic: Annotated[str, Field(description="The topic.")]
    incarnation: Annotated[str, Field(description="The topic's id; may be empty.")] = ""
    partition: Annotated[NonNegativeInt, Field(description="The partition.")]
    first: Annotated[NonNegativeInt, Field(description="Its first offset.")]
    next: Annotated[NonNegativeInt, Field(description="The offset behind its last record.")]


class RetrainData(_Part):
    """The data since the change, for a model to be trained on."""

    since: Annotated[datetime, Field(description="The moment of change, as event time.")]
    until: Annotated[datetime, Field(description="Event time of the newest record.")]
    sources: Annotated[
        tuple[SourceWindowData, ...], Field(description="Where the records of that time are.")
    ]


class PointData(_Part):
    """One point of the signal's course: the mean of some values in a row."""

    at: Annotated[datetime, Field(description="Event time of the last of them.")]
    mean: Annotated[FiniteFloat, Field(description="Their mean.")]
    count: Annotated[PositiveInt, Field(description="How many.")]


class AlertCommon(_Part):
    """What every revision of every alert says, of whatever kind it is."""

    schema_version: Annotated[
        Literal[1], Field(description="Rises when a reader of the last one would go wrong.")
    ]
    alert_id: Annotated[
        str, Field(description="20 hexadecimal digits: what it is about and what opened it.")
    ]
    fingerprint: Annotated[
        str, Field(description="20 hexadecimal digits: what it is about; its successors share it.")
    ]
    revision: Annotated[PositiveInt, Field(description="1 when it fires, rising by 1.")]
    deployment: Annotated[str, Field(description="The deployment's name.")]
    signal: Annotated[
        str,
        Field(
            description="Drift: the watched number, such as error. Silence: predictions or labels. "
            "Health: what is wrong, such as lag."
        ),
    ]
    owner: Annotated[str | None, Field(description="As the stream declares.")] = None
    tags: Annotated[tuple[str, ...], Field(description="As the stream declares.")] = ()
    status: Annotated[Status, Field(description="Firing or resolved.")]
    reason: Annotated[Reason | None, Field(description="Why it ended; null while it fires.")]
    severity: Annotated[Severity, Field(description="As declared.")]
    acknowledged: Annotated[
        AcknowledgedData | None, Field(description="Null until a person has taken it on.")
    ] = None
    at: Annotated[
        datetime,
        Field(
            description="Event time of the record at which this was decided; the moment itself "
            "where time decided it."
        ),
    ]
    seen_at: Annotated[
        datetime | None,
        Field(description="The reader's clock when it came; null in a replay of files."),
    ]
    summary: Annotated[str, Field(description="One sentence for people.")]


class DriftData(AlertCommon):
    """One revision of an alert about a signal that moved."""

    kind: Annotated[Literal["drift"], Field(description="What sort of alert it is.")]
    stream: Annotated[str, Field(description="The stream.")]
    instance: Annotated[
        str, Field(description="What has a monitor of its own: stream, or stream/value.")
    ]
    signal_kind: Annotated[SignalKind, Field(description="What values the signal takes.")]
    indicator: Annotated[
        str,
        Field(description="For a categorical feature the value that shows it most; else empty."),
    ]
    slice: Annotated[str | None, Field(description="A part of the rows; null for all of them.")]
    direction: Annotated[
        Direction, Field(description="Part of its identity; both for a categorical feature.")
    ]
    model_versions: Annotated[
        tuple[str, ...], Field(description="Versions of the model seen lately, at most 20.")
    ]
    detectors: Annotated[
        tuple[DetectorData, ...], Field(description="All that alarmed, in the order they did.")
    ]
    alarms: Annotated[PositiveInt, Field(description="Alarms of all detectors in this alert.")]
    trigger: Annotated[TriggerData, Field(description="The record that set it off.")]
    evidence: Annotated[EvidenceData, Field(description="Before and after.")]
    labels: Annotated[
        LabelsData | None, Field(description="Null for a signal that needs no labels.")
    ]
    moved_with: Annotated[
        tuple[MovedData, ...],
        Field(description="Other signals that shifted across change_at, strongest first."),
    ]
    history: Annotated[
        tuple[PointData, ...],
        Field(description="The signal around the change, oldest first, at most 48 points."),
    ] = ()
    cause: Annotated[
        CauseData | None,
        Field(description="The likely cause while the data is broken or the monitor lags."),
    ] = None
    retrain: Annotated[
        RetrainData | None,
        Field(description="The data since the change, where the watch asks for retraining."),
    ] = None


class SilenceData(AlertCommon):
    """One revision of an alert about a source from which nothing comes."""

    kind: Annotated[Literal["silence"], Field(description="What sort of alert it is.")]
    stream: Annotated[str, Field(description="The stream.")]
    instance: Annotated[
        str, Field(description="What has a monitor of its own: stream, or stream/value.")
    ]
    since: Annotated[datetime, Field(description="Event time of the last record.")]
    expected_within_seconds: Annotated[
        FiniteFloat | None,
        Field(description="The longest silence that is no alert, as declared or as is usual."),
    ]


class HealthData(AlertCommon):
    """One revision of an alert about the monitor itself."""

    kind: Annotated[Literal["health"], Field(description="What sort of alert it is.")]
    stream: Annotated[str | None, Field(description="The stream; null where it is about none.")]
    instance: Annotated[str | None, Field(description="The instance; null where it is about none.")]
    since: Annotated[datetime, Field(description="Since when, by the worker's clock.")]
    details: Annotated[dict[str, str | int | float], Field(description="Figures, by name.")] = (
        Field(default_factory=dict)
    )


AlertData: TypeAlias = DriftData | SilenceData | HealthData
"""One revision of one alert."""


class AlertEnvelope(_Part):
    """The CloudEvent."""

    specversion: Annotated[Literal["1.0"], Field(description="The version of CloudEvents.")]
    id: Annotated[str, Field(description="alert id.revision: with source, unique.")]
    source: Annotated[str, Field(description="/driftline/ and the deployment's name.")]
    type: Annotated[
        Literal["io.driftline.alert.firing", "io.driftline.alert.resolved"],
        Field(description="What happened."),
    ]
    subject: Annotated[str, Field(description="instance/signal, or signal alone")]
    time: Annotated[datetime, Field(description="`data.seen_at`, or `data.at` where that is null.")]
    datacontenttype: Annotated[Literal["application/json"], Field(description="Of data.")]
    data: Annotated[AlertData, Field(discriminator="kind", description="The alert.")]
