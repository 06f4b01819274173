"""Records as models at work send them: at a rate, each label a while after its prediction."""

from __future__ import annotations

import heapq
import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from confluent_kafka import Producer

from bench.workload import PARTITIONS, Sample, model_name, pair_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from bench.servers import Servers, Topics

    OnWritten: TypeAlias = Callable[[float, str, int, int], None]
    """Told of the moment before a record was written, and of its topic, partition and offset."""

DELAY_SECONDS: Final = 2.0
"""Between a prediction and its label."""
FLUSH_SECONDS: Final = 120.0
NAP_SECONDS: Final = 0.001
_WRONG: Final = 0.1


class Coming(NamedTuple):
    """A record, and when it is to be written."""

    seconds: float
    """Since the feed began."""
    is_label: bool
    sample: Sample


@dataclass(frozen=True)
class Feed:
    """So many pairs at a rate, the models and the partitions in turn."""

    pairs: int
    rate: float
    """Events a second: predictions and labels together."""
    models: int
    prefix: str = ""
    """What ids begin with."""
    wrong: NDArray[np.float64] | None = None
    """How likely each pair's prediction is wrong; a tenth where nothing is said."""

    @property
    def records(self) -> int:
        """Predictions and labels together: what is called events."""
        return 2 * self.pairs

    @property
    def seconds(self) -> float:
        """From the first record to the last one."""
        return self.records / self.rate + DELAY_SECONDS

    def coming(self, *, past: bool = False) -> Iterator[Coming]:
        """All records in their order; event time begins now, or has come to now in the end."""
        rng = np.random.default_rng(1)
        labels = rng.integers(0, 2, self.pairs)
        share = np.full(self.pairs, _WRONG) if self.wrong is None else self.wrong
        said = labels ^ (rng.random(self.pairs) < share)
        begin = time.time() - (self.seconds if past else 0)
        return heapq.merge(
            self._coming("prediction", said.tolist(), begin, 0.0),
            self._coming("label", labels.tolist(), begin, DELAY_SECONDS),
        )

    def _coming(
        self, name: str, values: Sequence[int], begin: float, delay: float
    ) -> Iterator[Coming]:
        for pair, value in enumerate(values):
            model = pair % self.models
            seconds = delay + 2 * pair / self.rate
            at = int((begin + seconds) * 1_000)
            number = f"{self.prefix}{pair_id(model, pair // self.models)}"
            record = {"id": number, "model": model_name(model), "ts": at, name: value}
            sample = Sample(pair % PARTITIONS, b"", json.dumps(record).encode(), at)
            yield Coming(seconds, name == "label", sample)


class Writer:
    """Writes a feed's records to the topics of a deployment."""

    def __init__(
        self, servers: Servers, topics: Topics, on_written: OnWritten | None = None
    ) -> None:
        self._topics = (topics.predictions, topics.labels)
        self._on_written = on_written
        self._producer = Producer(
            {
                "bootstrap.servers": servers.kafka.bootstrap,
                # It outlives the servers, and need not say that they are gone.
                "log_level": 0,
                # With librdkafka's 5 ms the broker took most of a core for 1,600 requests a second.
                # What a record waits here counts as latency.
                "linger.ms": 20,
                "queue.buffering.max.messages": 500_000,
            }
        )

    def pace(self, feed: Feed) -> float:
        """Write each record when it is due; the rate that came of it."""
        began = time.monotonic()
        for one in feed.coming():
            while (early := one.seconds - (time.monotonic() - began)) > 0:
                self._producer.poll(0)
                time.sleep(max(early, NAP_SECONDS))
            self._write(one)
        self._flush()
        return feed.records / (time.monotonic() - began - DELAY_SECONDS)

    def pour(self, feed: Feed, *, begin: Callable[[], None] = lambda: None) -> None:
        """Write all at once, as a backlog; `begin` is called when everything is made."""
        records = list(feed.coming(past=True))
        begin()
        for one in records:
            self._write(one)
        self._flush()

    def _write(self, one: Coming) -> None:
        told = self._on_written and partial(self._tell, time.monotonic())
        topic, sample = self._topics[one.is_label], one.sample
        while True:
            try:
                self._producer.produce(
                    topic,
                    sample.value,
                    None,
                    sample.partition,
                    on_delivery=told,
                    timestamp=sample.at,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _tell(self, before: float, _error: Any, message: Any) -> None:
        assert self._on_written is not None  # noqa: S101 - only then it is called
        self._on_written(before, message.topic(), message.partition(), message.offset())

    def _flush(self) -> None:
        if self._producer.flush(FLUSH_SECONDS):
            msg = "not all records were taken in time"
            raise TimeoutError(msg)
