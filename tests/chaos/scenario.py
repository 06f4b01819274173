"""What a round feeds: two streams cut from the car-loan recording, with all that sources do to it.

`loans` has one partition for each topic and one order, so that its alarms are known beforehand.
`fleet` is split by a field, spread over partitions, and out of order: labels come before their
predictions, twice, corrected, or never.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from support.pipeline import Sent
from support.recorded_streams import DEMO

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

LOANS: Final = 2_000
FLEET: Final = 1_600
CHANGE: Final = 25_000
"""The row of the recording at which the world changes."""
CHUNKS: Final = 12
REGION: Final = "salary_range"

DETECTORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "quick": {"kind": "adwin", "delta": 0.3, "clock": 1, "warm_up": 100},
    "page": {"kind": "page-hinkley", "threshold": 12.0, "warm_up": 100},
    "ddm": {"kind": "ddm", "warm_start": 30},
    "kept": {"kind": "hddm-a", "drift_confidence": 0.01, "warning_confidence": 0.05},
}


@dataclass(frozen=True)
class Scenario:
    """The topics and records of a round."""

    name: str
    chunks: Sequence[Sequence[tuple[str, Sent]]]
    """What is sent, in order, in portions; each record with its topic."""
    on_state_lost: str = "refuse"
    partitions: Mapping[str, int] = field(default_factory=dict)

    def topic(self, stream: str, role: str) -> str:
        """The name of a source topic."""
        return f"{self.name}.{stream}.{role}"

    def streams(self) -> dict[str, dict[str, Any]]:
        """The declarations."""
        loans = self._declare("loans") | {
            "watch": {
                "error": {"detector": ["quick", "ddm", "kept"], "severity": "critical"},
                "score": {"detector": ["quick", "page"]},
                "feature.car_value": {"detector": ["quick", "page"]},
                "feature.loan_length": {"detector": ["page"]},
            },
        }
        fleet = self._declare("fleet") | {
            "split_by": REGION,
            "watch": {
                "error": {"detector": ["quick", "ddm"]},
                "feature.car_value": {"detector": ["page"]},
                "feature.size_of_downpayment": {"detector": ["quick"]},
            },
        }
        return {"loans": loans, "fleet": fleet}

    def _declare(self, stream: str) -> dict[str, Any]:
        return {
            "task": "binary",
            "positive": 1,
            "on_state_lost": self.on_state_lost,
            "predictions": {
                "topic": self.topic(stream, "predictions"),
                "start": "earliest",
                "id": "id",
                "time": "timestamp",
                "prediction": "y_pred",
                "score": "y_pred_proba",
                "features": [
                    "car_value",
                    "loan_length",
                    {"name": "size_of_downpayment", "categorical": True},
                ],
            },
            "labels": {
                "topic": self.topic(stream, "labels"),
                "start": "earliest",
                "id": "id",
                "time": "labelled_at",
                "label": "repaid",
                "horizon": "60d",
            },
            "windows": [{"size": "1d", "keep": "400d"}],
        }


def build_scenario(name: str, rng: random.Random, *, on_state_lost: str = "refuse") -> Scenario:
    """A round's data, other with each seed."""
    topics = {
        f"{name}.loans.predictions": 1,
        f"{name}.loans.labels": 1,
        f"{name}.fleet.predictions": 2,
        f"{name}.fleet.labels": 3,
    }
    sent = [
        _in_order(f"{name}.loans.predictions", _loans_predictions(rng)),
        _in_order(f"{name}.loans.labels", _loans_labels(rng)),
        _scattered(f"{name}.fleet.predictions", _fleet_predictions(rng), 2, rng),
        _scattered(f"{name}.fleet.labels", _fleet_labels(rng), 3, rng),
    ]
    chunks = [
        [record for records in sent for record in _portion(records, number)]
        for number in range(CHUNKS)
    ]
    return Scenario(name, chunks, on_state_lost, topics)


def _portion(records: Sequence[tuple[str, Sent]], number: int) -> Sequence[tuple[str, Sent]]:
    size = -(-len(records) // CHUNKS)
    return records[number * size : (number + 1) * size]


def _loans_predictions(rng: random.Random) -> list[bytes]:
    values = []
    for prediction, _ in _rows(CHANGE - LOANS // 2, LOANS):
        values.append(_json(prediction))
        if rng.random() < 0.03:
            values.append(values[-1])
        if rng.random() < 0.01:
            values.append(rng.choice(BAD))
    return values


def _loans_labels(rng: random.Random) -> list[bytes]:
    """One order with the predictions: else an outcome's place would hang on who was read first."""
    values = []
    for _, label in _rows(CHANGE - LOANS // 2, LOANS):
        if rng.random() < 0.95:
            values.append(_json(label))
            if rng.random() < 0.03:
                values.append(values[-1])
    return values


def _fleet_predictions(rng: random.Random) -> list[bytes]:
    values = []
    for prediction, _ in _rows(CHANGE - FLEET // 2, FLEET):
        values.append(_json(prediction))
        if rng.random() < 0.02:
            values.append(_json(prediction | {"y_pred": 1 - prediction["y_pred"]}))
    return _shuffled(values, rng)


def _fleet_labels(rng: random.Random) -> list[bytes]:
    values = []
    for _, label in _rows(CHANGE - FLEET // 2, FLEET):
        if rng.random() < 0.9:
            values.append(_json(label))
            if rng.random() < 0.04:
                values.append(_json(label | {"repaid": 1 - label["repaid"]}))
        if rng.random() < 0.01:
            values.append(rng.choice(BAD))
    return _shuffled(values, rng)


BAD: Final = (
    b"{",
    b"[1]",
    b'{"id": 1}',
    b"\xff\xfe",
    b'{"id": "x", "timestamp": "2099-01-01"}',
    b"",
)


def _in_order(topic: str, values: Sequence[bytes]) -> list[tuple[str, Sent]]:
    return [(topic, Sent(value)) for value in values]


def _scattered(
    topic: str, values: Sequence[bytes], partitions: int, rng: random.Random
) -> list[tuple[str, Sent]]:
    return [(topic, Sent(value, partition=rng.randrange(partitions))) for value in values]


def _shuffled(values: list[bytes], rng: random.Random) -> list[bytes]:
    """Out of order, each within about a third of the whole."""
    order = {i: i + rng.uniform(0, len(values) / 3) for i in range(len(values))}
    return [values[i] for i in sorted(order, key=order.__getitem__)]


@cache
def _recording() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    directory = DEMO / "car-loan"
    with (
        gzip.open(directory / "predictions.csv.gz", "rt", encoding="utf-8") as predictions,
        gzip.open(directory / "labels.csv.gz", "rt", encoding="utf-8") as labels,
    ):
        pairs = zip(csv.DictReader(predictions), csv.DictReader(labels), strict=True)
        return [_pair(*pair) for pair in islice(pairs, CHANGE - LOANS // 2, CHANGE + LOANS // 2)]


def _rows(first: int, count: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    start = first - (CHANGE - LOANS // 2)
    return _recording()[start : start + count]


def _pair(
    prediction: dict[str, str], label: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    assert prediction["id"] == label["id"]
    value = {
        "id": prediction["id"],
        "timestamp": prediction["timestamp"],
        "y_pred": int(prediction["y_pred"]),
        "y_pred_proba": float(prediction["y_pred_proba"]),
        "car_value": float(prediction["car_value"]),
        "loan_length": float(prediction["loan_length"]),
        "size_of_downpayment": prediction["size_of_downpayment"],
        REGION: prediction[REGION],
    }
    truth = {
        "id": label["id"],
        "labelled_at": prediction["timestamp"],
        "repaid": int(label["repaid"]),
        REGION: prediction[REGION],
    }
    return value, truth


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode()
