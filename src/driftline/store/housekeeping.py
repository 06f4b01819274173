"""The registry of instances, and the removal of what is no longer needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from driftline.model import InstanceKey
from driftline.store import scripts
from driftline.store.client import call
from driftline.store.protocol import InstanceStateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.store.client import Client, RedisCommand
    from driftline.store.keys import Keys

log = structlog.get_logger(__name__)

COLLECTED_AT_ONCE: Final = 1_000
"""Ids that one script looks at: some milliseconds of Redis' time."""
FORGOTTEN_AT_ONCE: Final = 100
TRIMMED_AT_ONCE: Final = 1_000
REGISTERED_AT_ONCE: Final = 1_000


class Housekeeping:
    """Finds and removes instances and what they left behind."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._littered: set[InstanceKey] = set()

    async def list_instances(self, stream: str | None) -> tuple[InstanceKey, ...]:
        """The registered instances, sorted by name."""
        if stream is None:
            found = await self._client.one("SMEMBERS", self._keys.streams)
            streams = sorted(name.decode() for name in found)
        else:
            streams = [stream]
        answers = await self._client.all(
            [("SMEMBERS", self._keys.instances(name)) for name in streams]
        )
        names = sorted(name.decode() for answer in answers for name in answer)
        return tuple(InstanceKey.parse(name) for name in names)

    async def forget(self, instances: Sequence[InstanceKey]) -> int:
        """Remove each instance with all its keys by one script."""
        forgotten = 0
        for start in range(0, len(instances), FORGOTTEN_AT_ONCE):
            some = instances[start : start + FORGOTTEN_AT_ONCE]
            removed = await self._client.all(
                [call(scripts.FORGET, [self._keys.of(key, "state")]) for key in some]
            )
            forgotten += sum(count > 0 for count in removed)
            for key in some:
                await self._unregister(key)
        return forgotten

    async def trim_outboxes(self, published: Mapping[InstanceKey, Sequence[str]]) -> None:
        """Remove events from the outboxes, in one round trip."""
        parts = [
            (key, ids[start : start + TRIMMED_AT_ONCE])
            for key, ids in published.items()
            for start in range(0, len(ids), TRIMMED_AT_ONCE)
        ]
        answers = await self._client.run(
            [("HDEL", self._keys.of(key, "outbox"), *ids) for key, ids in parts]
        )
        for (key, _), answer in zip(parts, answers, strict=True):
            if isinstance(answer, Exception):
                raise InstanceStateError(key, str(answer)) from answer

    async def register(self, instances: Sequence[InstanceKey]) -> None:
        """Make instances known to whoever lists or forgets their stream."""
        names: dict[str, list[str]] = {}
        for key in instances:
            names.setdefault(key.stream, []).append(key.name)
        if not names:
            return
        lines: list[RedisCommand] = [("SADD", self._keys.streams, *names)]
        for stream, ours in names.items():
            for start in range(0, len(ours), REGISTERED_AT_ONCE):
                some = ours[start : start + REGISTERED_AT_ONCE]
                lines.append(("SADD", self._keys.instances(stream), *some))
        await self._client.all(lines)

    async def announce(self, instances: Sequence[InstanceKey]) -> None:
        """Tell every collector that these have expired groups.

        A full server does not take it, and must be able to get rid of garbage all the same: so this
        process remembers it too. Should it die as well, whoever loads the instance finds it out.
        """
        if instances:
            self._littered.update(instances)
            names = [key.name for key in instances]
            await self._client.attempt(("SADD", self._keys.garbage, *names))

    async def collect(self, limit: int) -> int:
        """Work through ids of expired groups, instance by instance."""
        done = 0
        while done < limit:
            key = await self._next_littered()
            if key is None:
                break
            done += await self._collect_from(key, limit - done)
        return done

    async def _next_littered(self) -> InstanceKey | None:
        if self._littered:
            return next(iter(self._littered))
        name = await self._client.one("SRANDMEMBER", self._keys.garbage)
        return None if name is None else InstanceKey.parse(name.decode())

    async def _collect_from(self, key: InstanceKey, limit: int) -> int:
        done, groups = 0, 1
        while groups and done < limit:
            budget = min(limit - done, COLLECTED_AT_ONCE)
            (answer,) = await self._client.run(
                [call(scripts.COLLECT, [self._keys.of(key, "state")], budget)]
            )
            if not isinstance(answer, list):
                log.error("garbage_not_collected", instance=key.name, error=str(answer))
                # Announced again, it would be looked at without an end; whoever loads it will.
                await self._withdraw(key)
                return done
            looked_at, groups = answer
            done += looked_at
        if not groups and await self._withdraw(key) == b"set":
            # There is new garbage meanwhile.
            await self.announce([key])
        return done

    async def _withdraw(self, key: InstanceKey) -> object:
        """Take back the announcement of garbage; what its list of expired groups then is."""
        self._littered.discard(key)
        _, left = await self._client.run(
            [
                ("SREM", self._keys.garbage, key.name),
                ("TYPE", self._keys.of(key, "expired")),
            ]
        )
        return left

    async def _unregister(self, key: InstanceKey) -> None:
        self._littered.discard(key)
        registry = self._keys.instances(key.stream)
        lines = [("SREM", registry, key.name), ("SREM", self._keys.garbage, key.name)]
        *_, again, left = await self._client.all(
            [*lines, ("EXISTS", self._keys.of(key, "state")), ("SCARD", registry)]
        )
        if again:
            # Its owner began anew just now.
            await self._client.one("SADD", registry, key.name)
        elif not left:
            await self._client.one("SREM", self._keys.streams, key.stream)
