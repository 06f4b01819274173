"""The request for a retraining, and its end, as CloudEvents in structured mode."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - read at run time by pydantic
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from driftline.alerts.lifecycle import Reason  # noqa: TC001 - read at run time by pydantic
from driftline.alerts.schema import RetrainData  # noqa: TC001 - read at run time by pydantic
from driftline.model import Severity  # noqa: TC001 - read at run time by pydantic

if TYPE_CHECKING:
    from driftline.alerts.schema import DriftData


class RetrainRequest(BaseModel):
    """Asks that a model be trained anew: on what data, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Annotated[
        Literal[1], Field(description="Rises when a reader of the last one would go wrong.")
    ] = 1
    deployment: Annotated[str, Field(description="The deployment's name.")]
    stream: Annotated[str, Field(description="The stream.")]
    instance: Annotated[str, Field(description="Whose model it is: stream, or stream/value.")]
    alert_id: Annotated[str, Field(description="The alert that asks for it.")]
    signal: Annotated[str, Field(description="The signal that drifted.")]
    severity: Annotated[Severity, Field(description="The alert's.")]
    owner: Annotated[str | None, Field(description="As the stream declares.")]
    tags: Annotated[tuple[str, ...], Field(description="As the stream declares.")]
    model_versions: Annotated[
        tuple[str, ...], Field(description="Versions of the model seen lately.")
    ]
    reason: Annotated[str, Field(description="The alert's summary: one sentence for people.")]
    window: Annotated[RetrainData, Field(description="The data since the change.")]
    requested_at: Annotated[datetime, Field(description="When it was asked for.")]
    closed_at: Annotated[
        datetime | None, Field(description="When the alert ended; null while it fires.")
    ] = None
    ended: Annotated[Reason | None, Field(description="Why the alert ended.")] = None


class RetrainEnvelope(BaseModel):
    """The CloudEvent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(description="alert id.retrain.requested or .closed")]
    source: Annotated[str, Field(description="/driftline/ and the deployment's name.")]
    type: Annotated[
        Literal["io.driftline.retrain.requested", "io.driftline.retrain.closed"],
        Field(description="What happened."),
    ]
    subject: Annotated[str, Field(description="The instance.")]
    time: Annotated[datetime, Field(description="When.")]
    datacontenttype: Literal["application/json"] = "application/json"
    data: Annotated[RetrainRequest, Field(description="The request.")]


def request_of(alert: DriftData, window: RetrainData, at: datetime) -> RetrainRequest:
    """The request that an alert gives rise to."""
    return RetrainRequest(
        deployment=alert.deployment,
        stream=alert.stream,
        instance=alert.instance,
        alert_id=alert.alert_id,
        signal=alert.signal,
        severity=alert.severity,
        owner=alert.owner,
        tags=alert.tags,
        model_versions=alert.model_versions,
        reason=alert.summary,
        window=window,
        requested_at=at,
    )


def envelope_of(request: RetrainRequest) -> RetrainEnvelope:
    """The event that tells of it as it is: requested, or closed."""
    closed = request.closed_at is not None
    return RetrainEnvelope(
        id=f"{request.alert_id}.retrain.{'closed' if closed else 'requested'}",
        source=f"/driftline/{quote(request.deployment, safe='')}",
        type="io.driftline.retrain.closed" if closed else "io.driftline.retrain.requested",
        subject=request.instance,
        time=request.closed_at or request.requested_at,
        data=request,
    )
