"""Fetches that wait for long where nobody waits for them, and rest after they brought something.

aiokafka (0.14.0) has one fetch in flight to each broker. While it waits for records, a partition
that it does not ask for is not fetched at all, however much there is: so waits are short. But where
a fetch asks for every partition that its broker could be asked for, whatever comes ends it at once,
and a worker that has nothing to do need not ask twenty times a second. Hence the wait is decided
for each fetch, by what it asks for.

A broker answers the requests of one connection one after the other, so fetches get a connection of
their own: else whoever asks where a log ends would wait for records. The fetch of an assignment
that has ended would hold up those of the next one the same way, until one of its partitions has a
record: so its connection ends with it.

A fetch is answered as soon as there is one record. At 5,000 records a second in 8 partitions that
comes to 150 batches a second of 35 records, each of which costs some milliseconds however small it
is: two thirds of a core, and as much of the broker's. So the next fetch begins no sooner after the
last one than in proportion to how many partitions that brought records of. What comes after a
pause is fetched at once all the same. Nor does a partition rest that holds more than the last fetch
brought of it, as in a backlog (the embedded Kafka never brings more than one batch): it is fetched
alone meanwhile. But one that brought nothing, for an error or for a hole in its log, has no more.

Leant on: `Fetcher._get_actions_per_node` makes a broker's fetch of all partitions that it may be
asked for, says for how long to wait for other events, and leaves out the partitions whose records
nobody has taken yet, and the brokers `_in_flight`, each of which has its task in `_pending_tasks`
until that is over; `_select_read_replica` says which broker a partition is asked of. A seek changes
what is to be fetched, and nothing else does while a fetch is in flight: so it has to come before
`settle`. The end of what can be read of a partition, as the last response told it, is its state's
`lso`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from driftline.transport.bounded_fetch import BoundedConsumer

if TYPE_CHECKING:
    from datetime import timedelta

FETCHES: Final = max(ConnectionGroup) + 1
"""The group of the connections that only carry fetches."""
LONGEST_REST_SECONDS: Final = 0.1


class FetchesApart(AIOKafkaClient):  # type: ignore[misc]  # aiokafka ships no types
    """aiokafka's client; fetches go over connections of their own, and what they bring is noted."""

    brought: dict[Any, int]
    """By broker, of how many partitions the last fetch had records."""

    async def send(
        self, node_id: Any, request: Any, *, group: int = ConnectionGroup.DEFAULT
    ) -> Any:
        """Send a request, and wait for its response."""
        if not isinstance(request, FetchRequest):
            return await super().send(node_id, request, group=group)
        try:
            response = await super().send(node_id, request, group=FETCHES)
        except asyncio.CancelledError:
            self._hang_up(node_id)
            raise
        # Whatever the version, the records are the last of what is said of a partition.
        said = (partition for _topic, partitions in response.topics for partition in partitions)
        self.brought[node_id] = sum(bool(partition[-1]) for partition in said)
        return response

    def _hang_up(self, node_id: Any) -> None:
        """Close the connection of a fetch that nobody waits for any more: the next gets another."""
        if (connection := self._conns.pop((node_id, FETCHES), None)) is not None:
            connection.close()


class Rest:
    """Since when a broker is left in peace, and for how long."""

    def __init__(self) -> None:
        self._began = 0.0
        self._seconds: float | None = None

    def begin(self) -> None:
        """A fetch of all that may be asked for begins; what it brings will be known behind it."""
        self._began, self._seconds = time.monotonic(), None

    def left(self, brought: int, each: float) -> float:
        """Seconds until it is asked for all again, if it `brought` records of so many partitions.

        It rests so long for each of them. To be asked when that fetch is over; what others bring
        until the next one changes nothing.
        """
        if self._seconds is None:
            self._seconds = min(each * brought, LONGEST_REST_SECONDS)
        return self._began + self._seconds - time.monotonic()


class PatientFetcher(Fetcher):  # type: ignore[misc]  # aiokafka ships no types
    """aiokafka's fetcher, whose fetches wait longer where that delays no partition, and rest."""

    rests: dict[Any, Rest]
    """By broker."""
    asked: dict[Any, int]
    """By partition, from where it was asked for last."""
    rest_seconds: float
    """For each partition that a fetch brought records of."""
    _patience_ms = 0
    _settled: Any = None
    """The assignment in which nobody seeks any more."""

    def settle(self, assignment: Any, patience: timedelta) -> None:
        """From here on until the next assignment fetches may wait so long."""
        self._settled, self._patience_ms = assignment, int(patience.total_seconds() * 1000)

    def _get_actions_per_node(self, assignment: Any) -> Any:
        fetches, resets, timeout, *others = super()._get_actions_per_node(assignment)
        if len(self._in_flight) > len(self._pending_tasks):
            # A request is over, and its broker counts as busy until a callback of its task has run,
            # which is about to, and would wake nobody: a record waited for the timeout then.
            timeout = 0
        due = []
        for node, request in fetches:
            rest = self.rests.setdefault(node, Rest())
            left = rest.left(self._client.brought.get(node, 0), self.rest_seconds)
            if left <= 0:
                rest.begin()
                if assignment is self._settled and self._asks_for_all(assignment, node, request):
                    request._max_wait_ms = self._patience_ms  # noqa: SLF001 - it has no setter
            else:
                timeout = min(timeout, left)
                request._topics = self._with_more(assignment, request)  # noqa: SLF001 - nor this
            if request.topics:
                due.append((node, request))
                self._note_asked(request)
        return due, resets, timeout, *others

    def _with_more(self, assignment: Any, request: Any) -> list[Any]:
        """The part of a request of which the last fetch brought something, and not all there is."""

        def holds_more(topic: str, partition: int, position: int) -> bool:
            tp = TopicPartition(topic, partition)
            brought = position > self.asked.get(tp, position)
            return brought and position < (assignment.state_value(tp).lso or 0)

        found = [
            (topic, [one for one in partitions if holds_more(topic, *one[:2])])
            for topic, partitions in request.topics
        ]
        return [(topic, behind) for topic, behind in found if behind]

    def _note_asked(self, request: Any) -> None:
        for topic, partitions in request.topics:
            for partition, position, _ in partitions:
                self.asked[TopicPartition(topic, partition)] = position

    def _asks_for_all(self, assignment: Any, node: Any, request: Any) -> bool:
        """Whether it leaves out none of the node's partitions, nor of those without a leader."""
        may_be_asked = {node, None, -1}
        asked = sum(len(partitions) for _topic, partitions in request.topics)
        return asked == sum(self._select_read_replica(tp) in may_be_asked for tp in assignment.tps)


class PatientConsumer(BoundedConsumer):
    """The bounded consumer, which asks seldom where there is nothing."""

    def __init__(self, *, rest: timedelta, **options: Any) -> None:
        """`rest`: for each partition that a fetch brought records of."""
        super().__init__(**options)
        self._rest = rest
        self._client.__class__ = FetchesApart
        self._client.brought = {}

    async def start(self) -> None:
        """Connect; nothing is fetched before it has an assignment."""
        await super().start()
        self._fetcher.__class__ = PatientFetcher
        self._fetcher.rests, self._fetcher.asked = {}, {}
        self._fetcher.rest_seconds = self._rest.total_seconds()

    def settle(self, patience: timedelta) -> None:
        """The positions of this assignment are sought: fetches may wait so long from here on."""
        self._fetcher.settle(self._subscription.subscription.assignment, patience)
