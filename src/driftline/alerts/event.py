"""The alert event as a Kafka record: made from a change, and read back.

CloudEvents 1.0 in structured mode: the whole event is one JSON document; its attributes stand in
`ce_` headers besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from driftline.alerts.alert import AlertChange, Status
from driftline.alerts.schema import (
    AcknowledgedData,
    AlertData,
    AlertEnvelope,
    CauseData,
    DetectorData,
    DriftData,
    EvidenceData,
    LabelsData,
    MovedData,
    PointData,
    RetrainData,
    SampleData,
    SourceWindowData,
    TriggerData,
)
from driftline.alerts.summary import summarise_change
from driftline.model import SECOND, Micros, to_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.alerts.alert import Acknowledgement
    from driftline.alerts.evidence import Shift
    from driftline.config.profiles import Profile

MAX_VERSIONS: Final = 20
CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class LabelState:
    """How far the truth is known for one instance."""

    joined: int
    waiting: int
    expired: int
    mean_delay: Micros | None = None

    @property
    def coverage(self) -> float | None:
        """The share of predictions that have their label; None without any prediction."""
        total = self.joined + self.waiting + self.expired
        return self.joined / total if total else None


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """An alert event as a Kafka record."""

    id: str
    key: str
    """The alert's id: its events stay in order, in one partition."""
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def build_event(
    deployment: str,
    change: AlertChange,
    *,
    profiles: Sequence[Profile] = (),
    versions: Sequence[str] = (),
    labels: LabelState | None = None,
    moved_with: Sequence[Shift] = (),
    seen_at: Micros | None = None,
    owner: str | None = None,
    tags: Sequence[str] = (),
    cause: CauseData | None = None,
    retrain: bool = False,
    sources: Sequence[SourceWindowData] = (),
) -> AlertEvent:
    """The event that tells of a change.

    `labels` is given exactly for a signal that needs them; `moved_with` as `rank_shifts` orders it;
    `versions` those seen lately, of which the last 20 are told; `profiles` all of the watch. With
    `retrain` the data since the change is named, which lies in `sources`.
    """
    seen = None if seen_at is None else to_datetime(seen_at)
    data = DriftData(
        schema_version=1,
        alert_id=change.alert_id,
        fingerprint=change.fingerprint,
        revision=change.revision,
        kind="drift",
        deployment=deployment,
        stream=change.instance.stream,
        instance=change.instance.name,
        signal=change.signal,
        owner=owner,
        tags=tuple(tags),
        signal_kind=change.kind,
        indicator=change.indicator,
        slice=change.slice,
        status=change.status,
        reason=change.reason,
        severity=change.severity,
        acknowledged=acknowledged_data(change.acknowledged),
        direction=change.direction,
        model_versions=tuple(versions[-MAX_VERSIONS:]),
        detectors=_detectors(change, profiles),
        alarms=change.alarms,
        trigger=_trigger(change),
        evidence=EvidenceData.of(change.evidence),
        labels=None if labels is None else _labels(labels),
        moved_with=tuple(map(_moved, moved_with)),
        history=tuple(
            PointData(at=to_datetime(one.at), mean=one.mean, count=one.count)
            for one in change.history
        ),
        cause=cause,
        retrain=_retrain(change, sources) if retrain else None,
        at=to_datetime(change.at),
        seen_at=seen,
        summary=summarise_change(change, labelled=labels is not None),
    )
    return as_record(data)


def read_event(value: bytes) -> AlertEnvelope:
    """An alert event as it was published.

    Raises:
        ValueError: it is no alert event of a version that this driftline reads.
    """
    return AlertEnvelope.model_validate_json(value)


def as_record(data: AlertData) -> AlertEvent:
    """The alert event that carries this."""
    about = (data.instance, data.signal)
    envelope = AlertEnvelope(
        specversion="1.0",
        id=f"{data.alert_id}.{data.revision}",
        source=f"/driftline/{quote(data.deployment, safe='')}",
        type="io.driftline.alert.firing"
        if data.status is Status.FIRING
        else "io.driftline.alert.resolved",
        subject="/".join(part for part in about if part),
        time=data.seen_at or data.at,
        datacontenttype="application/json",
        data=data,
    )
    attributes = envelope.model_dump(mode="json", exclude={"data", "datacontenttype"})
    headers = [("content-type", CONTENT_TYPE.encode())]
    headers += [(f"ce_{name}", str(text).encode()) for name, text in attributes.items()]
    return AlertEvent(
        envelope.id, data.alert_id, tuple(headers), envelope.model_dump_json().encode()
    )


def acknowledged_data(said: Acknowledgement | None) -> AcknowledgedData | None:
    """Who has taken an alert on, as it is published."""
    if said is None:
        return None
    return AcknowledgedData(by=said.by, at=to_datetime(said.at), note=said.note)


def _detectors(change: AlertChange, profiles: Sequence[Profile]) -> tuple[DetectorData, ...]:
    known = {profile.name: profile.spec for profile in profiles}
    return tuple(
        DetectorData(
            profile=one.profile,
            kind=one.kind,
            parameters=known[one.profile].model_dump(mode="json", exclude={"kind"})
            if one.profile in known
            else {},
            alarms=one.alarms,
            values_seen=one.values_seen,
        )
        for one in change.witnesses
    )


def _trigger(change: AlertChange) -> TriggerData:
    record = change.opened.trigger
    return TriggerData(
        topic=record.topic,
        incarnation=change.incarnation,
        partition=record.partition,
        offset=record.offset,
        id=record.id,
        at=to_datetime(record.at),
        detector=change.opened.profile,
        values_seen=change.opened.values_seen,
    )


def _retrain(change: AlertChange, sources: Sequence[SourceWindowData]) -> RetrainData:
    return RetrainData(
        since=to_datetime(change.evidence.change_at),
        until=to_datetime(change.newest),
        sources=tuple(sources),
    )


def _labels(state: LabelState) -> LabelsData:
    return LabelsData(
        joined=state.joined,
        waiting=state.waiting,
        expired=state.expired,
        coverage=state.coverage,
        mean_delay_seconds=_seconds(state.mean_delay),
    )


def _seconds(micros: Micros | None) -> float | None:
    return None if micros is None else micros / SECOND


def _moved(shift: Shift) -> MovedData:
    return MovedData(
        signal=shift.signal,
        indicator=shift.indicator,
        before=SampleData.of(shift.before),
        after=SampleData.of(shift.after),
        effect_size=shift.effect_size,
    )
