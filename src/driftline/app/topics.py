"""driftline's own topics, and those that it is attached to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from driftline.agents.attached import attached_topics
from driftline.errors import UnavailableError
from driftline.transport.topics import Creation, own_topics

if TYPE_CHECKING:
    from driftline.config.deployment import Deployment
    from driftline.config.settings import Settings
    from driftline.transport.producer import Producer
    from driftline.transport.topics import TopicAdmin, TopicSpec

log = structlog.get_logger(__name__)


def wanted_topics(settings: Settings) -> tuple[TopicSpec, ...]:
    """The topics that driftline writes, as this deployment declares them."""
    topics = settings.topics
    return own_topics(
        events=settings.events_topic,
        alerts=settings.alerts_topic,
        dead_letters=settings.dead_letters_topic,
        partitions=topics.events_partitions,
        replication=topics.replication_factor if topics.replication_factor is not None else -1,
        min_in_sync=topics.min_insync_replicas,
        events_retention=topics.events_retention,
        alerts_retention=topics.alerts_retention,
        dead_letters_retention=topics.dead_letters_retention,
    )


async def ensure_own_topics(
    settings: Settings, admin: TopicAdmin, producer: Producer, *, embedded: bool
) -> int:
    """See that driftline's own topics exist; return the events log's partition count.

    Raises:
        UnavailableError: the broker refuses to make one that is missing.
    """
    specs = wanted_topics(settings)
    if embedded:
        for spec in specs:
            await producer.partitions(spec.name)
    else:
        outcomes = await admin.create(specs)
        refused = [name for name, outcome in outcomes.items() if outcome is Creation.REFUSED]
        if refused:
            msg = (
                f"topics are missing, and the broker refuses to make them: {', '.join(refused)}."
                " `driftline topics` lists them with the settings they need"
            )
            raise UnavailableError(msg)
    found = await admin.wait_for([spec.name for spec in specs])
    return found[settings.events_topic].partitions


async def wait_for_attached(
    deployment: Deployment, admin: TopicAdmin, producer: Producer, *, embedded: bool
) -> None:
    """Wait until the attached topics exist. They are never made, but where naming one makes it."""
    topics = sorted(attached_topics(deployment.streams.values()))
    if embedded:
        for topic in topics:
            await producer.partitions(topic)
    await admin.wait_for(topics)
