"""Requests for retraining: one for an instance at a time, on a topic of their own.

What is asked for is kept in Redis before it is published, and marked once it is. A notifier that
dies in between publishes it once more, under the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from driftline.alerts.alert import Status
from driftline.alerts.event import CONTENT_TYPE
from driftline.crashpoints import NotifyPoint, pass_point
from driftline.model import micros, to_datetime, to_micros
from driftline.notify.places import Places
from driftline.notify.retrain_event import RetrainRequest, envelope_of, request_of
from driftline.transport.producer import OutgoingMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from driftline.alerts.schema import DriftData, RetrainData
    from driftline.model import Micros
    from driftline.notify.retrain_event import RetrainEnvelope
    from driftline.store.client import Client
    from driftline.transport.producer import Producer

log = structlog.get_logger(__name__)


class _Kept(BaseModel):
    """The newest request of an instance."""

    model_config = ConfigDict(frozen=True)

    request: RetrainRequest
    published: bool


class RetrainRequests:
    """Asks for retraining, and tells when the alert that asked for it has ended."""

    def __init__(
        self,
        client: Client,
        producer: Producer,
        *,
        deployment: str,
        topic: str,
        cooldown: timedelta,
        clock: Callable[[], Micros],
    ) -> None:
        """`cooldown` is the least time between two requests of one instance."""
        self._client = client
        self._producer = producer
        self._key = Places(deployment).retrain
        self._topic = topic
        self._cooldown = cooldown
        self._clock = clock

    async def on_alert(self, alert: DriftData, *, new: bool) -> RetrainEnvelope | None:
        """What was asked for because of a revision; nothing for one whose jobs are written.

        An instance has one open request at a time, and none for a while after the last one.
        """
        if alert.status is Status.FIRING and alert.retrain is None:
            return None
        kept = await self._kept(alert.instance)
        ours = kept is not None and kept.request.alert_id == alert.alert_id
        if kept is not None and ours:
            return await self._go_on(kept, alert, new=new)
        if alert.status is Status.FIRING and alert.retrain is not None and new:
            return await self._ask(kept, alert, alert.retrain)
        return None

    async def _go_on(self, kept: _Kept, alert: DriftData, *, new: bool) -> RetrainEnvelope | None:
        """The end of the alert that asked, or a publication that may not have happened.

        What was published is handed out again where the revision's jobs may not be written.
        """
        request = kept.request
        if alert.status is Status.RESOLVED and request.closed_at is None:
            closed_at = to_datetime(self._clock())
            request = request.model_copy(update={"closed_at": closed_at, "ended": alert.reason})
        elif kept.published:
            return envelope_of(request) if new else None
        return await self._publish(request)

    async def _ask(
        self, kept: _Kept | None, alert: DriftData, window: RetrainData
    ) -> RetrainEnvelope | None:
        now = self._clock()
        if kept is not None:
            pause = micros(self._cooldown)
            too_soon = now - to_micros(kept.request.requested_at) < pause
            if too_soon or kept.request.closed_at is None:
                log.info("retrain_not_asked_again", instance=alert.instance, too_soon=too_soon)
                return None
        return await self._publish(request_of(alert, window, to_datetime(now)))

    async def _publish(self, request: RetrainRequest) -> RetrainEnvelope:
        await self._keep(_Kept(request=request, published=False))
        event = envelope_of(request)
        attributes = event.model_dump(mode="json", exclude={"data", "datacontenttype"})
        headers = [("content-type", CONTENT_TYPE.encode())]
        headers += [(f"ce_{name}", str(text).encode()) for name, text in attributes.items()]
        message = OutgoingMessage(
            self._topic,
            event.model_dump_json().encode(),
            request.instance.encode(),
            headers=headers,
        )
        await self._producer.send_all([message])
        pass_point(NotifyPoint.RETRAIN_PUBLISHED)
        await self._keep(_Kept(request=request, published=True))
        log.info("retrain", type=event.type, instance=request.instance, alert_id=request.alert_id)
        return event

    async def _kept(self, instance: str) -> _Kept | None:
        stored = await self._client.one("HGET", self._key, instance)
        if stored is None:
            return None
        try:
            return _Kept.model_validate_json(stored)
        except ValidationError:
            log.warning("retrain_request_unreadable", instance=instance)
            return None

    async def _keep(self, kept: _Kept) -> None:
        await self._client.one("HSET", self._key, kept.request.instance, kept.model_dump_json())
