"""One role's consumer: a Faust app with a group of its own, in a loop that may hold several."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.transport.batches import (
    DEFAULT_SETTINGS,
    BatchListener,
    BatchSettings,
    Start,
    TopicPartition,
)
from driftline.transport.faust_batches import App

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.transport.address import KafkaAddress

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """How far a role has come in one of its partitions."""

    position: int
    """The end of what was handed to the listener."""
    acknowledged: int
    committed: int | None
    log_start: int
    log_end: int

    @property
    def lag(self) -> int:
        """Offsets of the log that are not acknowledged yet."""
        return max(0, self.log_end - self.acknowledged)


class BatchApp:
    """Reads topics in whole batches and gives them to a listener, at least once and in order.

    `start` returns when the consumer runs; `wait` returns after `stop`, or raises what the app
    crashed of. A crash commits nothing that was not acknowledged. An app is started once: build
    another to begin again.
    """

    def __init__(self, app: App, settings: BatchSettings) -> None:
        self._app = app
        self._settings = settings

    @property
    def group(self) -> str:
        """The consumer group."""
        return str(self._app.conf.id)

    async def start(self) -> None:
        """Connect and join the group. Raises when no broker answers."""
        await self._app.start()

    async def wait(self) -> None:
        """Wait for the end: returns when the app was stopped, raises the reason when it crashed."""
        await asyncio.shield(self._app.ended)

    async def stop(self) -> None:
        """Give partitions back as a revoke does, commit, leave the group; all within `stop_within`.

        After a crash nothing is asked of the listener any more. What does not end in time is left
        behind with a warning: the process is to exit.
        """
        try:
            async with asyncio.timeout(self._settings.stop_within.total_seconds()):
                await self._app.give_back()
                await self._app.stop()
        except TimeoutError:
            log.warning("consumer of group %s did not stop in time", self.group)
        finally:
            if not self._app.ended.done():
                self._app.ended.set_result(None)

    async def commit(self) -> None:
        """Commit what is acknowledged now, without waiting for the interval."""
        await self._app.batch_consumer.commit_acknowledged()

    @property
    def progress(self) -> Mapping[TopicPartition, PartitionProgress]:
        """How far each partition held now has come; empty before and between assignments."""
        consumer = self._app.batch_consumer
        positions = self._app.lanes.positions
        return {
            tp: PartitionProgress(positions.get(tp, mark.done), mark.done, mark.committed, *bounds)
            for tp, (mark, bounds) in consumer.held_partitions().items()
        }


def build_app(
    group: str,
    address: KafkaAddress,
    topics: Mapping[str, Start],
    listener: BatchListener,
    settings: BatchSettings = DEFAULT_SETTINGS,
) -> BatchApp:
    """An app that reads these topics, each with where to begin when new, as this group.

    Call it in the event loop that is to run it. The topics must exist: `TopicAdmin.wait_for` sees
    to it.
    """
    return BatchApp(App(group, address, topics, listener, settings), settings)
