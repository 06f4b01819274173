"""Generated messages on the real way of a record: `make fuzz-messages MESSAGES=1000000 SEED=1`.

Valid ones, the named bad ones, mutated, huge, deeply nested, sent again, with numbers from the
edge, on six topics with two partitions each: read, appended to an events log in memory, applied by
monitors that store in memory. Nothing may crash, every offset has to be booked once, and no
detector may be given a value that is not finite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftline.agents.gauges import Gauges
from driftline.agents.loading import load_partition
from driftline.agents.reader import Reader
from driftline.app.status.books import build_balance, build_sources
from driftline.config.deployment import Deployment, Stream
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.config.settings import Settings
from driftline.config.streams import StreamSpec
from driftline.metrics import Metrics
from driftline.model import Role
from driftline.monitor.summary import read_summary
from driftline.store.memory import MemoryStore
from driftline.transport.batches import PartitionLog, SourceBatch, TopicPartition
from driftline.transport.topics import TopicAdmin, TopicDescription
from support.bad_inputs import BAD_INPUTS, GOOD_INPUTS, NOW, STREAMS, fields
from support.memory_producer import MemoryProducer
from support.monitor_runs import build_work
from support.plugins import install

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from driftline.agents.partition import PartitionWork
    from driftline.transport.producer import OutgoingMessage

EVENTS_PARTITIONS: Final = 2
SOURCE_PARTITIONS: Final = 2
BATCH: Final = 500
"""Records of one batch, at most."""
FINITE: Final = '''
import math

class Finite:
    """Learns nothing, and is told apart from a detector by what it refuses."""

    def __init__(self, parameters):
        self.count = 0

    def update(self, x):
        if not math.isfinite(x):
            raise SystemExit(f"a detector was given {x!r}")
        self.count += 1
        return "stable"

    def snapshot(self):
        return str(self.count).encode()

    def restore(self, blob):
        self.count = int(blob)
'''
WATCHED: Final = {
    "loan": ["error", "loss", "score", "prediction", "label", "label_delay", "feature.income"],
    "wine": ["error", "prediction", "label", "feature.acid", "missing.acid"],
    "rent": ["loss.absolute", "loss.squared", "prediction", "label", "feature.rooms"],
}
EDGES: Final = (
    "0", "-0.0", "1e308", "-1e308", "1.7976931348623157e308", "1e309", "5e-324", "1e-400", "NaN",
    "Infinity", "-Infinity", "9" * 400, "0." + "3" * 400, "9007199254740993", "true", "null",
    '"1"', '""', "[]", "{}", '"\\ud800"', '"\\u0000"', "0.5", "1", "-1", "[[[[1]]]]",
)  # fmt: skip


def install_finite(directory: Path) -> None:
    """A package with the detector `finite`, installed as pip would leave it."""
    (directory / "driftline_finite.py").write_text(FINITE, encoding="utf-8")
    install(directory, "driftline-finite", {"finite": "driftline_finite:Finite"})
    sys.path.insert(0, str(directory))


def build_deployment() -> Deployment:
    """The streams of the named bad inputs, all their signals watched by `finite` and ADWIN."""
    profiles = {
        "finite": Profile("finite", DETECTOR_SPEC.validate_python({"kind": "finite"})),
        "adwin": Profile("adwin", DETECTOR_SPEC.validate_python({"kind": "adwin"})),
    }
    streams = {}
    for name, signals in WATCHED.items():
        declared = STREAMS[name].model_dump(mode="json", exclude_unset=True, by_alias=True)
        declared["watch"] = {one: {"detector": ["finite", "adwin"]} for one in signals}
        declared["windows"] = [{"size": "10m", "keep": "2h"}]
        streams[name] = Stream.build(name, StreamSpec.model_validate(declared), profiles)
    topics = {"events_partitions": EVENTS_PARTITIONS}
    settings = Settings.model_validate({"name": "fuzz", "topics": topics})
    return Deployment(Path(), settings, profiles, streams)


@dataclass(slots=True)
class Made:
    """A generated record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Generator:
    """Makes records, other with each seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._predicted: Counter[str] = Counter()
        self._sent: dict[tuple[str, Role], list[Made]] = {}
        self._bad = {
            place: [one for one in (*BAD_INPUTS, *GOOD_INPUTS) if (one.stream, one.role) == place]
            for place in {(one.stream, one.role) for one in BAD_INPUTS}
        }
        self.kinds: Counter[str] = Counter()

    def batch(self, place: tuple[str, Role], first: int) -> list[Made]:
        """Records of a stream in one role, from an offset on."""
        return [self._make(place, first + at) for at in range(self._rng.randint(1, BATCH))]

    def _make(self, place: tuple[str, Role], offset: int) -> Made:
        kinds = ("valid", "named", "mutated", "edge", "again", "nested", "random", "huge")
        (kind,) = self._rng.choices(kinds, (50, 12, 15, 10, 8, 3, 2, 0.02))
        self.kinds[kind] += 1
        made: Made = getattr(self, f"_{kind}")(place, offset)
        held = self._sent.setdefault(place, [])
        if len(held) < 2_000:
            held.append(made)
        else:
            held[self._rng.randrange(2_000)] = made
        return made

    def _record(self, place: tuple[str, Role], offset: int, value: bytes | None) -> Made:
        stream, role = place
        if stream != "rent":
            return Made(offset, NOW, None, value, ())
        key = b"k%d" % max(self._id(stream, role), 0)
        header = ("rooms", b"3") if role is Role.PREDICTIONS else ("paid", b"1769846390")
        return Made(offset, NOW, key, value, (header,))

    def _id(self, stream: str, role: Role) -> int:
        """The next prediction's; a label is of some prediction of before, or of one to come."""
        if role is Role.PREDICTIONS:
            self._predicted[stream] += 1
            return self._predicted[stream]
        return self._predicted[stream] - self._rng.randint(-20, 1_000)

    def _value(self, place: tuple[str, Role], **changes: str) -> bytes:
        stream, role = place
        if stream == "loan":
            changes = {"id": f'"a{self._id(stream, role)}"', **changes}
        elif stream == "wine":
            meta = {"id": self._id(stream, role)}
            if role is Role.PREDICTIONS:
                meta["ts"] = NOW - self._rng.randrange(3_600_000)
            changes = {"meta": json.dumps(meta), **changes}
        return fields(stream, role, **changes)

    def _valid(self, place: tuple[str, Role], offset: int) -> Made:
        return self._record(place, offset, self._value(place))

    def _named(self, place: tuple[str, Role], offset: int) -> Made:
        one = self._rng.choice(self._bad[place])
        return Made(offset, one.timestamp, one.key, one.value, one.headers)

    def _again(self, place: tuple[str, Role], offset: int) -> Made:
        held = self._sent.get(place)
        if not held:
            return self._valid(place, offset)
        one = self._rng.choice(held)
        return Made(offset, one.timestamp, one.key, one.value, one.headers)

    def _mutated(self, place: tuple[str, Role], offset: int) -> Made:
        value = bytearray(self._value(place))
        for _ in range(self._rng.choice((1, 1, 2, 5, 20))):
            at = self._rng.randrange(len(value) + 1)
            match self._rng.randrange(4):
                case 0:
                    value[at : at + 1] = bytes([self._rng.randrange(256)])
                case 1:
                    del value[at : at + self._rng.randrange(1, 6)]
                case 2:
                    value[at:at] = self._rng.choice((b'"', b"{", b"\xff", b"\xed\xa0\x80", b"\\u"))
                case _:
                    value[at:at] = value[: self._rng.randrange(20)]
        return self._record(place, offset, bytes(value))

    def _edge(self, place: tuple[str, Role], offset: int) -> Made:
        value = json.loads(self._value(place))
        name = self._rng.choice(list(value))
        text = self._rng.choice(EDGES)
        return self._record(place, offset, self._value(place, **{name: text}))

    def _nested(self, place: tuple[str, Role], offset: int) -> Made:
        depth = self._rng.choice((2, 60, 63, 64, 65, 200, 50_000))
        opening, closing = self._rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
        deep = opening * depth + b"1" + closing * depth
        return self._record(place, offset, self._value(place)[:-1] + b', "x": ' + deep + b"}")

    def _random(self, place: tuple[str, Role], offset: int) -> Made:
        value = self._rng.choice((None, b"", self._rng.randbytes(self._rng.randrange(200))))
        return self._record(place, offset, value)

    def _huge(self, place: tuple[str, Role], offset: int) -> Made:
        size = self._rng.choice((100_000, 990_000, 1_000_001, 1_045_000))
        return self._record(
            place, offset, self._value(place)[:-1] + b', "x": "' + b"y" * size + b'"}'
        )


class Topics(TopicAdmin):
    """A broker on which all topics exist."""

    def __init__(self) -> None:  # the real one wants an address
        pass

    async def describe(self, names: Collection[str]) -> Mapping[str, TopicDescription]:
        """All of them."""
        return {name: TopicDescription(name, SOURCE_PARTITIONS, 1, "life") for name in names}


@dataclass
class Run:
    """A deployment in memory, from its sources to what it stores."""

    generator: Generator
    deployment: Deployment = field(default_factory=build_deployment)
    store: MemoryStore = field(default_factory=MemoryStore)
    producer: MemoryProducer = field(default_factory=MemoryProducer)
    metrics: Metrics = field(default_factory=Metrics)
    ends: Counter[TopicPartition] = field(default_factory=Counter)
    dead_lettered: int = 0
    _log_ends: Counter[int] = field(default_factory=Counter)

    async def feed(self, messages: int) -> None:
        """Make so many messages, or a few more, and take them all in."""
        reader = self._reader()
        places = {
            tp: (stream.name, role)
            for stream in self.deployment.streams.values()
            for role in Role
            if (source := stream.spec.source(role)) is not None
            for tp in (TopicPartition(source.topic, at) for at in range(SOURCE_PARTITIONS))
        }
        await reader.on_assigned({tp: PartitionLog(0, 0, 0) for tp in places})
        works = [await self._work(partition) for partition in range(EVENTS_PARTITIONS)]
        order = random.Random(messages)
        while self.ends.total() < messages:
            tp = order.choice(list(places))
            first = self.ends[tp]
            records = self.generator.batch(places[tp], first)
            following = self.ends[tp] = first + len(records)
            await reader.on_batch(SourceBatch(*tp, first, following, records, 0, following, 1))
            await self._apply(works)
        for work in works:
            await work.finish()

    async def _apply(self, works: Sequence[PartitionWork]) -> None:
        sent, self.producer.sent = self.producer.sent, []
        settings = self.deployment.settings
        logged = [one for one in sent if one.topic == settings.events_topic]
        self.dead_lettered += sum(one.topic == settings.dead_letters_topic for one in sent)
        for partition, work in enumerate(works):
            part = [one for one in logged if one.partition == partition]
            if part:
                await work.on_batch(self._batch(partition, part))

    def _batch(self, partition: int, part: Sequence[OutgoingMessage]) -> SourceBatch:
        first = self._log_ends[partition]
        records = [Made(first + at, NOW, None, one.value, ()) for at, one in enumerate(part)]
        following = self._log_ends[partition] = first + len(part)
        topic = self.deployment.settings.events_topic
        return SourceBatch(topic, partition, first, following, records, 0, following, 1)

    def _reader(self) -> Reader:
        settings = self.deployment.settings
        return Reader(
            self.deployment.streams.values(),
            settings,
            partitions=settings.topics.events_partitions,
            producer=self.producer,
            admin=Topics(),
            store=self.store,
            clock=lambda: NOW * 1_000,
            metrics=self.metrics,
        )

    async def _work(self, partition: int) -> PartitionWork:
        monitor, _ = await load_partition(self.store, partition, self.deployment)
        gauges = Gauges(self.metrics)
        return build_work(
            monitor, self.deployment, store=self.store, producer=self.producer, gauges=gauges
        )

    async def check(self) -> Counter[str]:
        """Fail unless every offset was booked once; what became of all of them."""
        monitors = [
            (await load_partition(self.store, partition, self.deployment))[0]
            for partition in range(EVENTS_PARTITIONS)
        ]
        fates: Counter[str] = Counter()
        assert not any(monitor.suspended for monitor in monitors)
        for name in self.deployment.streams:
            states = [monitor.stream_state(name) for monitor in monitors]
            books = [
                one.row_books
                for monitor in monitors
                for one in monitor.instances
                if one.key.stream == name
            ]
            sources = build_sources(states, books)
            balance = build_balance(sources, states, log_read=True)
            assert balance.difference == 0, balance
            for one in sources:
                tp = TopicPartition(one.topic, one.partition)
                assert one.passed == self.ends[tp], f"{tp}: {one.passed} of {self.ends[tp]}"
                assert not one.gaps
                fates["rows"] += one.rows
                fates["dead-lettered"] += one.dead_lettered
                fates["filtered"] += one.filtered
        for instance in (one for monitor in monitors for one in monitor.instances):
            stored = await self.store.load_instance(instance.key)
            assert stored is not None
            summary = read_summary(stored.fields["summary"])
            fates["joined"] += summary.join.joined
            fates["values"] += sum(one.values_seen for one in summary.signals)
        total = fates["rows"] + fates["dead-lettered"] + fates["filtered"]
        assert total == self.ends.total(), f"{total} of {self.ends.total()} messages are booked"
        assert fates["dead-lettered"] == self.dead_lettered
        return fates


async def run(messages: int, seed: int) -> tuple[Run, Counter[str]]:
    """Make, take in, check; the detector `finite` has to be installed."""
    one = Run(Generator(seed))
    await one.feed(messages)
    return one, await one.check()


def main() -> int:
    """Run; an assertion fails where a promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        install_finite(Path(directory))
        one, fates = asyncio.run(run(options.messages, options.seed))
    tell: dict[str, Any] = {"messages": one.ends.total(), **fates, **one.generator.kinds}
    sys.stdout.write(f"seed {options.seed}, {time.monotonic() - begun:.0f} s\n")
    for name, count in tell.items():
        sys.stdout.write(f"{name:16}{count:>12,}\n")
    sys.stdout.write("nothing crashed, every offset is booked once, all values were finite\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
