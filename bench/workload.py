"""The data of a comparison: made once from a seed, the same for everyone, with known alarms.

Labels of a model come in the order of its predictions, and all records of a model are in one
partition. So the order in which pairs become complete is the same however the two topics are read,
and with it the values that the detector sees: there is one right answer.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from river.drift import ADWIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

PARTITIONS: Final = 4
DELTA: Final = 0.002
LABEL_DELAY_MS: Final = 5_000
STEP_MS: Final = 1
"""Event time between two predictions."""
FIRST_ROWS: Final = slice(200, 300)
LAST_ROWS: Final = slice(-300, None)
"""Pairs of each model near the start and at the end that are nearly all wrong: the first alarm and
the last one lie in them."""
_RATE: Final = 0.1
_BAD_RATE: Final = 0.3
_TERRIBLE_RATE: Final = 0.95
_PADDING: Final = "x" * 110


@dataclass(frozen=True, slots=True)
class Sample:
    """One record to write."""

    partition: int
    key: bytes
    value: bytes
    at: int
    """Milliseconds since 1970."""


@dataclass(frozen=True)
class Workload:
    """So many predictions, each with its label, spread over so many models."""

    pairs: int
    models: int = 8
    seed: int = 1
    features: int = 0
    """Numeric features of each prediction."""

    @property
    def records(self) -> int:
        """Predictions and labels together: what is called events."""
        return 2 * self.pairs

    @cached_property
    def _random(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Labels, and whether each prediction is wrong."""
        rng = np.random.default_rng(self.seed)
        rate = np.full(self.pairs, _RATE)
        by_model = rate[: self.pairs // self.models * self.models].reshape(-1, self.models)
        by_model[len(by_model) // 2 : len(by_model) * 7 // 10] = _BAD_RATE
        by_model[FIRST_ROWS] = by_model[LAST_ROWS] = _TERRIBLE_RATE
        labels = rng.integers(0, 2, self.pairs)
        return labels, (rng.random(self.pairs) < rate).astype(np.int64)

    @cached_property
    def alarms(self) -> Mapping[str, Sequence[int]]:
        """Per model how many pairs River's ADWIN had been given at each of its alarms."""
        _, wrong = self._random
        found = {}
        for model in range(self.models):
            detector, alarms = ADWIN(delta=DELTA, clock=1), []
            for count, error in enumerate(wrong[model :: self.models].tolist(), 1):
                detector.update(error)
                if detector.drift_detected:
                    alarms.append(count)
            there = FIRST_ROWS.start < alarms[0] <= FIRST_ROWS.stop if alarms else False
            if not there or alarms[-1] <= count + LAST_ROWS.start:
                message = f"model {model} alarms at {alarms}: take another seed, or more pairs"
                raise ValueError(message)
            found[model_name(model)] = alarms
        return found

    @property
    def records_between(self) -> int:
        """How many records there are between the first alarm of all and the last one."""
        first = min(alarms[0] for alarms in self.alarms.values())
        last = max(alarms[-1] for alarms in self.alarms.values())
        return 2 * self.models * (last - first)

    def predictions(self, prefix: str = "") -> Iterator[Sample]:
        """The records of the predictions topic, in order; ids begin with the prefix."""
        labels, wrong = self._random
        return self._samples("prediction", (labels ^ wrong).tolist(), 0, prefix)

    def labels(self, prefix: str = "") -> Iterator[Sample]:
        """The records of the labels topic, in order; ids begin with the prefix."""
        labels, _ = self._random
        return self._samples("label", labels.tolist(), LABEL_DELAY_MS, prefix)

    def _samples(
        self, name: str, values: Sequence[int], delay: int, prefix: str
    ) -> Iterator[Sample]:
        noise = np.random.default_rng(self.seed).normal(size=(1_000, self.features)).round(4)
        names = [f"f{number}" for number in range(self.features)]
        begin = int(time.time() * 1000) - self.pairs * STEP_MS - LABEL_DELAY_MS - 1_000
        for pair, value in enumerate(values):
            model = pair % self.models
            at = begin + pair * STEP_MS + delay
            record = {
                "id": prefix + pair_id(model, pair // self.models),
                "model": model_name(model),
                "ts": at,
                name: value,
                "score": round(pair % 1000 / 1000, 3),
                "notes": _PADDING,
                **dict(zip(names, noise[pair % 1_000].tolist(), strict=True)),
            }
            key = model_name(model).encode()
            yield Sample(model % PARTITIONS, key, json.dumps(record).encode(), at)


def model_name(model: int) -> str:
    """A model as its records name it."""
    return f"m{model:02d}"


def pair_id(model: int, number: int) -> str:
    """The id of a model's prediction, and of its label."""
    return f"{model:02d}-{number:09d}"
