"""Where health alerts are kept in Redis, for all workers of a deployment.

{<deployment>}:health          hash: fingerprint -> the living alert
{<deployment>}:health:outbox   hash: event id -> an event that Kafka may not have yet
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.errors import StateError
from driftline.monitor.state import Outgoing
from driftline.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.alerts.event import AlertEvent
    from driftline.store.client import Client

_SWAP: Final = (files("driftline.health") / "lua" / "swap.lua").read_text("utf-8")


class Shelf:
    """The living health alerts, and the events that have to reach the alerts topic."""

    def __init__(self, client: Client, deployment: str) -> None:
        self._client = client
        keys = Keys(deployment)
        self._alerts, self._outbox = keys.own("health"), keys.own("health", "outbox")

    async def get(self, name: str) -> bytes:
        """The living alert of this fingerprint; empty if there is none."""
        found: bytes | None = await self._client.one("HGET", self._alerts, name)
        return found or b""

    async def all(self) -> Mapping[str, bytes]:
        """All living alerts, by fingerprint."""
        found = await self._client.one("HGETALL", self._alerts)
        return {name.decode(): blob for name, blob in found.items()}

    async def swap(self, name: str, old: bytes, new: bytes, event: AlertEvent | None) -> bool:
        """Change an alert, and leave the event in the outbox; False if it was changed meanwhile."""
        told: tuple[str, bytes] = ("", b"")
        if event is not None:
            outgoing = Outgoing(event.id, event.key, event.headers, event.value)
            told = (event.id, msgspec.msgpack.encode(outgoing))
        answer = await self._client.one(
            "EVAL", _SWAP, 2, self._alerts, self._outbox, name, old, new, *told
        )
        return bool(answer)

    async def outbox(self) -> list[Outgoing]:
        """What may not have been published, each alert's events in their order."""
        found = await self._client.one("HGETALL", self._outbox)
        try:
            events = [msgspec.msgpack.decode(blob, type=Outgoing) for blob in found.values()]
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the outbox of health alerts does not decode: {error}"
            raise StateError(msg) from error
        return sorted(events, key=lambda event: event.id)

    async def trim(self, events: Iterable[Outgoing]) -> None:
        """These have been published."""
        ids = [event.id for event in events]
        if ids:
            await self._client.one("HDEL", self._outbox, *ids)
