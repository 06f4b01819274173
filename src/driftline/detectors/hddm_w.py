# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's HDDM-W: its state is five exponentially weighted means and two cut points."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, ClassVar, Final

from river.drift.binary import HDDMW

from driftline.detectors.state import State, bounded, require

if TYPE_CHECKING:
    from driftline.config.profiles import HddmWSpec

_EWMEAN: Final = struct.Struct("<ddd?d")
"""River's Rust EWMean: mean, weight, 1 - weight, whether it has a value, weight."""
_SAMPLES: Final = ("total", "s1_incr", "s2_incr", "s1_decr", "s2_decr")
_LARGEST_CUT: Final = 32.0
"""A mean of at most 1, and the widest bound that a confidence above 0 can give: below 20."""


class Sample(State, frozen=True):
    """Its weighted mean, None before its first value, and the bound's condition `_ibc`."""

    mean: float | None
    ibc: float


class HddmWState(State, frozen=True):
    """Named as in River."""

    total: Sample
    s1_incr: Sample
    s2_incr: Sample
    s1_decr: Sample
    s2_decr: Sample
    incr_cutpoint: float
    decr_cutpoint: float


class HddmWCodec:
    """See RiverCodec."""

    state_type = HddmWState
    inverted: ClassVar[bool] = False

    def __init__(self, spec: HddmWSpec) -> None:
        self._spec = spec

    def make(self) -> Any:
        """A new detector."""
        spec = self._spec
        return HDDMW(
            spec.drift_confidence, spec.warning_confidence, spec.lambda_val, spec.two_sided_test
        )

    def read(self, detector: Any) -> HddmWState | None:
        """The detector's samples and cut points."""
        if not detector._total._is_init:
            return None
        samples = {name: _read_sample(getattr(detector, f"_{name}")) for name in _SAMPLES}
        return HddmWState(
            **samples,
            incr_cutpoint=detector._incr_cutpoint,
            decr_cutpoint=detector._decr_cutpoint,
        )

    def build(self, state: HddmWState) -> Any:
        """A detector with these samples and cut points."""
        for name in ("total", "s1_incr", "s1_decr"):
            require(getattr(state, name).mean is not None, f"{name} has had a value")
        cuts = (state.incr_cutpoint, state.decr_cutpoint)
        require(bounded(*cuts, low=-_LARGEST_CUT, high=_LARGEST_CUT), "the cut points are finite")
        detector = self.make()
        for name in _SAMPLES:
            self._write_sample(getattr(detector, f"_{name}"), getattr(state, name))
        detector._incr_cutpoint, detector._decr_cutpoint = cuts
        return detector

    def _write_sample(self, sample: Any, state: Sample) -> None:
        require(bounded(state.ibc, low=0, high=1), "a bound's condition is a share")
        if state.mean is None:
            require(state.ibc == 1, "a sample without values is as new")
            return
        require(bounded(state.mean, low=0, high=1), "a mean is a share")
        weight = self._spec.lambda_val
        sample._ewma._ewmean.__setstate__(
            _EWMEAN.pack(state.mean, weight, 1 - weight, True, weight)  # noqa: FBT003 - a field
        )
        sample._ibc, sample._is_init = state.ibc, True


def _read_sample(sample: Any) -> Sample:
    return Sample(sample._ewma.get() if sample._is_init else None, sample._ibc)
