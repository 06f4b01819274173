"""Commands about a stream or an instance, for the monitors of all events partitions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from driftline.eventlog.messages import Command, CommandKind
from driftline.model import InstanceKey
from driftline.transport.producer import OutgoingMessage, Producer

if TYPE_CHECKING:
    from collections.abc import Collection

    from driftline.model import Micros
    from driftline.transport.address import KafkaAddress
    from driftline.transport.batches import TopicPartition


def build_command(kind: CommandKind, name: str, *, by: str, at: Micros) -> Command:
    """A command about what is named so: a stream, or one instance as `stream/value`."""
    whole = InstanceKey.parse(name).value is None
    return Command(
        id=uuid.uuid4().hex,
        kind=kind,
        by=by,
        at=at,
        # Never both: a command that names a stream means all of it.
        stream=name if whole else None,
        instance=None if whole else name,
    )


async def append_to_all(
    address: KafkaAddress, partitions: Collection[TopicPartition], blob: bytes
) -> None:
    """Append an encoded message to each of these partitions.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    async with Producer(address) as producer:
        await producer.send_all(
            OutgoingMessage(place.topic, blob, partition=place.partition) for place in partitions
        )
