"""How long it takes from a record's write until the alert that it sets off can be read."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.attached import Attached
from bench.feed import Feed, Writer
from bench.following import values_of
from bench.say import say
from bench.targets import LATENCY_LATE, LATENCY_MEDIAN
from driftline.alerts.event import read_event
from driftline.alerts.schema import DriftData

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from numpy.typing import NDArray

    from bench.servers import Servers
    from bench.verdict import Verdict

    Place: TypeAlias = tuple[str, int, int]
    """A record's topic, partition and offset."""

NAME: Final = "latency"
RATE: Final = 5_000.0
MODELS: Final = 200
FLIPPED: Final = 150
"""So many of the models go wrong, one after the other."""
FIRST_SECONDS: Final = 50.0
"""When the first one does: a broker that was just started compiles itself for most of a minute, on
the cores that the worker needs."""
EVERY_SECONDS: Final = 0.25
LAST_SECONDS: Final = 10.0
"""From when the last one does to the end."""
ALERTS: Final = 100
"""At least so many have to come."""
_WRONG, _BAD = 0.1, 0.95


@dataclass
class Times:
    """When records were written, and when alerts could be read; by the same clock."""

    written: dict[Place, float] = field(default_factory=dict)
    read: list[tuple[float, bytes]] = field(default_factory=list)

    def note_written(self, before: float, topic: str, partition: int, offset: int) -> None:
        """A record is where it is."""
        self.written[(topic, partition, offset)] = before

    def waits(self) -> Iterator[float]:
        """Seconds from the trigger of each alert to its first revision on the topic."""
        for at, value in self.read:
            data = read_event(value).data
            if isinstance(data, DriftData) and data.revision == 1:
                cause = data.trigger
                yield at - self.written[(cause.topic, cause.partition, cause.offset)]


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """Percentiles over the alerts of models that go wrong one after the other, beside others."""
    topics, times = servers.make_topics(NAME), Times()
    writer, ended = Writer(servers, topics, times.note_written), threading.Event()
    with Attached(servers, directory, NAME, topics) as attached:
        attached.start()
        reading = threading.Thread(target=_read, args=(servers, times, ended), daemon=True)
        reading.start()
        attached.begin()
        feed = _feed()
        rate = writer.pace(feed)
        used = attached.until_done()
        attached.settle()
        ended.set()
        reading.join()
    waits = 1_000 * np.array(list(times.waits()))
    if len(waits) < ALERTS:
        msg = f"only {len(waits)} alerts came"
        raise AssertionError(msg)
    median, late = np.percentile(waits, [50, 99]).tolist()
    say(
        f"{len(waits)} alerts at {rate:,.0f} events/s over {MODELS} models: p50 {median:.0f} ms,"
        f" p99 {late:.0f} ms, most {waits.max():.0f} ms;"
        f" {used.each(feed.records):.1f} CPU us an event"
    )
    return [LATENCY_MEDIAN.measured(median), LATENCY_LATE.measured(late)]


def _feed() -> Feed:
    """All models at the same rate; from its own moment on a flipped one is nearly always wrong."""
    seconds = FIRST_SECONDS + FLIPPED * EVERY_SECONDS + LAST_SECONDS
    pairs = np.arange(int(RATE / 2 * seconds))
    flips = np.full(MODELS, np.inf)
    flips[:FLIPPED] = FIRST_SECONDS + EVERY_SECONDS * np.arange(FLIPPED)
    wrong: NDArray[np.float64] = np.where(2 * pairs / RATE >= flips[pairs % MODELS], _BAD, _WRONG)
    return Feed(len(pairs), RATE, MODELS, wrong=wrong)


def _read(servers: Servers, times: Times, ended: threading.Event) -> None:
    """Note what can be read; runs in a thread."""
    for value in values_of(servers.kafka.bootstrap, f"{NAME}.alerts"):
        if value is not None:
            times.read.append((time.monotonic(), value))
        if ended.is_set():
            return
