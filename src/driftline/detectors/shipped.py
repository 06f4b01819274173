"""The shipped detector profiles, which travel inside the package."""

from __future__ import annotations

from importlib.resources import files

import yaml

from driftline.config.profiles import DETECTOR_SPEC, SHIPPED, Profile


def shipped_files() -> dict[str, str]:
    """The text of each shipped profile by its file's name, such as `adwin.yaml`."""
    directory = files("driftline.detectors") / "profiles"
    return {f"{name}.yaml": (directory / f"{name}.yaml").read_text("utf-8") for name in SHIPPED}


def shipped_profile(name: str) -> Profile:
    """One shipped profile; KeyError if there is none of that name."""
    text = shipped_files()[f"{name}.yaml"]
    return Profile(name, DETECTOR_SPEC.validate_python(yaml.safe_load(text)))
