"""driftline's own topics, and those that it is attached to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from driftline.agents.attached import attached_topics
from driftline.errors import UnavailableError
from driftline.transport.topics import BROKER_DEFAULT, Creation, TopicSpec

if TYPE_CHECKING:
    from driftline.config.deployment import Deployment
    from driftline.config.settings import Settings
    from driftline.transport.producer import Producer
    from driftline.transport.topics import TopicAdmin

log = structlog.get_logger(__name__)


def wanted_topics(settings: Settings) -> tuple[TopicSpec, ...]:
    """The topics that driftline writes, with the settings that they need.

    Timestamps are the broker's: retention then goes by arrival, where a record that tells of years
    ago would be deleted within minutes. None is compacted: a reader of the events log needs every
    message, and one of the alerts topic every revision.
    """
    topics = settings.topics
    common = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "retention.bytes": "-1",
    }
    if topics.min_insync_replicas is not None:
        common["min.insync.replicas"] = str(topics.min_insync_replicas)
    wanted = (
        (settings.events_topic, topics.events_partitions, topics.events_retention),
        (settings.alerts_topic, 1, topics.alerts_retention),
        (settings.retrain_topic, 1, topics.alerts_retention),
        (settings.dead_letters_topic, 1, topics.dead_letters_retention),
    )
    return tuple(
        TopicSpec(
            name,
            partitions,
            topics.replication_factor or BROKER_DEFAULT,
            common | {"retention.ms": str(retention // timedelta(milliseconds=1))},
        )
        for name, partitions, retention in wanted
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
