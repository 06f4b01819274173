"""A detector of the user's own comes in by entry point, and is held to the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.detectors import DetectorError, Witness
from driftline.errors import StateError
from driftline.model import Level, SignalKind
from support.plugins import install

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = '''
from driftline.model import Level

class Above:
    """Warns above a limit, alarms above twice the limit."""

    def __init__(self, parameters):
        self.limit = float(parameters["limit"])
        self.count = 0

    def update(self, x):
        self.count += 1
        if x > 2 * self.limit:
            return Level.DRIFT
        return "warning" if x > self.limit else Level.STABLE

    def snapshot(self):
        return str(self.count).encode()

    def restore(self, blob):
        self.count = int(blob)

class Wrong(Above):
    def update(self, x):
        return "sideways"
'''
DETECTORS = {
    "above-limit": "driftline_above:Above",
    "above-wrong": "driftline_above:Wrong",
    "above-missing": "driftline_above:Nobody",
}


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with three entry points, installed as pip would leave it."""
    (tmp_path / "driftline_above.py").write_text(PLUGIN)
    install(tmp_path, "driftline-above", DETECTORS)
    monkeypatch.syspath_prepend(str(tmp_path))


def profile(kind: str = "above-limit", **parameters: object) -> Profile:
    spec = {"kind": kind, "parameters": {"limit": 1, **parameters}}
    return Profile("mine", DETECTOR_SPEC.validate_python(spec))


def test_it_watches_a_signal_as_rivers_do() -> None:
    """Every drift, and warnings as they are entered."""
    witness = Witness(profile(), SignalKind.UNIT)
    found = witness.feed(np.array([0.0, 1.5, 1.6, 0.0, 1.5, 3.0, 4.0, 1.5]))
    assert [(d.values_seen, d.level) for d in found] == [
        (2, Level.WARNING),
        (5, Level.WARNING),
        (6, Level.DRIFT),
        (7, Level.DRIFT),
        (8, Level.WARNING),
    ]


def test_its_state_is_kept_with_whether_it_warned() -> None:
    """A warning that lasts over a restart is not entered again."""
    witness, again = Witness(profile(), SignalKind.UNIT), Witness(profile(), SignalKind.UNIT)
    witness.feed(np.array([0.0, 1.5]))
    again.restore(witness.snapshot())
    assert again.feed(np.array([1.5])) == []
    assert b"3" in again.snapshot()


def test_a_profile_of_its_own_survives_json_and_hashes() -> None:
    """Free parameters are part of the digest."""
    assert Profile.from_json(profile().to_json()) == profile()
    assert hash(profile()) == hash(profile())
    assert profile().digest != profile(limit=2).digest


def test_a_state_it_does_not_know_is_refused() -> None:
    """Whatever its `restore` raises."""
    witness = Witness(profile(), SignalKind.UNIT)
    witness.feed(np.array([0.0]))
    blob = witness.snapshot()
    with pytest.raises(StateError, match="ValueError"):
        witness.restore(blob.replace(b"\xc4\x011", b"\xc4\x01x"))


def test_a_verdict_that_is_none_is_an_error() -> None:
    """The detector is named, with what it said."""
    with pytest.raises(DetectorError, match=r"above-wrong.*sideways"):
        Witness(profile("above-wrong"), SignalKind.UNIT).feed(np.array([0.0]))


def test_an_entry_point_that_does_not_load_is_an_error() -> None:
    """At the start, by name."""
    with pytest.raises(DetectorError, match=r"above-missing.*Nobody"):
        Witness(profile("above-missing"), SignalKind.UNIT)


def test_a_misspelt_kind_is_named_with_the_nearest() -> None:
    """Installed detectors count among what there is."""
    with pytest.raises(ValidationError, match="did you mean 'above-limit'"):
        profile("above-limt")
