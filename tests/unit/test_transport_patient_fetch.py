"""A fetch waits for long only where it asks for all that its broker could be asked for."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiokafka.consumer.fetcher import FetchError
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import TopicPartition

from driftline.transport.patient_fetch import (
    LONGEST_REST_SECONDS,
    PatientFetcher,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHORT_MS = 50
REST = 0.012
PATIENCE = timedelta(seconds=3)
A, B, ELSEWHERE = (TopicPartition("t", partition) for partition in range(3))


def pass_time(seconds: float) -> None:
    """Let time pass, and nobody do anything in it: the fetcher would send."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


class Cluster:
    """Knows which broker leads a partition."""

    def __init__(self) -> None:
        self.leaders: dict[Any, int | None] = {A: 1, B: 1, ELSEWHERE: 2}

    def leader_for_partition(self, tp: Any) -> int | None:
        return self.leaders[tp]


class Client:
    """As much of a client as a fetcher that sends nothing needs."""

    _metadata_max_age_ms = 300_000

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.cluster = Cluster()
        self.brought: dict[int, int] = {}


class Scene:
    """A fetcher with an assignment of three partitions, two of them of one broker."""

    def __init__(self) -> None:
        self.client = Client()
        self.subscription = SubscriptionState()
        self.fetcher = PatientFetcher(
            self.client, self.subscription, fetch_max_wait_ms=SHORT_MS, prefetch_backoff=0
        )
        self.fetcher.rests, self.fetcher.asked = {}, {}
        self.fetcher.rest_seconds = REST
        self.subscription.subscribe({"t"})
        self.assign()

    def assign(self) -> None:
        self.subscription.assign_from_subscribed({A, B, ELSEWHERE})
        for tp in (A, B, ELSEWHERE):
            self.subscription.seek(tp, 0)

    def settle(self) -> None:
        self.fetcher.settle(self.subscription.subscription.assignment, PATIENCE)

    @property
    def waits(self) -> dict[int, int]:
        """How long the fetch to each broker would wait."""
        fetches, *_others = self.actions()
        return {node: request._max_wait_ms for node, request in fetches}

    def asked_for(self) -> dict[Any, int]:
        """What would be fetched now, and from where."""
        fetches, *_others = self.actions()
        return {
            TopicPartition(topic, partition): position
            for _node, request in fetches
            for topic, partitions in request.topics
            for partition, position, _most in partitions
        }

    def rest_long(self, node: int) -> None:
        """A broker's fetch of all brought records of so many partitions that it rests for long."""
        self.actions()
        self.client.brought[node] = 10_000
        self.actions()

    def bring(self, tp: Any, records: int, *, of: int) -> None:
        """A fetch brought so many records of a partition, whose log ends there."""
        state = self.subscription.subscription.assignment.state_value(tp)
        state.consumed_to(state.position + records)
        state.lso = of

    def actions(self) -> Any:
        """What the fetcher would do now."""
        return self.fetcher._get_actions_per_node(self.subscription.subscription.assignment)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.fetcher.close()


async def test_patience_begins_with_settled_positions_and_ends_with_the_assignment() -> None:
    """A seek makes what a fetch in flight asks for worthless: the next must not wait for it."""
    async with scene() as one:
        assert one.waits == {1: SHORT_MS, 2: SHORT_MS}
        one.settle()
        assert one.waits == {1: 3_000, 2: 3_000}
        one.assign()
        assert one.waits == {1: SHORT_MS, 2: SHORT_MS}


async def test_a_partition_that_is_left_out_makes_the_fetches_to_its_broker_short() -> None:
    """What it holds may be taken at any moment, and then it has to be fetched."""
    async with scene() as one:
        one.settle()
        one.fetcher._records[A] = FetchError(error=None, backoff=0)
        assert one.waits == {1: SHORT_MS, 2: 3_000}


async def test_a_paused_partition_makes_the_fetches_to_its_broker_short() -> None:
    """It may be resumed."""
    async with scene() as one:
        one.settle()
        one.subscription.pause(A)
        assert one.waits == {1: SHORT_MS, 2: 3_000}


async def test_a_partition_without_a_leader_makes_all_fetches_short() -> None:
    """Any broker may turn out to lead it."""
    async with scene() as one:
        one.settle()
        one.client.cluster.leaders[A] = None
        assert one.waits == {1: SHORT_MS, 2: SHORT_MS}


async def test_a_fetch_that_brought_something_is_followed_by_a_rest() -> None:
    """Of its broker alone; the fetcher comes back when the rest is over, and then asks for all."""
    async with scene() as one:
        assert set(one.waits) == {1, 2}
        one.client.brought[1] = 2
        fetches, _, timeout, *_ = one.actions()
        assert [node for node, _ in fetches] == [2]
        assert 0 < timeout <= 2 * REST
        pass_time(timeout)
        assert one.asked_for() == {A: 0, B: 0, ELSEWHERE: 0}


async def test_a_partition_that_holds_more_than_a_fetch_brought_does_not_rest() -> None:
    """It is asked for alone, so that the others do not come in small pieces meanwhile."""
    async with scene() as one:
        one.rest_long(1)
        one.bring(B, 10, of=25)
        assert one.asked_for() == {B: 10, ELSEWHERE: 0}
        one.bring(B, 10, of=25)
        assert one.asked_for() == {B: 20, ELSEWHERE: 0}
        one.bring(B, 5, of=25)
        assert one.asked_for() == {ELSEWHERE: 0}


async def test_a_partition_that_brings_nothing_rests_however_much_it_holds() -> None:
    """For an error, or for a hole in its log: to ask at once would be to ask without end."""
    async with scene() as one:
        one.rest_long(1)
        one.bring(B, 10, of=25)
        assert one.asked_for() == {B: 10, ELSEWHERE: 0}
        assert one.asked_for() == {ELSEWHERE: 0}
        one.bring(B, 0, of=25)
        assert one.asked_for() == {ELSEWHERE: 0}


async def test_a_rest_is_as_long_as_the_fetch_of_all_has_earned() -> None:
    """However little the fetches within it bring."""
    async with scene() as one:
        one.rest_long(1)
        one.client.brought[1] = 1
        _, _, timeout, *_ = one.actions()
        assert timeout > REST


async def test_a_rest_is_never_long() -> None:
    """However many partitions there are."""
    async with scene() as one:
        one.rest_long(1)
        _, _, timeout, *_ = one.actions()
        assert timeout <= LONGEST_REST_SECONDS


async def test_a_broker_whose_request_is_over_is_asked_again_without_a_wait() -> None:
    """It counts as busy until a callback has run, which wakes nobody."""
    async with scene() as one:
        one.fetcher._in_flight.add(1)
        _fetches, _resets, timeout, *_others = one.actions()
        assert timeout == 0
        async with asyncio.TaskGroup() as group:
            under_way = group.create_task(asyncio.sleep(0))
            one.fetcher._pending_tasks.add(under_way)
            _fetches, _resets, timeout, *_others = one.actions()
        one.fetcher._pending_tasks.clear()
        assert timeout > 0
