"""Topics: our own are made with stated settings, those of others are only looked at.

Through confluent-kafka's AdminClient, as the protocol version that aiokafka speaks shows no topic
ids. Its calls block, so they run in a thread.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as AioPartition
from aiokafka.errors import KafkaError as AioKafkaError
from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from driftline.errors import UnavailableError
from driftline.transport.batches import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from driftline.transport.address import KafkaAddress

log = structlog.get_logger(__name__)

NO_ID: Final = "AAAAAAAAAAAAAAAAAAAAAA"
"""Sixteen zero bytes in Kafka's base64: what a broker that knows no topic ids answers."""

BROKER_DEFAULT: Final = -1
"""As a number of copies: as many as the broker is set to make."""

MOVING: Final = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.UNKNOWN_TOPIC_OR_PART,  # one broker told of it, another has yet to hear
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,  # the broker has yet to hear what its metadata told us
        KafkaError.OFFSET_NOT_AVAILABLE,  # a new leader that does not know its high watermark yet
        KafkaError._NOENT,  # noqa: SLF001 - librdkafka's own: no partition has a leader as yet
    }
)
"""What a broker answers while a partition gets its leader: right after a topic was made, and while
brokers restart. librdkafka's admin calls hand it on; asked again a moment later it is well."""

AGAIN: Final = 0.1
"""Seconds until a question is asked again whose answer was one of those."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic of our own, as it is to be."""

    name: str
    partitions: int
    replication: int = BROKER_DEFAULT
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic, as it is."""

    name: str
    partitions: int
    replication: int
    topic_id: str
    """Tells one life of the name from the next; empty where the broker knows no topic ids."""

    @property
    def places(self) -> list[TopicPartition]:
        """Its partitions, in order."""
        return [TopicPartition(self.name, number) for number in range(self.partitions)]


class Creation(StrEnum):
    """What became of the wish to have a topic."""

    CREATED = "created"
    EXISTED = "existed"
    REFUSED = "refused"
    """The broker does not let us, or cannot: an operator has to make it, or it appears at first
    use."""


class TopicAdmin:
    """Looks at topics, groups and offsets, and makes our own topics.

    Every call raises `UnavailableError` where no broker answers; each request is given `timeout`.
    What takes longer than `say_after` is said to be waited for, in the log.
    """

    def __init__(
        self,
        address: KafkaAddress,
        *,
        timeout: timedelta = timedelta(seconds=15),
        say_after: timedelta = timedelta(seconds=2),
    ) -> None:
        # What goes wrong is raised: librdkafka need not print to standard error as well.
        self._client = AdminClient(address.librdkafka() | {"log_level": 2})
        self._address = address
        self._bootstrap = address.bootstrap
        self._timeout = timeout.total_seconds()
        self._say_after = say_after.total_seconds()

    async def describe(self, names: Collection[str]) -> Mapping[str, TopicDescription]:
        """Those of the topics that exist. Asking does not create a topic."""
        return await self._call(lambda: self._describe(names))

    async def create(self, specs: Sequence[TopicSpec]) -> Mapping[str, Creation]:
        """Make the topics that are missing; one that exists is left as it is."""
        return await self._call(lambda: self._create(specs))

    async def config(self, name: str) -> Mapping[str, str]:
        """The settings of a topic, as the broker has them."""
        return await self._call(lambda: self._config(name))

    async def wait_for(
        self, names: Collection[str], *, every: timedelta = timedelta(seconds=2)
    ) -> Mapping[str, TopicDescription]:
        """Return once all exist; say which are missing when that changes. Creates none."""
        told: set[str] = set()
        while True:
            found = await self.describe(names)
            missing = set(names) - set(found)
            if not missing:
                return found
            if missing != told:
                log.warning("topics_missing", topics=sorted(missing), kafka=self._bootstrap)
                told = missing
            await asyncio.sleep(every.total_seconds())

    async def bounds(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, tuple[int, int]]:
        """The first and the end offset of each partition's log."""
        return await self._call(lambda: self._bounds(partitions))

    async def committed(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """The offsets that a consumer group has committed in these partitions, where it has.

        The group is not joined. Through aiokafka, which waits for a group's coordinator to be
        ready: librdkafka's ListConsumerGroupOffsets (2.16) ends the process with a segmentation
        fault when the coordinator answers that it is not.
        """
        consumer = AIOKafkaConsumer(
            **self._address.aiokafka(), group_id=group, enable_auto_commit=False
        )
        places = [AioPartition(*tp) for tp in partitions]
        try:
            with self._saying():
                async with asyncio.timeout(self._timeout):
                    await consumer.start()
                    consumer.assign(places)
                    offsets = [await consumer.committed(place) for place in places]
        except (AioKafkaError, TimeoutError) as error:
            msg = f"kafka at {self._bootstrap} does not tell what {group} committed: {error!r}"
            raise UnavailableError(msg) from error
        finally:
            await consumer.stop()
        found = zip(partitions, offsets, strict=True)
        return {tp: offset for tp, offset in found if offset is not None}

    async def _call(self, ask: Callable[[], T]) -> T:
        with self._saying():
            return await self._ask(ask)

    async def _ask(self, ask: Callable[[], T]) -> T:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return await asyncio.to_thread(ask)
            except KafkaException as error:
                cause = error.args[0]
                if cause.code() not in MOVING or time.monotonic() > deadline:
                    raise self._unavailable(cause) from error
            await asyncio.sleep(AGAIN)

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """Say what is waited for where the block takes long."""
        saying = asyncio.get_running_loop().call_later(self._say_after, self._say)
        try:
            yield
        finally:
            saying.cancel()

    def _say(self) -> None:
        log.warning("kafka_waited_for", kafka=self._bootstrap, timeout_seconds=self._timeout)

    def _unavailable(self, cause: KafkaError) -> UnavailableError:
        away = cause.code() in {KafkaError._TRANSPORT, KafkaError._TIMED_OUT}  # noqa: SLF001
        says = " does not answer" if away else ""
        return UnavailableError(f"kafka at {self._bootstrap}{says}: {cause.str()}")

    def _describe(self, names: Collection[str]) -> dict[str, TopicDescription]:
        # Naming a topic in a metadata request may create it, so the list of all is asked for.
        listed = self._client.list_topics(timeout=self._timeout).topics
        present = [name for name in names if name in listed and not listed[name].error]
        ids = self._topic_ids(present)
        return {
            name: TopicDescription(
                name,
                len(listed[name].partitions),
                min((len(p.replicas) for p in listed[name].partitions.values()), default=0),
                ids.get(name, ""),
            )
            for name in present
            if listed[name].partitions
        }

    def _topic_ids(self, names: Collection[str]) -> dict[str, str]:
        if not names or not self._has_controller():
            return {}
        futures = self._client.describe_topics(
            TopicCollection(list(names)), request_timeout=self._timeout
        )
        ids: dict[str, str] = {}
        for name, future in futures.items():
            try:
                topic_id = str(future.result().topic_id)
            except KafkaException as error:
                log.debug("topic_id_unknown", topic=name, error=error.args[0].str())
                continue
            ids[name] = "" if topic_id in {NO_ID, "None"} else topic_id
        return ids

    def _create(self, specs: Sequence[TopicSpec]) -> dict[str, Creation]:
        listed = self._client.list_topics(timeout=self._timeout).topics
        outcome = {spec.name: Creation.EXISTED for spec in specs if spec.name in listed}
        wanted = [spec for spec in specs if spec.name not in outcome]
        if not wanted:
            return outcome
        if not self._has_controller():
            log.warning("topics_not_created", topics=[spec.name for spec in wanted])
            return outcome | {spec.name: Creation.REFUSED for spec in wanted}
        futures = self._client.create_topics(
            [
                NewTopic(spec.name, spec.partitions, spec.replication, config=dict(spec.config))
                for spec in wanted
            ],
            request_timeout=self._timeout,
        )
        for name, future in futures.items():
            outcome[name] = _outcome(name, future)
        return outcome

    def _has_controller(self) -> bool:
        # librdkafka's mock cluster names one that is no broker; what needs it would time out.
        metadata = self._client.list_topics(timeout=self._timeout)
        return metadata.controller_id in metadata.brokers

    def _config(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ResourceType.TOPIC, name)
        future = self._client.describe_configs([resource], request_timeout=self._timeout)[resource]
        return {key: entry.value for key, entry in future.result().items()}

    def _bounds(
        self, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, tuple[int, int]]:
        starts = self._offsets(partitions, OffsetSpec.earliest())
        ends = self._offsets(partitions, OffsetSpec.latest())
        return {tp: (starts[tp], ends[tp]) for tp in partitions}

    def _offsets(
        self, partitions: Collection[TopicPartition], spec: OffsetSpec
    ) -> dict[TopicPartition, int]:
        asked = {ConfluentPartition(tp.topic, tp.partition): spec for tp in partitions}
        futures = self._client.list_offsets(asked, request_timeout=self._timeout) if asked else {}
        return {
            TopicPartition(tp.topic, tp.partition): future.result().offset
            for tp, future in futures.items()
        }


def _outcome(name: str, future: Any) -> Creation:
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].name() == "TOPIC_ALREADY_EXISTS":
            return Creation.EXISTED
        log.warning("topic_not_created", topic=name, error=error.args[0].str())
        return Creation.REFUSED
    log.info("topic_created", topic=name)
    return Creation.CREATED
