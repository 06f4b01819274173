"""A small stream with made-up recorded data, for commands that take files."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)

STREAM = """\
task: binary
positive: 1
predictions:
  topic: {predictions}
  start: earliest
  id: id
  time: at
  prediction: predicted
  score: probability
  features: [amount, {{name: country, categorical: true}}]
labels:
  topic: {labels}
  start: earliest
  id: id
  time: known_at
  label: truth
  horizon: 30d
watch:
  error: {{detector: adwin, severity: critical}}
  feature.amount: {{detector: adwin}}
"""


def write_deployment(
    directory: Path, *, predictions: str = "churn.predictions", labels: str = "churn.labels"
) -> Path:
    """A deployment with one stream, `churn`; hands back its directory."""
    for folder in ("streams", "detectors"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    text = STREAM.format(predictions=predictions, labels=labels)
    (directory / "streams" / "churn.yaml").write_text(text)
    (directory / "detectors" / "adwin.yaml").write_text("kind: adwin\n")
    return directory


def write_recordings(directory: Path, rows: int, *, seed: int = 1) -> tuple[Path, Path]:
    """Predictions a minute apart, and their labels at once; half-way, `amount` goes up.

    From there on half of the predictions are wrong.
    """
    chance = random.Random(seed)
    predictions, labels = directory / "predictions.csv", directory / "labels.csv"
    with predictions.open("w", newline="") as p_file, labels.open("w", newline="") as l_file:
        said, truth = csv.writer(p_file), csv.writer(l_file)
        said.writerow(["id", "at", "predicted", "probability", "amount", "country"])
        truth.writerow(["id", "truth", "known_at"])
        for row in range(rows):
            shifted = row >= rows // 2
            at = (START + timedelta(minutes=row)).isoformat()
            label = int(chance.random() < 0.5)
            wrong = chance.random() < (0.5 if shifted else 0.05)
            predicted = 1 - label if wrong else label
            amount = chance.gauss(3.0 if shifted else 0.0, 1.0)
            said.writerow([f"r{row}", at, predicted, 0.9 if predicted else 0.1, amount, "DE"])
            truth.writerow([f"r{row}", label, at])
    return predictions, labels
