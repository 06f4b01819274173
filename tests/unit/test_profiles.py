"""Detector profiles refuse what a detector cannot mean, and are known by their settings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from driftline.config.profiles import DETECTOR_SPEC, KINDS, SHIPPED, Profile
from driftline.detectors.shipped import shipped_files, shipped_profile

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"kind": "adwin", "delta": 2}, "less than 1"),
    ({"kind": "adwin", "delta": 0}, "greater than 0"),
    ({"kind": "adwin", "delta": -1.0}, "greater than 0"),
    ({"kind": "adwin", "delta": math.nan}, "finite"),
    ({"kind": "adwin", "delta": "0.002"}, "valid number"),
    ({"kind": "adwin", "delta": True}, "valid number"),
    ({"kind": "adwin", "clock": 0}, "greater than or equal to 1"),
    ({"kind": "adwin", "clock": 1.5}, "valid integer"),
    ({"kind": "adwin", "max_buckets": 0}, "greater than or equal to 2"),
    ({"kind": "adwin", "clok": 1}, "Extra inputs"),
    ({"kind": "adwin", "warm_up": 1}, "greater than or equal to 2"),
    ({"kind": "adwin", "standardise": "no"}, "valid boolean"),
    ({"kind": "kswin", "alpha": 1.0}, "less than 1"),
    ({"kind": "kswin", "stat_size": 200}, "half of window_size"),
    ({"kind": "kswin", "seed": -1}, "greater than or equal to 0"),
    ({"kind": "kswin", "seed": None}, "valid integer"),
    ({"kind": "page-hinkley", "threshold": 0}, "greater than 0"),
    ({"kind": "page-hinkley", "threshold": math.inf}, "finite"),
    ({"kind": "page-hinkley", "mode": "sideways"}, "'up', 'down' or 'both'"),
    ({"kind": "page-hinkley", "alpha": 1.1}, "less than or equal to 1"),
    ({"kind": "ddm", "warning_threshold": 3.0}, "below drift_threshold"),
    ({"kind": "eddm", "beta": 0.95}, "below alpha"),
    ({"kind": "hddm-a", "drift_confidence": 0.01}, "below warning_confidence"),
    ({"kind": "hddm-w", "lambda_val": 0.0}, "greater than 0"),
    ({"kind": "fhddm", "short_window_size": 500}, "below sliding_window_size"),
    ({"kind": "fhddm", "sliding_window_size": 9}, "at least 10"),
    ({"kind": "adwn"}, "did you mean 'adwin'?"),
    ({"kind": "zebra"}, "have: adwin, page-hinkley"),
    ({"delta": 0.1}, "'kind' is missing"),
]


@pytest.mark.parametrize(("declared", "message"), REFUSED, ids=str)
def test_what_a_detector_cannot_mean_is_refused(declared: dict[str, Any], message: str) -> None:
    """Each error says what would have been right."""
    with pytest.raises(ValidationError, match=message.replace("?", r"\?")):
        DETECTOR_SPEC.validate_python(declared)


def test_an_fhddm_that_is_just_large_enough_is_taken() -> None:
    """The least window is one at which Hoeffding's bound is below 1."""
    spec = {"kind": "fhddm", "sliding_window_size": 10}
    assert DETECTOR_SPEC.validate_python(spec)
    assert math.sqrt(math.log(1e8) / 20) < 1 < math.sqrt(math.log(1e8) / 18)


def test_the_digest_belongs_to_the_settings_not_to_the_name() -> None:
    """A renamed profile keeps its state, a changed one does not; a default may be written out."""
    plain = DETECTOR_SPEC.validate_python({"kind": "adwin"})
    written = DETECTOR_SPEC.validate_python({"kind": "adwin", "delta": 0.002, "clock": 1})
    other = DETECTOR_SPEC.validate_python({"kind": "adwin", "delta": 0.003})
    assert Profile("a", plain).digest == Profile("b", written).digest
    assert Profile("a", plain).digest != Profile("a", other).digest


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    """Stored state is found again: this value may change only with a conversion."""
    spec = DETECTOR_SPEC.validate_python({"kind": "adwin", "delta": 0.01, "clock": 2})
    assert Profile("a", spec).digest == "200d01552f7e57cc"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_profile_survives_json(name: str) -> None:
    """What is stored with an event is the profile that ran."""
    profile = shipped_profile(name)
    again = Profile.from_json(profile.to_json())
    assert again == profile
    assert again.digest == profile.digest
    assert hash(again) == hash(profile)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_writes_out_the_defaults(name: str) -> None:
    """`kind: adwin` alone means the shipped, measured settings."""
    assert shipped_profile(name).spec == DETECTOR_SPEC.validate_python({"kind": name})


def test_there_is_one_shipped_profile_of_each_kind() -> None:
    """Its name is its kind."""
    assert [shipped_profile(name).spec.kind for name in SHIPPED] == list(KINDS)


def test_the_packaged_profiles_are_those_of_the_repository() -> None:
    """detectors/ is what the wheel carries, so the demo runs the same from anywhere."""
    directory = Path(__file__).parents[2] / "detectors"
    there = {path.name: path.read_text("utf-8") for path in directory.glob("*.yaml")}
    assert there == shipped_files()


def test_every_kind_has_a_schema() -> None:
    """An editor completes and checks detectors/*.yaml."""
    schema = DETECTOR_SPEC.json_schema()
    kinds = {
        definition.get("properties", {}).get("kind", {}).get("const")
        for definition in schema["$defs"].values()
    }
    assert set(KINDS) <= kinds
