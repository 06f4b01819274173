# ruff: noqa: INP001 - a script
"""Make the insects demo's data: predictions of a small model on INSECTS gradual_balanced.

    python scripts/insects_predictions.py SOURCE.csv.gz src/driftline/demo/data/insects

The source has 33 numbers a row, measured by an optical sensor as an insect flies through it, and
the insect's class; the temperature changes on the way, and with it how insects fly. A linear
discriminant analysis on the logarithms of the numbers, learned from the first rows and never
again, predicts the class of all rows after them. The same input gives the same files.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
Ints: TypeAlias = "NDArray[np.int64]"

LEARNED_FROM: Final = 4_000
FEATURES: Final = (1, 7, 8, 9, 24)
"""The attributes, counted from 1, that go with the predictions: five that the change moves most."""

FIRST: Final = datetime(2024, 6, 1, tzinfo=UTC)
CADENCE: Final = timedelta(seconds=30)
"""The data has no times: these are made up, so that rows are a week of events."""

_SMALLEST: Final = 1e-3
_RIDGE: Final = 1e-2


def main(source: Path, target: Path) -> None:
    """Read the data, learn, predict, and write predictions.csv.gz and labels.csv.gz."""
    with gzip.open(source, "rt") as file:
        rows = np.loadtxt(file, delimiter=",")
    attributes, classes = rows[:, :-1], rows[:, -1].astype(np.int64)
    predicted, scores = predict(attributes, classes)
    after = range(LEARNED_FROM, len(rows))
    write(
        target / "predictions.csv.gz",
        ("id", "time", "prediction", "score", *(f"att{number}" for number in FEATURES)),
        (
            (
                row,
                (FIRST + row * CADENCE).strftime("%Y-%m-%dT%H:%M:%SZ"),
                predicted[row],
                f"{scores[row]:.4f}",
                *(f"{attributes[row, number - 1]:g}" for number in FEATURES),
            )
            for row in after
        ),
    )
    write(target / "labels.csv.gz", ("id", "class"), ((row, classes[row]) for row in after))
    report(predicted != classes)


def predict(attributes: Floats, classes: Ints) -> tuple[Ints, Floats]:
    """Each row's class by a model of the first rows, and the probability it gives that class."""
    logs = np.log(attributes + _SMALLEST)
    known = logs[:LEARNED_FROM]
    standard = (logs - known.mean(axis=0)) / known.std(axis=0)
    known, truth = standard[:LEARNED_FROM], classes[:LEARNED_FROM]
    names = np.unique(truth)
    means = np.array([known[truth == name].mean(axis=0) for name in names])
    within = known - means[np.searchsorted(names, truth)]
    spread = np.cov(within.T) + _RIDGE * np.eye(known.shape[1])
    weights = np.linalg.solve(spread, means.T)
    likelihoods = standard @ weights - (means.T * weights).sum(axis=0) / 2
    odds = np.exp(likelihoods - likelihoods.max(axis=1, keepdims=True))
    shares = odds / odds.sum(axis=1, keepdims=True)
    return names[shares.argmax(axis=1)], shares.max(axis=1)


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV, gzipped without a time in it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def report(wrong: NDArray[np.bool_]) -> None:
    """Say how often the model is wrong along the rows."""
    for begin in range(LEARNED_FROM, len(wrong), 2_000):
        part = wrong[begin : begin + 2_000]
        sys.stdout.write(f"rows {begin:6,} to {begin + len(part):6,}: error {part.mean():.3f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
