"""Detectors of the user's own, installed as pip would leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def install(directory: Path, name: str, detectors: Mapping[str, str]) -> None:
    """A package with these detectors, each as `module:class`; the directory has to be searched."""
    info = directory / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[driftline.detectors]", *(f"{kind} = {where}" for kind, where in detectors.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
