"""A record that ends the process which decodes it is found, and set aside; no other is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from driftline.agents.attempts import DEADLY, SUSPICIOUS, Attempts
from driftline.agents.reader import ALONE_AT_A_TIME, Reader
from driftline.app.dead_letters import RetryPlan
from driftline.decode.dead_letter import parse_dead_letter
from driftline.eventlog.codec import decode
from driftline.eventlog.messages import Progress, Rows
from driftline.metrics import Metrics
from driftline.model import SourcePartition
from driftline.store.memory import MemoryStore
from driftline.transport.batches import (
    IdleTick,
    KafkaRecord,
    PartitionLog,
    SourceBatch,
    TopicPartition,
    Unreadable,
)
from driftline.transport.producer import SendError
from driftline.transport.topics import TopicAdmin, TopicDescription
from support.memory_producer import MemoryProducer
from support.monitor_log import (
    PREDICTIONS,
    FakeRecord,
    World,
    build_deployment,
    build_stream,
    records,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from driftline.eventlog.messages import Message

STREAM = build_stream(horizon=None, watch={"score": {"detector": "adwin"}})
DEPLOYMENT = build_deployment(STREAM)
TP = TopicPartition(PREDICTIONS, 0)
COUNT = 12
RECORDS = records(World(count=COUNT).predictions)


class Death(BaseException):
    """What a process dies of: nothing in it catches this."""


@dataclass
class Deadly:
    """A record that nobody survives who decodes it; who sets it aside may copy it."""

    record: KafkaRecord
    world: Life

    def __getattr__(self, name: str) -> object:
        if name == "value":
            noted = self.world.store._attempts.get(TP)
            if noted is None or noted.deaths.get(self.record.offset, 0) < DEADLY:
                raise Death
        return getattr(self.record, name)


class OneTopic(TopicAdmin):
    """A broker with the attached topic alone."""

    def __init__(self) -> None:
        pass

    async def describe(self, names: Collection[str]) -> Mapping[str, TopicDescription]:
        """The topic."""
        return {name: TopicDescription(name, 1, 1, "life") for name in names}


@dataclass
class Life:
    """What stays when a process dies."""

    store: MemoryStore = field(default_factory=MemoryStore)
    producer: MemoryProducer = field(default_factory=MemoryProducer)
    committed: int = 0
    deaths: int = 0

    def reader(self) -> Reader:
        """A reader of a process that was just started."""
        return Reader(
            [STREAM],
            DEPLOYMENT.settings,
            partitions=1,
            producer=self.producer,
            admin=OneTopic(),
            store=self.store,
            clock=lambda: 2_000_000_000_000_000,
            metrics=Metrics(),
        )

    async def live(self, held: Sequence[KafkaRecord], *, size: int = 100) -> None:
        """One process: take over, read to the end; commit after each batch; idle."""
        reader = self.reader()
        await reader.on_assigned({TP: PartitionLog(self.committed, 0, len(held))})
        for first in range(self.committed, len(held), size):
            following = min(first + size, len(held))
            batch = SourceBatch(*TP, first, following, held[first:following], 0, len(held), 1)
            await reader.on_batch(batch)
            await reader.before_commit({TP: following})
            self.committed = following
        await reader.on_idle(IdleTick(*TP, len(held), 0, len(held), 1))

    async def live_on(self, held: Sequence[KafkaRecord], *, size: int = 100) -> None:
        """Start it again until it has come to the end."""
        for _ in range(40):
            try:
                await self.live(held, size=size)
            except Death:
                self.deaths += 1
            else:
                return
        pytest.fail("it died 40 times")

    @property
    def messages(self) -> list[Message]:
        """What was sent to the events log."""
        return [decode(one.value or b"") for one in self.producer.sent if not one.headers]

    @property
    def rows(self) -> set[int]:
        """The offsets that are in the events log."""
        return {int(at) for one in self.messages if isinstance(one, Rows) for at in one.offsets}

    @property
    def rejected(self) -> set[int]:
        """The offsets of which the log says that they were refused."""
        passages = [p for one in self.messages if isinstance(one, Progress) for p in one.passages]
        return {int(at) for one in passages for at in one.rejected}

    @property
    def letters(self) -> list[tuple[int, str]]:
        """The dead letters: offset and code."""
        found = [
            parse_dead_letter(one.key, one.value, one.headers)
            for one in self.producer.sent
            if one.headers
        ]
        return [(one.offset, one.code) for one in found]


def poisoned(life: Life, *places: int) -> list[KafkaRecord]:
    """The records, with deadly ones among them."""
    return [
        cast("KafkaRecord", Deadly(one, life)) if at in places else one
        for at, one in enumerate(RECORDS)
    ]


@pytest.mark.parametrize("size", [5, 100])
@pytest.mark.parametrize("places", [(0,), (7,), (11,), (3, 4), (1, 8)])
async def test_deadly_records_are_set_aside_and_the_others_go_on(
    places: tuple[int, ...], size: int
) -> None:
    """After a bounded number of deaths; rows and dead letters are all there, and none is both."""
    life = Life()
    await life.live_on(poisoned(life, *places), size=size)
    assert life.rejected == set(places)
    assert life.rows == set(range(COUNT)) - set(places)
    # After a death the ones that were set aside before are told of again.
    assert sorted(set(life.letters)) == [(at, "ends-worker") for at in places]
    assert life.deaths <= len(places) * (SUSPICIOUS + DEADLY + 1)
    assert dict(await life.store.attempts()) == {}


async def test_who_dies_of_something_else_loses_nothing() -> None:
    """Kafka takes nothing for long: however often that ends a process, no record is blamed."""
    life = Life()
    for _ in range(20):
        life.producer.failing = SendError("kafka does not answer")
        with pytest.raises(SendError):
            await life.live(RECORDS)
    life.producer.failing = None
    await life.live(RECORDS)
    assert life.rejected == set()
    assert life.rows == set(range(COUNT))


async def test_coming_and_going_in_order_arouses_no_suspicion() -> None:
    """Nor does a source in which nothing comes."""
    life = Life(committed=COUNT)
    for _ in range(2 * SUSPICIOUS):
        reader = life.reader()
        await reader.on_assigned({TP: PartitionLog(COUNT, 0, COUNT + 9)})
        await reader.on_revoked([TP])
        await life.live(RECORDS)
    attempts = Attempts(life.store)
    await attempts.begin({TP: (SourcePartition(*TP, "life"), COUNT)})
    assert not attempts.suspicious(TP)


async def test_a_batch_that_is_too_large_is_a_gap_and_one_dead_letter() -> None:
    """Its offsets are booked as unreadable, between records that are not."""
    life = Life()
    reader = life.reader()
    await reader.on_assigned({TP: PartitionLog(0, 0, COUNT + 50)})
    held = [*RECORDS[:4], *RECORDS[8:]]
    unreadable = [Unreadable(4, 7, 512, "ab" * 32)]
    batch = SourceBatch(*TP, 0, COUNT, held, 0, COUNT, 1, unreadable=unreadable)
    await reader.on_batch(batch)
    (progress,) = [one for one in life.messages if isinstance(one, Progress)]
    assert [(one.first, one.next, one.cause.value) for one in progress.gaps] == [
        (4, 7, "unreadable"),
        (7, 8, "absent"),
    ]
    assert life.letters == [(4, "batch-too-large")]


async def test_a_record_that_no_message_has_room_for_is_known_by_its_length_and_digest() -> None:
    """Its dead letter is not refused by the broker, and says so; a retry passes it over."""
    life = Life()
    large = FakeRecord(0, b"x" * 1_045_000, headers=[("trace", b"y" * 2_000)])
    await life.live([large])
    (sent,) = [one for one in life.producer.sent if one.headers]
    letter = parse_dead_letter(sent.key, sent.value, sent.headers)
    assert (letter.code, letter.whole, letter.value) == ("value-too-large", False, None)
    own = dict(sent.headers)
    assert own["driftline.value-bytes"] == b"1045000"
    assert own["driftline.value-sha256"] == hashlib.sha256(large.value or b"").hexdigest().encode()
    plan = RetryPlan({PREDICTIONS: 1})
    assert plan.message(letter) is None
    assert plan.without == 1


async def test_a_large_batch_taken_one_by_one_is_acknowledged_piece_by_piece() -> None:
    """It takes a while: a worker that gets on must not look as if it stood still."""
    held = records(World(count=2 * ALONE_AT_A_TIME + 3).predictions)
    life = Life()
    acked: list[tuple[int, int]] = []
    for _ in range(SUSPICIOUS):
        await life.reader().on_assigned({TP: PartitionLog(0, 0, len(held))})
    reader = life.reader()
    await reader.on_assigned({TP: PartitionLog(0, 0, len(held))})
    batch = SourceBatch(
        *TP,
        0,
        len(held) + 7,
        held,
        0,
        len(held),
        1,
        unreadable=[Unreadable(len(held), len(held) + 7, 1, "")],
        on_ack=lambda one: acked.append((one.first, one.next)),
    )
    await reader.on_batch(batch)
    whole = (0, batch.next)
    assert acked == [
        (0, ALONE_AT_A_TIME),
        (ALONE_AT_A_TIME, 2 * ALONE_AT_A_TIME),
        (2 * ALONE_AT_A_TIME, batch.next),
        whole,
    ]
    assert life.rows == set(range(len(held)))
