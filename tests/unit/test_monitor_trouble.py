"""The likely cause of a drift alert: told while its data is broken, and taken back after."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from driftline.alerts.event import read_event
from driftline.alerts.schema import DriftData
from driftline.model import SECOND, iso
from driftline.monitor.trouble import RecentShare
from support.monitor_log import (
    LABELS,
    PREDICTIONS,
    START,
    FakeRecord,
    Log,
    build_deployment,
    build_stream,
)
from support.monitor_runs import build_monitor, each, run_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.config.deployment import Stream
    from driftline.model import Micros
    from driftline.monitor.state import Outgoing

WATCH: Final = {
    "error": {"detector": "adwin"},
    "score": {"detector": "adwin"},
    "missing.amount": {"detector": "adwin"},
}
MINUTE: Final = 60 * SECOND


def build(**more: Any) -> Stream:
    """A stream that is watched, and whose labels may be silent for an hour."""
    silence = {"predictions": "off", "labels": "1h"}
    return build_stream(watch=WATCH, lateness="0s", **{"silence": silence} | more)


@dataclass
class Feed:
    """A stream at the present: a record a second, each labelled a minute later."""

    stream: Stream
    log: Log = field(init=False)
    at: Micros = START
    chance: random.Random = field(default_factory=lambda: random.Random(4))
    held: dict[str, list[FakeRecord]] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    labels_come: bool = True
    score: float = 0.2
    missing: float = 0.01
    refused: float = 0.0
    time_of: Callable[[Micros], Micros] = lambda at: at

    def __post_init__(self) -> None:
        self.log = Log([self.stream])
        self.held = {PREDICTIONS: [], LABELS: []}
        self.read = dict.fromkeys(self.held, 0)

    def _keep(self, topic: str, value: dict[str, Any] | None) -> None:
        blob = b"broken" if value is None else json.dumps(value).encode()
        self.held[topic].append(FakeRecord(len(self.held[topic]), blob))

    def write(self, count: int) -> None:
        """So many seconds pass."""
        for _ in range(count):
            self.at += SECOND
            at, number = iso(self.time_of(self.at)), len(self.held[PREDICTIONS])
            value: dict[str, Any] = {
                "id": f"p{number}", "at": at, "said": 1, "version": "v1", "country": "a",
                "score": self.chance.uniform(self.score, self.score + 0.2),
            }  # fmt: skip
            if self.chance.random() >= self.missing:
                value["amount"] = 1.0
            self._keep(PREDICTIONS, None if self.chance.random() < self.refused else value)
            if self.labels_come and number >= 60:
                self._keep(LABELS, {"id": f"p{number - 60}", "at": at, "truth": 1})

    def take(self, most: int = 100) -> None:
        """The readers come as far as there is something, side by side, in batches."""
        self.log.clock = self.at
        while True:
            for topic, held in self.held.items():
                done = self.read[topic]
                self.read[topic] = min(done + most, len(held))
                self.log.read(topic, held, done, self.read[topic])
            if all(self.read[topic] == len(held) for topic, held in self.held.items()):
                return

    def go_on(self, count: int) -> None:
        """So many seconds pass, and are read as they come."""
        for _ in range(count // 100):
            self.write(100)
            self.take()

    def drift(self) -> None:
        """The score shifts for good."""
        self.go_on(1_500)
        self.score = 0.5
        self.go_on(500)

    def events(self) -> list[DriftData]:
        """What the log tells of drift."""
        effects = build_monitor(build_deployment(self.stream)).apply_all(
            enumerate(self.log.messages)
        )
        return drift(effects.events)


def drift(events: Sequence[Outgoing]) -> list[DriftData]:
    """The drift that these events tell of."""
    found = [read_event(event.value).data for event in events]
    return [data for data in found if isinstance(data, DriftData)]


def of(events: Sequence[DriftData], signal: str) -> list[tuple[int, str | None]]:
    """The revisions of a signal's alerts, each with the cause that it names."""
    return [
        (data.revision, None if data.cause is None else data.cause.kind.value)
        for data in events
        if data.signal == signal
    ]


def refused(feed: Feed) -> None:
    """Every fifth record is broken for a while."""
    feed.refused = 0.2
    feed.go_on(500)
    feed.refused = 0.0
    feed.go_on(1_500)


def missing(feed: Feed) -> None:
    """A feature is missing for a while."""
    feed.missing = 0.9
    feed.go_on(500)
    feed.missing = 0.01
    feed.go_on(1_500)


def late(feed: Feed) -> None:
    """Twenty minutes are read only after they have passed."""
    feed.write(1_200)
    feed.take(most=300)


TROUBLES: Final = {"dead_letters": refused, "missing_values": missing, "lag": late}


@pytest.mark.parametrize("kind", TROUBLES)
def test_a_firing_alert_names_what_is_wrong_with_its_data_while_it_lasts(kind: str) -> None:
    """One revision when it begins, one when it is over; nothing else changes."""
    feed = Feed(build())
    feed.drift()
    assert of(feed.events(), "score") == [(1, None)]
    TROUBLES[kind](feed)
    events = feed.events()
    assert of(events, "score") == [(1, None), (2, kind), (3, None)]
    first, named, after = (data for data in events if data.signal == "score")
    assert named.cause is not None
    assert named.cause.detail
    assert first.at < named.cause.since <= named.at <= after.at
    assert first.evidence.before == named.evidence.before


@pytest.mark.parametrize("kind", TROUBLES)
def test_only_what_is_declared_holds_back(kind: str) -> None:
    """A trouble that is left out of `hold_back` is named in no alert."""
    left = [one for one in ("dead_letters", "missing_values", "lag") if one != kind]
    feed = Feed(build(hold_back=left))
    feed.drift()
    TROUBLES[kind](feed)
    assert of(feed.events(), "score") == [(1, None)]


def test_an_alert_that_opens_in_trouble_names_it_at_once() -> None:
    """It is held back before anybody was told of it."""
    feed = Feed(build())
    feed.go_on(1_500)
    feed.refused = 0.3
    feed.go_on(500)
    feed.score = 0.5
    feed.go_on(500)
    assert of(feed.events(), "score") == [(1, "dead_letters")]


def test_labels_that_stop_are_the_cause_of_what_needs_labels_alone() -> None:
    """An alert about a score is as true as before."""
    feed = Feed(build())
    feed.drift()
    feed.labels_come = False
    feed.go_on(4_000)
    feed.labels_come = True
    feed.go_on(200)
    events = feed.events()
    assert of(events, "score") == [(1, None)]
    silences = [read_event(one.value).data for one in _silences(feed)]
    assert [one.status.value for one in silences] == ["firing", "resolved"]


def _silences(feed: Feed) -> list[Outgoing]:
    monitor = build_monitor(build_deployment(feed.stream))
    effects = monitor.apply_all(enumerate(feed.log.messages))
    return [one for one in effects.events if b'"kind":"silence"' in one.value]


def test_a_missing_feature_is_no_cause_of_the_alert_that_it_is_missing() -> None:
    """That alert is what people have to be told."""
    feed = Feed(build())
    feed.drift()
    missing(feed)
    told = of(feed.events(), "missing.amount")
    assert told
    assert {cause for _, cause in told} == {None}


def test_data_of_years_ago_is_no_lag() -> None:
    """Read in batches as it comes, or from a backlog: it never was in time."""
    feed = Feed(build(), time_of=lambda at: at - 400 * 86_400 * SECOND)
    feed.drift()
    late(feed)
    assert of(feed.events(), "score") == [(1, None)]


def test_stops_anywhere_make_no_difference() -> None:
    """What is known of troubles, and was told of them, is stored."""
    feed = Feed(build())
    feed.drift()
    for trouble in TROUBLES.values():
        trouble(feed)
    messages = feed.log.messages
    deployment = build_deployment(feed.stream)
    undisturbed = asyncio.run(run_stored(deployment, messages))
    stopped = asyncio.run(
        run_stored(
            deployment,
            messages,
            checkpoints=each(len(messages), 7),
            crashes=each(len(messages), 13),
        )
    )
    assert stopped.events == undisturbed.events
    kinds = {data.cause and data.cause.kind.value for data in drift([*stopped.events.values()])}
    assert kinds == {None, *TROUBLES}


def test_a_share_is_of_the_latest_thousand_records_or_a_chunk_more() -> None:
    """What is older has gone, and is handed back."""
    recent, chance = RecentShare(), random.Random(1)
    flags: list[int] = []
    old = 0
    for _ in range(2_000):
        batch = [int(chance.random() < 0.3) for _ in range(chance.randint(0, 9))]
        flags += batch
        old += recent.add(len(batch), sum(batch))[0]
        assert old + recent.total == len(flags)
        assert recent.total < 1_000 + 2 * 100 + 9
        assert recent.part == sum(flags[old:])
