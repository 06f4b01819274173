"""A producer that keeps in memory what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.transport.producer import OutgoingMessage, Producer, SendError

if TYPE_CHECKING:
    from collections.abc import Iterable


class MemoryProducer(Producer):
    """Acknowledges everything at once; `failing` is raised instead, and nothing is kept."""

    def __init__(self) -> None:  # the real one wants an address
        self.sent: list[OutgoingMessage] = []
        self.failing: SendError | None = None

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def send_all(self, messages: Iterable[OutgoingMessage]) -> None:
        """Keep the messages, in order."""
        if self.failing is not None:
            raise self.failing
        self.sent += messages

    @property
    def ids(self) -> list[str]:
        """The ids of the alert events that were sent."""
        return [dict(message.headers)["ce_id"].decode() for message in self.sent]
