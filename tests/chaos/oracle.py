"""What has to hold after a round, whatever happened in it.

The events log is applied to monitors in which nothing was ever stored, and compared with what is
stored and published; the log itself is compared with the sources; and where the sources have one
order, the alarms with those of a run on which nothing was inflicted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from driftline.alerts.event import read_event
from driftline.app.status.books import build_balance, build_sources
from driftline.eventlog.codec import decode
from driftline.intake import SourceRange, TopicReader
from driftline.model import Role, SourcePartition
from driftline.monitor.partition import PartitionMonitor
from support.verifier import compare_instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.config.deployment import Deployment, Stream
    from driftline.model import Alarm, InstanceKey
    from driftline.monitor.state import Outgoing
    from driftline.store.protocol import Store
    from support.pipeline import Pipeline

SHOWN_ONLY: Final = frozenset({"summary"})
"""What is stored for people to read, and is no part of the state."""
READ_SECONDS: Final = 90.0
ORDERED: Final = "loans"
"""The stream whose sources have one partition each."""


@dataclass(frozen=True, slots=True)
class Read:
    """A record that is visible in a topic."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass
class Expectation:
    """In what a round differs from one in which everything is kept."""

    since: Mapping[int, int] = field(default_factory=dict)
    """Where state begins in an events partition, if not at its start."""
    sources: Mapping[str, Sequence[Read]] = field(default_factory=dict)
    """The records of a topic that has to be applied, where they are not what it holds now."""
    set_aside: frozenset[tuple[str, int, int]] = frozenset()
    """Records that have to be dead letters, though nothing is wrong with what they say."""
    state_only: bool = False
    """State was lost, as declared: what the sources hold is not all in it."""


@dataclass
class Recomputed:
    """What the events log comes to."""

    alarms: list[tuple[InstanceKey, Alarm]] = field(default_factory=list)
    events: dict[str, Outgoing] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)
    """The ids on the alerts topic."""
    monitors: list[PartitionMonitor] = field(default_factory=list)


async def verify(
    pipeline: Pipeline, deployment: Deployment, expected: Expectation | None = None
) -> Recomputed:
    """Fail unless nothing was lost and nothing counted twice. All workers have to have stopped."""
    expected = expected or Expectation()
    kafka, settings = pipeline.kafka, deployment.settings
    recomputed = Recomputed()
    messages = await asyncio.to_thread(read_topic, kafka, settings.events_topic)
    every = await asyncio.to_thread(read_topic, kafka, settings.alerts_topic)
    # What workers say of their own health is not of the log: it depends on when they looked.
    published = [one for one in every if read_event(one.value or b"").data.kind != "health"]
    recomputed.published = {dict(one.headers)["ce_id"].decode() for one in published}
    async with pipeline.store() as store:
        for partition in range(settings.topics.events_partitions):
            since = expected.since.get(partition, 0)
            log = [one for one in messages if one.partition == partition and one.offset >= since]
            await _verify_partition(deployment, store, partition, log, recomputed)
    _verify_alerts(published, recomputed, expected)
    if not expected.state_only:
        await asyncio.to_thread(_verify_sources, kafka, deployment, recomputed, expected)
    return recomputed


def read_topic(kafka: str, topic: str) -> list[Read]:
    """All that a reader of committed records sees of a topic, partition by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": f"{topic}.oracle",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
        }
    )
    found: list[Read] = []
    try:
        partitions = list(consumer.list_topics(topic, timeout=60).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in partitions])
        unread = set(partitions)
        deadline = time.monotonic() + READ_SECONDS
        while unread:
            assert time.monotonic() < deadline, f"{topic} could not be read to its end"
            for message in consumer.consume(1_000, timeout=0.1):
                if (error := message.error()) is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    unread.discard(message.partition())
                else:
                    found.append(_read(message))
    finally:
        consumer.close()
    return sorted(found, key=lambda one: (one.partition, one.offset))


def _read(message: Any) -> Read:
    return Read(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


# -- the log against what is stored


async def _verify_partition(
    deployment: Deployment,
    store: Store,
    partition: int,
    log: Sequence[Read],
    recomputed: Recomputed,
) -> None:
    monitor = _new_monitor(deployment, partition)
    recomputed.monitors.append(monitor)
    stored = await store.load_partition(partition)
    assert stored is not None, f"nothing is stored of events partition {partition}"
    for record in log:
        if record.offset < stored.offset:
            effects = monitor.apply(record.offset, decode(record.value or b""), {})
            recomputed.alarms += effects.alarms
            for event in effects.events:
                assert event.id not in recomputed.events, f"the id {event.id} is not unique"
                recomputed.events[event.id] = event
    monitor.offset = max(monitor.offset, stored.offset)
    step = monitor.checkpoint()
    assert stored.blob == step.partition.blob, f"books and clocks of partition {partition} differ"
    for checkpoint in step.instances:
        await compare_instance(
            store, checkpoint, leave_out=SHOWN_ONLY, published=recomputed.published
        )
    _verify_rest(monitor, [one for one in log if one.offset >= stored.offset])


def _verify_rest(monitor: PartitionMonitor, rest: Sequence[Read]) -> None:
    """What nobody has applied yet says nothing new: a reader's last word, or rows sent twice."""
    before = _counted(monitor)
    for record in rest:
        monitor.apply(record.offset, decode(record.value or b""), {})
    left = f"{len(rest)} messages of events partition {monitor.partition} are not applied"
    assert _counted(monitor) == before, left


def _counted(monitor: PartitionMonitor) -> int:
    fates = Counter[str]()
    for instance in monitor.instances:
        for (_, fate), count in instance.row_fates.items():
            fates[fate] += count
    return fates["applied"] + fates["duplicate"]


def _new_monitor(deployment: Deployment, partition: int) -> PartitionMonitor:
    return PartitionMonitor(
        partition,
        deployment.streams.values(),
        deployment=deployment.settings.name,
        digest=deployment.digest,
    )


def _verify_alerts(
    published: Iterable[Read], recomputed: Recomputed, expected: Expectation
) -> None:
    """Each event is there, perhaps repeatedly and then the same; and nothing else is."""
    first: dict[str, Read] = {}
    revisions: dict[str, list[int]] = {}
    for record in published:
        id_ = dict(record.headers)["ce_id"].decode()
        known = first.setdefault(id_, record)
        assert known.value == record.value, f"two different events have the id {id_}"
        alert, _, revision = id_.rpartition(".")
        assert record.key == alert.encode()
        if known is record:
            revisions.setdefault(alert, []).append(int(revision))
    lost = recomputed.events.keys() - first.keys()
    assert not lost, f"{len(lost)} of {len(recomputed.events)} alert events are not on the topic"
    if expected.state_only:
        return
    foreign = first.keys() - recomputed.events.keys()
    assert not foreign, f"{len(foreign)} alert events are of no alert, such as {min(foreign)}"
    for id_, event in recomputed.events.items():
        assert first[id_].value == event.value, f"the event {id_} is another one"
    for alert, seen in revisions.items():
        assert seen == sorted(seen), f"revisions of {alert} first came as {seen}"


# -- the sources against the log


def _verify_sources(
    kafka: str, deployment: Deployment, recomputed: Recomputed, expected: Expectation
) -> None:
    refused = _dead_lettered(kafka, deployment)
    assert expected.set_aside <= refused, "what was set aside is no dead letter"
    for stream in deployment.streams.values():
        sources = {
            role: expected.sources.get(source.topic) or read_topic(kafka, source.topic)
            for role in Role
            if (source := stream.spec.source(role)) is not None
        }
        valid = {role: _usable(stream, role, found) for role, found in sources.items()}
        _verify_join(stream, valid, recomputed)
        _verify_books(stream, recomputed)
        _verify_dead_letters(stream, sources, valid, refused)
        if stream.name == ORDERED:
            _verify_alarms(stream, sources, recomputed)


def _usable(stream: Stream, role: Role, records: Sequence[Read]) -> dict[Read, Mapping[str, Any]]:
    """The records that have what the declaration asks for, read with nothing of driftline's."""
    source = stream.spec.source(role)
    assert source is not None
    time = "timestamp" if role is Role.PREDICTIONS else "labelled_at"
    needed = {"id", time, "y_pred" if role is Role.PREDICTIONS else "repaid"}
    usable: dict[Read, Mapping[str, Any]] = {}
    for record in records:
        try:
            value = json.loads(record.value or b"")
        except ValueError:
            continue
        if isinstance(value, dict) and needed <= value.keys():
            usable[record] = value
    return usable


def _verify_join(
    stream: Stream,
    valid: Mapping[Role, Mapping[Read, Mapping[str, Any]]],
    recomputed: Recomputed,
) -> None:
    """Every id that has a prediction and a label is a pair, once; the rest waits or is a repeat."""
    predictions = Counter(one["id"] for one in valid[Role.PREDICTIONS].values())
    labels = Counter(one["id"] for one in valid[Role.LABELS].values())
    pairs = predictions.keys() & labels.keys()
    repeats = predictions.total() - len(predictions) + labels.total() - len(labels)
    found: Counter[str] = Counter()
    waiting = 0
    for monitor in recomputed.monitors:
        for instance in monitor.instances:
            if instance.key.stream == stream.name:
                found.update(instance.outcomes)
                waiting += instance.waiting
    assert found["joined"] == len(pairs), f"{stream.name}: {found['joined']} of {len(pairs)} pairs"
    assert waiting == len(predictions) - len(pairs), f"{stream.name}: {waiting} wait"
    again = found["duplicate"] + found["corrected"]
    assert again == repeats, f"{stream.name}: {again} repeats of {repeats}"
    gone = found["expired"] + found["orphaned"] + found["evicted"]
    assert gone == 0, f"{stream.name}: {gone} were given up"


def _verify_books(stream: Stream, recomputed: Recomputed) -> None:
    """Offsets passed = rows applied + duplicates + dead-lettered + filtered + gaps."""
    states = [monitor_state(monitor, stream.name) for monitor in recomputed.monitors]
    instances = [
        instance._parts.head.sources
        for monitor in recomputed.monitors
        for instance in monitor.instances
        if instance.key.stream == stream.name
    ]
    sources = build_sources(states, instances)
    balance = build_balance(sources, states, log_read=True)
    assert balance.difference == 0, f"the books of {stream.name} do not balance: {balance}"


def monitor_state(monitor: PartitionMonitor, stream: str) -> Any:
    """What a monitor keeps of a stream apart from its instances."""
    return monitor._streams[stream].state()


def _dead_lettered(kafka: str, deployment: Deployment) -> set[tuple[str, int, int]]:
    found = set()
    for record in read_topic(kafka, deployment.settings.dead_letters_topic):
        headers = dict(record.headers)
        place = (
            headers["driftline.topic"],
            headers["driftline.partition"],
            headers["driftline.offset"],
        )
        found.add((place[0].decode(), int(place[1]), int(place[2])))
    return found


def _verify_dead_letters(
    stream: Stream,
    sources: Mapping[Role, Sequence[Read]],
    valid: Mapping[Role, Mapping[Read, Mapping[str, Any]]],
    refused: set[tuple[str, int, int]],
) -> None:
    for role, records in sources.items():
        source = stream.spec.source(role)
        assert source is not None
        bad = {
            (source.topic, one.partition, one.offset) for one in records if one not in valid[role]
        }
        assert bad <= refused, f"{len(bad - refused)} refused records of {source.topic} are lost"


# -- the alarms of a run on which nothing was inflicted


def _verify_alarms(
    stream: Stream, sources: Mapping[Role, Sequence[Read]], recomputed: Recomputed
) -> None:
    calm = PartitionMonitor(0, [stream], deployment="calm", digest="calm")
    alarms: list[tuple[InstanceKey, Alarm]] = []
    offset = 0
    for role, records in sources.items():
        reader = TopicReader([(stream, role)], partitions=1)
        passed = SourceRange(SourcePartition("calm", 0, ""), 0, len(records), 0, len(records))
        numbered = [
            Read(0, number, one.timestamp, one.key, one.value, one.headers)
            for number, one in enumerate(records)
        ]
        for _, message in reader.read(passed, numbered, seen_at=None).messages:
            alarms += calm.apply(offset, message, {}).alarms
            offset += 1
    ours, theirs = _collected(stream, recomputed.alarms), _collected(stream, alarms)
    assert ours == theirs, f"the alarms of {stream.name} are other ones"
    assert theirs, "a run without alarms proves nothing"


def _collected(
    stream: Stream, alarms: Iterable[tuple[InstanceKey, Alarm]]
) -> dict[tuple[str, str, str, str], list[int]]:
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for instance, alarm in alarms:
        if instance.stream == stream.name:
            key = (instance.name, alarm.signal, alarm.indicator, alarm.profile)
            found.setdefault(key, []).append(alarm.values_seen)
    return found
