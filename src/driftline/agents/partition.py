"""One events partition at work: apply, checkpoint, publish, acknowledge.

A checkpoint is encoded between two messages and stored while the next batches are applied. What it
covers is acknowledged, and its alerts are published, once it is stored.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from driftline.agents.landing import Landing
from driftline.agents.loading import load_partition, stored_instances, stored_rows
from driftline.crashpoints import CrashPoint, pass_point
from driftline.errors import StateError
from driftline.eventlog.codec import decode
from driftline.eventlog.messages import Command, CommandKind
from driftline.monitor.partition import names
from driftline.monitor.state import Step

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping, Sequence

    from driftline.agents.gauges import Gauges
    from driftline.agents.turn import Turn
    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Message
    from driftline.model import InstanceKey
    from driftline.monitor.effects import Effects
    from driftline.monitor.instance import Instance
    from driftline.monitor.partition import PartitionMonitor
    from driftline.monitor.state import InstanceCheckpoint, Outgoing
    from driftline.store.protocol import Store
    from driftline.transport.batches import SourceBatch
    from driftline.transport.producer import Producer

log = structlog.get_logger(__name__)

CHECKPOINT_ROWS: Final = 5_000
"""After so many rows a checkpoint is due, so that one script of Redis stays small."""
INSTANCE_ROWS: Final = 25
"""Where hundreds of instances changed, not before there are so many rows for each: to store one
costs as much as to apply some ten rows."""
INSTANCE_SECONDS: Final = 0.024
"""For the same reason checkpoints come less often where few rows come for each of them, by so much
for each instance that changed: storing takes some 2 % of the time then. A crash leaves so much more
of the log to be read again."""
LONGEST_PAUSE: Final = 60.0
FEW_INSTANCES: Final = 8
"""Where more than so many changed, only those with something to tell are stored at once for it."""
MAX_BYTES_PER_SECOND: Final = 20_000_000
"""Where checkpoints would write more than this, they come less often."""
KEEP_ENTRIES: Final = 100_000
"""Entries of the joins that one events partition keeps in memory."""
LEAST_KEPT: Final = 100
"""Entries that each of its instances may keep, however many they are."""


class PartitionWork:
    """Applies one partition's batches to its monitor and keeps the store up with it."""

    def __init__(
        self,
        monitor: PartitionMonitor,
        deployment: Deployment,
        *,
        store: Store,
        producer: Producer,
        gauges: Gauges,
        turn: Turn,
        keep_entries: int = KEEP_ENTRIES,
    ) -> None:
        self.monitor = monitor
        self._deployment = deployment
        self._store = store
        self._landing = Landing(
            store=store,
            producer=producer,
            alerts_topic=deployment.settings.alerts_topic,
            gauges=gauges,
        )
        self._gauges = gauges
        self._turn = turn
        self._keep_entries = keep_entries
        self._interval = deployment.settings.worker.checkpoint_interval.total_seconds()
        # What is not stored is not acknowledged, which must not look like standing still.
        stall_after = deployment.settings.worker.stall_after.total_seconds()
        self._longest_pause = min(LONGEST_PAUSE, stall_after / 2)
        self._pause = self._interval
        self._due_at: float | None = None
        self._applied: list[SourceBatch] = []
        self._flight: asyncio.Task[None] | None = None
        self._urgent = False
        self._asked = False
        """A command came: whoever gave it waits until the partition has passed it."""
        self._trimmed = False
        self._given_up = False
        self._applying = asyncio.Lock()

    async def on_batch(self, batch: SourceBatch) -> None:
        """Apply a batch of the log; it is acknowledged when a checkpoint covers it.

        Raises:
            OvertakenError: another worker has gone on from where we are.
            UnavailableError: the store or Kafka does not answer.
        """
        async with self._applying:
            if self._given_up:
                # What failed ends the process, and says why; this memory is not what is stored.
                return
            pass_point(CrashPoint.EVENTS_FETCHED)
            self._trim()
            messages = [
                (one.offset, _decode(batch, one.offset, one.value)) for one in batch.records
            ]
            done = 0
            while done < len(messages):
                done += await self._apply(messages[done:])
                if self._given_up:
                    return
            self.monitor.offset = max(self.monitor.offset, batch.next)
            # Of a batch that waits for its checkpoint only the range is wanted any more.
            self._applied.append(replace(batch, records=(), unreadable=()))
            pass_point(CrashPoint.EVENTS_APPLIED)
            await self._checkpoint_if_due()

    async def on_tick(self) -> None:
        """Time has passed: store what has waited long enough."""
        async with self._applying:
            if not self._given_up:
                await self._checkpoint_if_due()

    async def finish(self) -> None:
        """Store everything, publish, acknowledge: nothing comes after it.

        What could not be stored once is not tried again: the memory is ahead of the store.
        """
        async with self._applying:
            if not self._given_up:
                await self._checkpoint()
                await self._landed()

    def abandon(self) -> None:
        """Let go without another step: somebody else goes on from what is stored."""
        self._given_up = True
        if self._flight is not None:
            self._flight.cancel()

    async def _apply(self, messages: Sequence[tuple[int, Message | None]]) -> int:
        """Apply messages until one changes what is in memory; return how many were applied."""
        wanted = self.monitor.unknown_ids(one for _, one in messages if one is not None)
        found = await self._store.fetch_entries(wanted) if wanted else {}
        for count, (offset, message) in enumerate(messages, 1):
            if isinstance(message, Command) and message.kind is CommandKind.FORGET:
                await self._forget(offset, message)
                return count
            known = set(self.monitor.suspended)
            effects = self.monitor.apply(offset, message, found)
            self._say_suspended(offset, known)
            self._gauges.on_effects(effects)
            _say_unheard(offset, effects)
            self._urgent |= bool(effects.events)
            self._asked |= isinstance(message, Command)
            if self.monitor.needs_reload:
                await self._reload()
                return count
            if isinstance(message, Command) and message.kind is CommandKind.DECLARE:
                # An instance that it lets in may be stored ahead of the partition. Read again from
                # before, rows that were refused would be taken for rows that it knows.
                await self._store_here()
                return count
            # Consumers must be able to say that they live.
            await self._turn.give_back()
            if self._given_up:
                return count
        return len(messages)

    def _say_suspended(self, offset: int, known: Collection[InstanceKey]) -> None:
        for key, reason in self.monitor.suspended.items():
            if key not in known:
                log.error("instance_suspended", instance=key.name, offset=offset, reason=reason)

    async def _forget(self, offset: int, command: Command) -> None:
        """Forget instances at this place of the log: here, and in the store.

        All that came before is stored first: whoever takes over begins with the command.
        """
        if offset < self.monitor.offset:
            return
        await self._store_here()
        for key in [key for key in self.monitor.suspended if names(command, key)]:
            self.monitor.book_forgotten(key.stream, await stored_rows(self._store, key))
        self.monitor.apply(offset, command, {})
        ours = await stored_instances(self._store, self.monitor.partition, self._deployment)
        for key in ours:
            if names(command, key) and not self.monitor.has(key):
                await self._store.forget(key)
        # Whoever takes over must not forget what begins from here on.
        await self._store_here()

    async def _reload(self) -> None:
        """There is stored state that has to come into memory."""
        await self._store_here()
        self.monitor, outbox = await load_partition(
            self._store, self.monitor.partition, self._deployment
        )
        self._gauges.on_loaded(self.monitor)
        await self.publish(outbox)

    async def _store_here(self) -> None:
        """Store all up to this place of the log, in the middle of a batch too; wait until it is."""
        await self._checkpoint(forced=True)
        await self._landed()

    async def _checkpoint_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._due_at is None:
            self._due_at = now + self._pause
        if self._flight is not None and self._flight.done():
            await self._landed()
        most = max(CHECKPOINT_ROWS, INSTANCE_ROWS * len(self.monitor.changed))
        due = self.monitor.pending_rows >= most or (now >= self._due_at and self._applied)
        few = self._urgent and self.monitor.dirty_instances <= FEW_INSTANCES
        if due or self._asked or few:
            await self._checkpoint()
        elif self._urgent:
            await self._tell()

    async def _tell(self) -> None:
        """Begin to store the instances that have something to tell, and nobody else.

        The partition stays where it was: whoever takes over reads on from there, and these
        instances pass over what they know already.
        """
        await self._landed()
        self._urgent = False
        checkpoints = await self._encode(self.monitor.to_tell())
        self._fly(self._landing.land_instances(self.monitor, checkpoints))

    async def _checkpoint(self, *, forced: bool = False) -> None:
        """Encode all that changed, and begin to store it once the last one is stored.

        Forced, it is taken in the middle of a batch too.
        """
        await self._landed()
        if self.monitor.offset == (self.monitor.stored_offset or 0):
            # The log was read again from further back: all of it is stored.
            self._acknowledge()
            return
        if not self._applied and not self._urgent and not forced:
            return
        checkpoints = await self._encode(self.monitor.to_store())
        step = Step(checkpoints, self.monitor.checkpoint_partition())
        pass_point(CrashPoint.CHECKPOINT_ENCODED)
        batches, self._applied = self._applied, []
        self._urgent = self._asked = False
        size = _size(step)
        spared = min(INSTANCE_SECONDS * len(step.instances), self._longest_pause)
        self._pause = max(self._interval, size / MAX_BYTES_PER_SECOND, spared)
        self._due_at = asyncio.get_running_loop().time() + self._pause
        self._trimmed = False
        self._gauges.on_checkpoint(self.monitor, size)
        self._fly(self._land(step, batches))

    async def _encode(self, instances: Sequence[Instance]) -> list[InstanceCheckpoint]:
        """What changed in these instances, as of this offset: nothing is applied meanwhile.

        The loop is given back between instances, as thousands take a while. A cancel in the middle
        leaves a memory that is not what is stored.
        """
        checkpoints: list[InstanceCheckpoint] = []
        try:
            for instance in instances:
                checkpoints.append(instance.checkpoint(self.monitor.offset))
                await self._turn.give_back()
        except BaseException:
            self._given_up = True
            raise
        return checkpoints

    def _fly(self, landing: Coroutine[None, None, None]) -> None:
        if self._given_up:
            landing.close()
            return
        self._flight = asyncio.create_task(landing)
        # Should nobody wait for it any more, what went wrong before has been said.
        self._flight.add_done_callback(lambda flight: flight.cancelled() or flight.exception())

    def _trim(self) -> None:
        """Once after each checkpoint, stored or on its way: what is on its way is not let go.

        To wait for it would be never to trim while a backlog is worked off.
        """
        if not self._trimmed:
            self.monitor.trim(self._keep_entries, least=LEAST_KEPT)
            self._trimmed = True

    def _acknowledge(self) -> None:
        batches, self._applied = self._applied, []
        for batch in batches:
            batch.ack()

    async def _landed(self) -> None:
        flight, self._flight = self._flight, None
        if flight is not None:
            try:
                await flight
            except BaseException:
                # From here on the memory is not what is stored, and nothing may be made of it.
                self._given_up = True
                raise

    async def _land(self, step: Step, batches: Sequence[SourceBatch]) -> None:
        await self._landing.land(self.monitor, step)
        for batch in batches:
            batch.ack()
        pass_point(CrashPoint.EVENTS_ACKNOWLEDGED)

    async def publish(self, outbox: Mapping[InstanceKey, Sequence[Outgoing]]) -> None:
        """Publish what was stored and may not have been told."""
        await self._landing.publish(outbox)


def _say_unheard(offset: int, effects: Effects) -> None:
    for command in effects.unheard:
        log.warning(
            "command_without_alert",
            kind=command.kind.value,
            instance=command.instance,
            alert_id=command.arguments.get("alert_id"),
            by=command.by,
            offset=offset,
            reason="no such alert is pending or fires: it ended, or never was",
        )


def _decode(batch: SourceBatch, offset: int, value: bytes | None) -> Message | None:
    """The message, or None for what is none of ours: said, and passed over."""
    try:
        return decode(value or b"")
    except StateError as error:
        log.error(  # noqa: TRY400 - the reason says it all
            "events_log_message_unreadable",
            topic=batch.topic,
            partition=batch.partition,
            offset=offset,
            reason=str(error),
        )
        return None


def _size(step: Step) -> int:
    return len(step.partition.blob) + sum(
        sum(map(len, one.fields.values()))
        + sum(map(len, one.windows.values()))
        + sum(map(len, one.entries.values()))
        for one in step.instances
    )
