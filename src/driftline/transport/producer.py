"""Sending to Kafka, and knowing that it arrived.

The producer is aiokafka's own, not the one inside a Faust app: Faust turns timestamps into floating
seconds, waits for everything it has in flight before each commit, and gives each of the several
apps of a process a producer and connections of its own. One of ours serves all roles of a process,
and the commands that have no Faust app.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from driftline.errors import UnavailableError
from driftline.transport.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.transport.address import KafkaAddress

ENQUEUE_SLICE: Final = 200
"""Messages put into the producer's buffer before the event loop is given back."""


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to send. Without `partition` the key's hash picks one, as in the Java client."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int | None = None
    """Milliseconds since the epoch; None for now."""


_NULL: Final = object()
"""Stands for no value: aiokafka refuses a record with neither key nor value, which Kafka takes, and
which somebody's tombstone may be."""


class SendError(UnavailableError):
    """Kafka did not acknowledge a message: it may or may not be in the log."""


class Producer:
    """Sends with acks=all, idempotently: what a retry inside the client repeats is in the log once.

    What is sent within a `pause` of the last messages goes out with all else that comes in it: a
    request costs broker and client more than what is in it. (aiokafka's linger would delay each
    message, after a rest too.)

    After a `SendError` the producer's order is not known any more: stop the process, or close and
    build another.
    """

    def __init__(
        self,
        address: KafkaAddress,
        *,
        client_id: str = "driftline",
        pause: timedelta = timedelta(0),
        request_timeout: timedelta = timedelta(seconds=40),
        max_request_bytes: int = 1 << 20,
        compression: str | None = None,
    ) -> None:
        self._address = address
        self._options: dict[str, Any] = {
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            "request_timeout_ms": request_timeout // timedelta(milliseconds=1),
            "max_request_size": max_request_bytes,
            "max_batch_size": max(max_request_bytes // 4, 1 << 14),
            "compression_type": compression,
            "value_serializer": _or_null,
        }
        self._client: AIOKafkaProducer | None = None
        self._gate = Gate(pause)

    async def start(self) -> None:
        """Connect. Raises `UnavailableError` where no broker answers."""
        client = AIOKafkaProducer(**self._address.aiokafka(), **self._options)
        async with AsyncExitStack() as unless_started:
            # Also when a start that waits is ended.
            unless_started.push_async_callback(client.stop)
            try:
                await client.start()
            except KafkaError as error:
                msg = f"kafka at {self._address.bootstrap} does not answer: {error}"
                raise UnavailableError(msg) from error
            unless_started.pop_all()
        self._client = client

    async def stop(self) -> None:
        """Send what is buffered, and disconnect."""
        client, self._client = self._client, None
        if client is not None:
            await client.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def send_all(self, messages: Iterable[OutgoingMessage]) -> None:
        """Send, and return when every one is acknowledged by all in-sync replicas.

        Per partition the order is kept. Raises `SendError` when one fails, after the fate of all is
        known.
        """
        client = self._client
        if client is None:
            msg = "the producer is not started"
            raise SendError(msg)
        await self._gate.enter()
        sent: list[asyncio.Future[Any]] = []
        try:
            for number, message in enumerate(messages, 1):
                sent.append(await _enqueue(client, message))
                if number % ENQUEUE_SLICE == 0:
                    await asyncio.sleep(0)
        except KafkaError as error:
            await asyncio.gather(*sent, return_exceptions=True)
            msg = f"a message could not be sent: {error!r}"
            raise SendError(msg) from error
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failed:
            msg = f"{len(failed)} of {len(outcomes)} messages were not acknowledged: {failed[0]!r}"
            raise SendError(msg) from failed[0]

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has, as far as this client knows."""
        if self._client is None:
            msg = "the producer is not started"
            raise SendError(msg)
        return len(await self._client.partitions_for(topic))


async def _enqueue(client: AIOKafkaProducer, message: OutgoingMessage) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = await client.send(
        message.topic,
        _NULL if message.value is None else message.value,
        key=message.key,
        partition=message.partition,
        timestamp_ms=message.timestamp,
        headers=list(message.headers),
    )
    return future


def _or_null(value: Any) -> bytes | None:
    return None if value is _NULL else value
