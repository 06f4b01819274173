"""What a person says of an alert: said in the events log, done by the alert's owner."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from driftline.app.log_position import WORKER_SECONDS, wait_until_applied
from driftline.errors import DriftlineError
from driftline.eventlog.codec import encode
from driftline.eventlog.messages import Command, CommandKind
from driftline.eventlog.routing import events_partition
from driftline.model import InstanceKey
from driftline.transport.batches import TopicPartition
from driftline.transport.producer import OutgoingMessage, Producer
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.alerts.schema import AlertData
    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.model import Micros
    from driftline.store.protocol import Store

LONGEST_NOTE: Final = 1_000
"""Characters."""
LONGEST_NAME: Final = 200


def build_acknowledge(alert: AlertData, *, by: str, at: Micros, note: str = "") -> Command:
    """The message that says that somebody has taken an alert on.

    Raises:
        DriftlineError: the alert is about no stream, or a text is too long.
    """
    return _build(CommandKind.ACKNOWLEDGE, alert, by=by, at=at, note=note)


def build_accept(alert: AlertData, *, by: str, at: Micros, note: str = "") -> Command:
    """The message that says that what an alert tells of is the new normal.

    Of a drift alert that is the level of now, of one about silence that a source may be silent so.

    Raises:
        DriftlineError: the alert is about no stream, or a text is too long.
    """
    return _build(CommandKind.ACCEPT, alert, by=by, at=at, note=note)


async def acknowledge(
    producer: Producer, deployment: Deployment, alert: AlertData, *, by: str, at: Micros, note: str
) -> str:
    """Append what `build_acknowledge` makes to the events log; the command's id.

    The alert's next revision tells of it, as soon as its owner has come to the command. Of an alert
    that does not live any more nothing changes.

    Raises:
        DriftlineError: as `build_acknowledge`.
        UnavailableError: Kafka did not take it.
    """
    command = build_acknowledge(alert, by=by, at=at, note=note)
    await append(producer, deployment, command)
    return command.id


async def accept(
    producer: Producer, deployment: Deployment, alert: AlertData, *, by: str, at: Micros, note: str
) -> str:
    """Append what `build_accept` makes to the events log; the command's id.

    Raises:
        DriftlineError: as `build_accept`.
        UnavailableError: Kafka did not take it.
    """
    command = build_accept(alert, by=by, at=at, note=note)
    await append(producer, deployment, command)
    return command.id


async def append(producer: Producer, deployment: Deployment, command: Command) -> int:
    """Append a command to the events partition of the instance that it names; which that is.

    Raises:
        UnavailableError: Kafka did not take it.
    """
    topic = deployment.settings.events_topic
    key = InstanceKey.parse(command.instance or "")
    partition = events_partition(key, await producer.partitions(topic))
    await producer.send_all([OutgoingMessage(topic, encode(command), partition=partition)])
    return partition


async def append_and_wait(
    deployment: Deployment,
    connections: Connections,
    store: Store,
    command: Command,
    *,
    patience_seconds: float = WORKER_SECONDS,
) -> bool:
    """Append a command, and wait until a living worker has come to it; False where none lives.

    Raises:
        UnavailableError: a server does not answer, or a living worker does not come to the command.
    """
    async with Producer(connections.kafka) as producer:
        partition = await append(producer, deployment, command)
    place = TopicPartition(deployment.settings.events_topic, partition)
    bounds = await TopicAdmin(connections.kafka).bounds([place])
    return await wait_until_applied(store, {partition: bounds[place][1]}, patience_seconds)


def _build(kind: CommandKind, alert: AlertData, *, by: str, at: Micros, note: str) -> Command:
    if alert.instance is None or alert.stream is None or alert.kind == "health":
        msg = f"{alert.alert_id} is about the monitor itself: it ends when what it tells of is over"
        raise DriftlineError(msg)
    for what, text, most in (("note", note, LONGEST_NOTE), ("name", by, LONGEST_NAME)):
        if len(text) > most:
            msg = f"the {what} should have at most {most:,} characters, not {len(text):,}"
            raise DriftlineError(msg)
    arguments: Mapping[str, Any] = {"alert_id": alert.alert_id, "note": note}
    return Command(
        id=uuid.uuid4().hex,
        kind=kind,
        by=by,
        at=at,
        stream=alert.stream,
        instance=alert.instance,
        arguments=arguments,
    )
