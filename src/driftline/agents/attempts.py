"""Records that end the process: counted where reading begins, found one by one, set aside.

A process that dies says nothing. So before a source partition is read it is noted in the store
where reading begins, and the note goes once the group is told of more, once there is nothing to
read, or when the partition is given back in order. A note that is found again at the same place is
a death. After `SUSPICIOUS` of them the records are decoded one at a time, each noted before: one
that has ended `DEADLY` processes while it was alone is not decoded any more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from driftline.store.protocol import Attempt

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.model import SourcePartition
    from driftline.store.protocol import Roster
    from driftline.transport.batches import TopicPartition

log = structlog.get_logger(__name__)

SUSPICIOUS: Final = 3
"""Starts at one place that came to nothing, before records are taken one by one."""
DEADLY: Final = 3
"""Processes that died while they decoded one record alone, before it is set aside."""


class Attempts:
    """The notes of one reader."""

    def __init__(self, store: Roster) -> None:
        self._store = store
        self._noted: dict[tuple[str, int], Attempt] = {}
        self._got_on: set[TopicPartition] = set()

    async def begin(
        self, starts: Mapping[TopicPartition, tuple[SourcePartition, int | None]]
    ) -> None:
        """Note where reading begins; None: it is new, and no place to have died at."""
        before = await self._store.attempts()
        self._got_on.clear()
        self._noted = {
            tp: _next(before.get(tp), source, offset)
            for tp, (source, offset) in starts.items()
            if offset is not None
        }
        await self._store.note_attempts(self._noted)
        for tp in starts:
            if self.suspicious(tp):
                log.warning(
                    "records_taken_one_by_one",
                    topic=tp.topic,
                    partition=tp.partition,
                    offset=self._noted[tp].offset,
                    starts=self._noted[tp].starts,
                )

    def suspicious(self, tp: TopicPartition) -> bool:
        """Whether records are to be decoded one at a time."""
        noted = self._noted.get(tp)
        return noted is not None and (noted.starts > SUSPICIOUS or bool(noted.deaths))

    def deadly(self, tp: TopicPartition, offset: int) -> bool:
        """Whether this record is not to be decoded any more."""
        noted = self._noted.get(tp)
        return noted is not None and noted.deaths.get(offset, 0) >= DEADLY

    async def trying(self, tp: TopicPartition, offset: int) -> None:
        """Note that this record is about to be decoded alone."""
        await self._note(tp, replace(self._noted[tp], trying=offset))

    async def survived(self, tp: TopicPartition) -> None:
        """What happens next is no fault of the record."""
        await self._note(tp, replace(self._noted[tp], trying=None))

    async def _note(self, tp: TopicPartition, attempt: Attempt) -> None:
        self._noted[tp] = attempt
        await self._store.note_attempts({tp: attempt})

    def got_on(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The group is about to be told of these."""
        for tp, offset in offsets.items():
            noted = self._noted.get(tp)
            if noted is not None and offset > noted.offset:
                self._got_on.add(tp)

    async def settle(self, tp: TopicPartition, *, idle: bool = False) -> None:
        """Drop the note of a partition that has got on, or in which there is nothing to read."""
        if tp in self._noted and (idle or tp in self._got_on):
            await self._drop([tp])

    async def give_back(self, partitions: Collection[TopicPartition]) -> None:
        """These go to another reader, in order."""
        await self._drop([tp for tp in partitions if tp in self._noted])

    async def _drop(self, partitions: Collection[TopicPartition]) -> None:
        await self._store.drop_attempts(partitions)
        for tp in partitions:
            del self._noted[tp]
            self._got_on.discard(tp)


def _next(before: Attempt | None, source: SourcePartition, offset: int) -> Attempt:
    if before is None or (before.incarnation, before.offset) != (source.incarnation, offset):
        return Attempt(source.incarnation, offset, starts=1)
    deaths = dict(before.deaths)
    if before.trying is not None:
        deaths[before.trying] = deaths.get(before.trying, 0) + 1
    return replace(before, starts=before.starts + 1, trying=None, deaths=deaths)
