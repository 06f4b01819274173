"""A made-up stream, its records, and the events log that readers make of them, without Kafka."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftline.config.deployment import Deployment, Stream
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.config.settings import Settings
from driftline.config.streams import StreamSpec
from driftline.eventlog.codec import decode, encode
from driftline.eventlog.messages import Command, CommandKind
from driftline.intake import SourceRange, TopicReader
from driftline.model import SECOND, Micros, Role, SourcePartition, iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.eventlog.messages import Message

START: Final[Micros] = 1_577_836_800 * SECOND
"""2020-01-01."""
PREDICTIONS: Final = "churn.predictions"
LABELS: Final = "churn.labels"
DETECTORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "adwin": {"kind": "adwin", "clock": 1, "warm_up": 100},
    "adwin-slow": {"kind": "adwin", "clock": 32, "warm_up": 100},
    "page": {"kind": "page-hinkley", "warm_up": 50, "threshold": 20.0},
    "ddm": {"kind": "ddm"},
    "fhddm": {"kind": "fhddm"},
}
PROFILES: Final = {
    name: Profile(name, DETECTOR_SPEC.validate_python(dict(spec)))
    for name, spec in DETECTORS.items()
}
WATCH: Final[Mapping[str, Any]] = {
    "error": {"detector": ["adwin", "ddm", "fhddm"], "severity": "critical"},
    "score": {"detector": "adwin"},
    "label_delay": {"detector": "page"},
    "feature.amount": {"detector": ["adwin", "page"]},
    "feature.country": {"detector": "adwin"},
    "missing.amount": {"detector": "adwin"},
}


@dataclass(slots=True)
class FakeRecord:
    """A Kafka record."""

    offset: int
    value: bytes | None
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def build_stream(
    name: str = "churn",
    *,
    watch: Mapping[str, Any] = WATCH,
    horizon: str | None = "1h",
    profiles: Mapping[str, Profile] = PROFILES,
    **more: Any,
) -> Stream:
    """A stream of binary predictions with labels; `horizon=None`: without."""
    declared: dict[str, Any] = {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": PREDICTIONS,
            "id": "id",
            "time": "at",
            "prediction": "said",
            "score": "score",
            "version": "version",
            "features": ["amount", {"name": "country", "categorical": True}],
        },
        "windows": [{"size": "10m", "keep": "2h"}],
        "watch": dict(watch),
        "lateness": "0s",
    }
    if horizon is not None:
        declared["labels"] = {
            "topic": LABELS, "id": "id", "time": "at", "label": "truth", "horizon": horizon,
        }  # fmt: skip
    return Stream.build(name, StreamSpec.model_validate(declared | more), profiles)


def build_deployment(*streams: Stream, events_partitions: int = 1, **worker: Any) -> Deployment:
    """A deployment of these streams, with nothing on disk."""
    settings = Settings.model_validate(
        {"name": "test", "worker": worker, "topics": {"events_partitions": events_partitions}}
    )
    return Deployment(Path(), settings, PROFILES, {stream.name: stream for stream in streams})


def declare(*streams: Stream, at: Micros = START) -> Command:
    """The command by which a deployment comes into force."""
    return Command(
        id="c",
        kind=CommandKind.DECLARE,
        by="test",
        at=at,
        arguments={
            "digest": build_deployment(*streams).digest,
            "streams": json.dumps([stream.to_json() for stream in streams]),
        },
    )


def forget(*, stream: str | None = None, instance: str | None = None) -> Command:
    """The command to forget."""
    return Command("f", CommandKind.FORGET, "test", START, stream=stream, instance=instance)


@dataclass(slots=True)
class World:
    """Predictions a second apart; half-way `amount`, `country` and the share of errors change."""

    count: int = 1_200
    seed: int = 1
    instances: Sequence[str] = ()
    """Values of the field `model`, in turn; none: there is no such field."""
    delay: int = 100
    """Seconds from a prediction to its label, and up to a tenth more."""
    unlabelled: int = 17
    """Every so many predictions one never gets its label."""
    predictions: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)
    """In the order in which they become known."""

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        late: list[tuple[int, dict[str, Any]]] = []
        for number in range(self.count):
            changed = number >= self.count // 2
            said, at = chance.random() < 0.4, START + number * SECOND
            wrong = chance.random() < (0.5 if changed else 0.05)
            name = f"p{number}"
            model = (
                {"model": self.instances[number % len(self.instances)]} if self.instances else {}
            )
            prediction: dict[str, Any] = {
                "id": name, "at": iso(at), "said": int(said), **model,
                "score": round(chance.uniform(0.5, 1) if said else chance.uniform(0, 0.5), 4),
                "version": "v2" if changed else "v1",
                "country": chance.choice("aab" if not changed else "abbc"),
            }  # fmt: skip
            if chance.random() > 0.02:
                prediction["amount"] = chance.gauss(120.0 if changed else 100.0, 10.0)
            self.predictions.append(prediction)
            if number % self.unlabelled:
                known = at + self.delay * SECOND + chance.randrange(self.delay * SECOND // 10)
                truth = int(said != wrong)
                late.append((known, {"id": name, "at": iso(known), "truth": truth, **model}))
        self.labels = [label for _, label in sorted(late, key=lambda one: one[0])]


def records(values: Iterable[Mapping[str, Any]]) -> list[FakeRecord]:
    """The values as a topic's only partition holds them."""
    return [FakeRecord(n, json.dumps(value).encode()) for n, value in enumerate(values)]


class Log:
    """One events partition, or several, written by readers of the streams' topics."""

    def __init__(self, streams: Sequence[Stream], *, partitions: int = 1) -> None:
        self.partitions: list[list[Message]] = [[] for _ in range(partitions)]
        attached: dict[str, list[tuple[Stream, Role]]] = {}
        for stream in streams:
            for role in Role:
                source = stream.spec.source(role)
                if source is not None:
                    attached.setdefault(source.topic, []).append((stream, role))
        self._readers = {
            topic: TopicReader(of_topic, partitions=partitions)
            for topic, of_topic in attached.items()
        }
        self.clock: Micros = 1_700_000_000 * SECOND

    @property
    def messages(self) -> list[Message]:
        """The messages of the first events partition."""
        return self.partitions[0]

    def read(
        self,
        topic: str,
        held: Sequence[FakeRecord],
        first: int,
        following: int,
        *,
        incarnation: str = "",
        live: bool = True,
    ) -> None:
        """Append what a reader makes of the offsets from `first` up to `following`."""
        self.clock += SECOND // 100
        passed = SourceRange(
            SourcePartition(topic, 0, incarnation),
            first=first,
            next=following,
            log_start=0,
            log_end=len(held),
        )
        reading = self._readers[topic].read(
            passed,
            [record for record in held if first <= record.offset < following],
            seen_at=self.clock if live else None,
        )
        for partition, message in reading.messages:
            # Through the codec: what is applied is what Kafka would have carried.
            self.partitions[partition].append(decode(encode(message)))

    def say(self, command: Command) -> None:
        """Append a command to all partitions."""
        for messages in self.partitions:
            messages.append(command)


def fill(log: Log, world: World, *, size: int = 100, seed: int | None = None) -> Log:
    """Append all of a world, predictions always before their labels.

    Without a seed batches have one size and nothing is read twice; with one they are cut at random,
    and readers go back at random.
    """
    chance = random.Random(seed)
    topics = {PREDICTIONS: records(world.predictions), LABELS: records(world.labels)}
    places = {label["id"]: number for number, label in enumerate(world.labels)}
    done = dict.fromkeys(topics, 0)
    while any(done[topic] < len(held) for topic, held in topics.items()):
        # Labels may be read as long as they are of predictions that have been read.
        unread = world.predictions[done[PREDICTIONS] :]
        limits = {
            PREDICTIONS: len(topics[PREDICTIONS]),
            LABELS: min(
                (places[one["id"]] for one in unread if one["id"] in places),
                default=len(topics[LABELS]),
            ),
        }
        for topic, held in topics.items():
            begin = done[topic]
            end = min(
                begin + (size if seed is None else chance.randint(1, 2 * size)), limits[topic]
            )
            if end <= begin:
                continue
            if seed is not None and chance.random() < 0.3:
                begin = max(0, begin - chance.randint(1, size))
            log.read(topic, held, begin, end)
            done[topic] = end
    return log


def numbered(messages: Iterable[Message]) -> Iterator[tuple[int, Message]]:
    """The messages with their offsets."""
    return enumerate(messages)
