"""What can be played: data that travels in the package, and the deployment that watches it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Scene:
    """One recorded course of events. Its name is its stream's, and that of its directories."""

    name: str
    about: str
    """What happens, for people."""
    label_delay: timedelta
    """How long after its prediction a label comes."""
    charts: tuple[str, ...]
    """Signals worth a chart, the one that needs labels first."""

    @property
    def predictions(self) -> Path:
        """The recorded predictions."""
        return _HERE / "data" / self.name / "predictions.csv.gz"

    @property
    def labels(self) -> Path:
        """The recorded labels."""
        return _HERE / "data" / self.name / "labels.csv.gz"

    def unpack(self, directory: Path) -> None:
        """Write the deployment that watches it into an empty directory."""
        shutil.copytree(_HERE / "deployments" / self.name, directory, dirs_exist_ok=True)
        # By path: importing the detectors would load River, for a second.
        shutil.copytree(_HERE.parent / "detectors" / "profiles", directory / "detectors")


SCENES: Final = {
    scene.name: scene
    for scene in (
        Scene(
            "car-loan",
            "50,000 predictions of whether an applicant repays a car loan; whether they did is"
            " known 30 days later. At the end of March 2019 the applicants change.",
            timedelta(days=30),
            ("error", "feature.car_value", "feature.loan_length"),
        ),
        Scene(
            "insects",
            "20,150 real flights of insects past an optical sensor, each named by a small model;"
            " what it was is known 6 hours later. From 4 June 2024 on it gets warmer.",
            timedelta(hours=6),
            ("error", "score", "feature.att7"),
        ),
    )
}
