"""The shipped recordings as streams, with every detector on their signals, and River's word on it.

car-loan, insects and the tornado files, each whole; and of each 5,000 rows for KSWIN, which costs
hundreds of times what the others do. Written without driftline's readers: values are taken from the
files' text.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftline.config.profiles import DETECTOR_SPEC, KINDS, Profile
from driftline.config.streams import StreamSpec
from driftline.config.watches import signal_kinds
from driftline.detectors.shipped import shipped_profile
from support.river_oracle import river_alarms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.model import SignalKind

ROOT: Final = Path(__file__).parents[2]
DEMO: Final = ROOT / "src/driftline/demo/data"
TORNADO: Final = ROOT / "tests/data/tornado"
LABEL_DELAY: Final = timedelta(hours=1)

EAGER: Final[dict[str, dict[str, Any]]] = {
    "adwin": {"delta": 0.2, "clock": 32},
    "page-hinkley": {"threshold": 30.0, "alpha": 0.9999, "mode": "up"},
    "kswin": {"alpha": 0.005, "seed": 7},
    "ddm": {"warm_start": 30},
    "eddm": {"warm_start": 30, "alpha": 0.95, "beta": 0.9},
    "hddm-a": {"drift_confidence": 0.01, "warning_confidence": 0.05, "two_sided_test": True},
    "hddm-w": {"lambda_val": 0.05, "drift_confidence": 0.001, "warning_confidence": 0.005},
    "fhddm": {"sliding_window_size": 100, "confidence_level": 0.0001},
}
"""Settings under which alarms come often, by kind."""

QUICK_KINDS: Final = tuple(kind for kind in KINDS if kind != "kswin")
ANY: Final = ("adwin", "page-hinkley", "eager-page-hinkley")
"""What watches signals that are not binary."""
ALL: Final = (*QUICK_KINDS, *(f"eager-{kind}" for kind in QUICK_KINDS))
"""What watches binary signals."""
EAGER_ONES: Final = ALL[len(QUICK_KINDS) :]
FEW: Final = ("adwin", "eager-page-hinkley")
"""For the long recordings: River takes seconds with all of them."""
SLOW: Final = ("kswin", "eager-kswin")


def detector_files() -> dict[str, dict[str, Any]]:
    """Every profile: the shipped ones, and the eager ones."""
    shipped = {kind: shipped_profile(kind).spec.model_dump() for kind in KINDS}
    return shipped | {f"eager-{kind}": {"kind": kind, **EAGER[kind]} for kind in KINDS}


@cache
def profile(name: str) -> Profile:
    """A profile of `detector_files`."""
    return Profile(name, DETECTOR_SPEC.validate_python(detector_files()[name]))


@dataclass(frozen=True)
class Recording:
    """Rows of one data set, and the stream that they are of."""

    name: str
    predictions: Path
    labels: Path | None
    spec: dict[str, Any]
    """As in streams/<name>.yaml; topics are filled in by `declared`."""
    first: int = 0
    count: int | None = None

    def declared(self, topic: str = "", labels_topic: str = "") -> dict[str, Any]:
        """The stream's declaration on these topics."""
        predictions = {"topic": topic or f"{self.name}.p", "start": "earliest"}
        spec = {**self.spec, "predictions": {**self.spec["predictions"], **predictions}}
        if self.labels is not None:
            labels = {"topic": labels_topic or f"{self.name}.l", "start": "earliest"}
            spec["labels"] = {**spec["labels"], **labels}
        return spec

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the predictions."""
        return self._cut(_read(self.predictions))

    @property
    def label_rows(self) -> list[dict[str, str]]:
        """The rows of the labels, one for each prediction, in the same order."""
        return self._cut(_read(self.labels)) if self.labels is not None else []

    def _cut(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        end = None if self.count is None else self.first + self.count
        return rows[self.first : end]

    def prediction_values(self) -> Iterator[bytes]:
        """The predictions as JSON."""
        spec = self.spec["predictions"]
        wanted = [spec[key] for key in ("id", "time", "prediction", "score") if key in spec]
        wanted += spec["features"]
        for row in self.rows:
            yield _json({column: row[column] for column in wanted})

    def label_values(self) -> Iterator[bytes]:
        """The labels as JSON, each known `LABEL_DELAY` after its prediction."""
        if self.labels is None:
            return
        time = self.spec["predictions"]["time"]
        for row, label in zip(self.rows, self.label_rows, strict=True):
            known = datetime.fromisoformat(row[time]) + LABEL_DELAY
            yield _json({**label, "labelled_at": known.isoformat()})

    def write_csv(self, directory: Path) -> tuple[Path, Path | None]:
        """The rows as files of their own, to be replayed."""
        predictions = _write(directory / f"{self.name}.csv", self.rows)
        if self.labels is None:
            return predictions, None
        return predictions, _write(directory / f"{self.name}-labels.csv", self.label_rows)

    def series(self, signal: str) -> list[float]:
        """A signal's values in order, taken from the files."""
        spec = self.spec["predictions"]
        if signal.startswith("feature."):
            return [float(row[signal.removeprefix("feature.")]) for row in self.rows]
        predicted = [row[spec["prediction"]] for row in self.rows]
        if signal == "prediction":
            return [float(value) for value in predicted]
        if signal == "score":
            return [float(row[spec["score"]]) for row in self.rows]
        truth = [row[self.spec["labels"]["label"]] for row in self.label_rows]
        if signal == "label":
            return [float(value) for value in truth]
        if signal == "error":
            return [float(said != true) for said, true in zip(predicted, truth, strict=True)]
        scores = (min(max(score, 1e-15), 1 - 1e-15) for score in self.series("score"))
        return [
            -math.log(score if true == "1" else 1 - score)
            for score, true in zip(scores, truth, strict=True)
        ]

    def watched(self) -> Iterator[tuple[str, SignalKind, str]]:
        """Every signal with its kind and a profile that watches it."""
        spec = StreamSpec.model_validate(self.declared())
        kinds = signal_kinds(spec)
        for signal, watch in self.spec["watch"].items():
            for name in watch["detector"]:
                yield signal, kinds[signal], name


@cache
def _read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _write(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _json(row: dict[str, str]) -> bytes:
    """The row with its numbers as the file writes them."""
    pairs = (f"{json.dumps(name)}: {_number_or_text(value)}" for name, value in row.items())
    return f"{{{', '.join(pairs)}}}".encode()


def _number_or_text(value: str) -> str:
    try:
        float(value)
    except ValueError:
        return json.dumps(value)
    return value


def _watch(**detectors: Sequence[str]) -> dict[str, Any]:
    return {
        signal.replace("__", "."): {"detector": list(names), "severity": "info"}
        for signal, names in detectors.items()
    }


def _car_loan(watch: dict[str, Any]) -> dict[str, Any]:
    features = ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"]
    return {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "id": "id",
            "time": "timestamp",
            "prediction": "y_pred",
            "score": "y_pred_proba",
            "features": features,
        },
        "labels": {"id": "id", "time": "labelled_at", "label": "repaid", "horizon": "60d"},
        "windows": [{"size": "1d", "keep": "400d"}],
        "watch": watch,
    }


def _insects(watch: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": "multiclass",
        "predictions": {
            "id": "id",
            "time": "time",
            "prediction": "prediction",
            "score": "score",
            "features": ["att1", "att7", "att8", "att9", "att24"],
        },
        "labels": {"id": "id", "time": "labelled_at", "label": "class", "horizon": "2d"},
        "windows": [{"size": "1h", "keep": "30d"}],
        "watch": watch,
    }


def _tornado(features: Sequence[str], watch: dict[str, Any]) -> dict[str, Any]:
    """The class stands for a prediction: a 0/1 signal that needs no label."""
    return {
        "task": "binary",
        "positive": 1,
        "predictions": {"id": "id", "prediction": "class", "features": list(features)},
        "watch": watch,
    }


_CAR_LOAN: Final = (DEMO / "car-loan/predictions.csv.gz", DEMO / "car-loan/labels.csv.gz")
_INSECTS: Final = (DEMO / "insects/predictions.csv.gz", DEMO / "insects/labels.csv.gz")
_SINE: Final = (TORNADO / "sine1.csv.gz", None)
_MIXED: Final = (TORNADO / "mixed.csv.gz", None)

RECORDINGS: Final = (
    Recording(
        "car-loan",
        *_CAR_LOAN,
        _car_loan(
            _watch(
                error=ALL,
                loss=FEW,
                score=FEW,
                prediction=("eager-ddm", "eager-fhddm"),
                label=("adwin", "eager-hddm-w"),
                feature__car_value=ANY,
                feature__debt_to_income_ratio=FEW,
                feature__loan_length=ANY,
                feature__driver_tenure=FEW,
            )
        ),
    ),
    Recording(
        "insects",
        *_INSECTS,
        _insects(
            _watch(
                error=ALL,
                score=ANY,
                feature__att1=ANY,
                feature__att7=ANY,
                feature__att8=ANY,
                feature__att9=ANY,
                feature__att24=ANY,
            )
        ),
    ),
    Recording(
        "sine1",
        *_SINE,
        _tornado("xy", _watch(prediction=(*EAGER_ONES, "fhddm"), feature__x=FEW, feature__y=FEW)),
    ),
    Recording(
        "mixed",
        *_MIXED,
        _tornado(
            "vwxy",
            _watch(
                prediction=("adwin", "fhddm", "eager-fhddm", "eager-adwin", "eager-hddm-a"),
                feature__v=FEW,
                feature__w=FEW,
                feature__x=FEW,
                feature__y=FEW,
            ),
        ),
    ),
    Recording(
        "car-loan-part",
        *_CAR_LOAN,
        _car_loan(_watch(feature__car_value=SLOW)),
        first=22_500,
        count=5_000,
    ),
    Recording(
        "insects-part",
        *_INSECTS,
        _insects(_watch(error=SLOW[1:])),
        first=7_500,
        count=5_000,
    ),
    Recording(
        "sine1-part",
        *_SINE,
        _tornado("xy", _watch(prediction=(*EAGER_ONES, *SLOW[1:]))),
        first=17_500,
        count=5_000,
    ),
    Recording(
        "mixed-part",
        *_MIXED,
        _tornado("vwxy", _watch(feature__y=SLOW[1:])),
        first=17_500,
        count=5_000,
    ),
)
"""The four sets whole, and parts of 5,000 rows for KSWIN."""
SHORT: Final = tuple(one for one in RECORDINGS if one.name in {"insects", "sine1-part"})
"""A few, on which every kind of detector alarms."""

Alarms = dict[tuple[str, str, str], list[int]]
"""The `values_seen` of all alarms, by stream, signal and profile; none are left out."""


@cache
def _oracle(name: str, signal: str, kind: SignalKind, detector: str) -> tuple[int, ...]:
    recording = next(one for one in RECORDINGS if one.name == name)
    return tuple(river_alarms(profile(detector), kind, recording.series(signal)))


def expected_alarms(recordings: Sequence[Recording] = RECORDINGS) -> Alarms:
    """What River says to the same values, called directly."""
    found: Alarms = {}
    for one in recordings:
        for signal, kind, detector in one.watched():
            alarms = _oracle(one.name, signal, kind, detector)
            if alarms:
                found[one.name, signal, detector] = list(alarms)
    return found
