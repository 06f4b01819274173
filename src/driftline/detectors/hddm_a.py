# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's HDDM-A: its state is the running mean and its copies at the two cut points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from river.drift.binary import HDDMA

from driftline.detectors.state import State, bounded, require

if TYPE_CHECKING:
    from driftline.config.profiles import HddmASpec


class Mean(State, frozen=True):
    """A count and the mean of so many values."""

    n: float
    mean: float


class HddmAState(State, frozen=True):
    """Named as in River."""

    z: Mean
    x_min: Mean
    x_max: Mean


class HddmACodec:
    """See RiverCodec."""

    state_type = HddmAState
    inverted: ClassVar[bool] = False

    def __init__(self, spec: HddmASpec) -> None:
        self._spec = spec

    def make(self) -> Any:
        """A new detector."""
        spec = self._spec
        return HDDMA(spec.drift_confidence, spec.warning_confidence, spec.two_sided_test)

    def read(self, detector: Any) -> HddmAState | None:
        """The detector's three means."""
        if detector._z.n == 0:
            return None
        z, x_min, x_max = detector._z, detector._x_min, detector._x_max
        return HddmAState(*(Mean(mean.n, mean._mean) for mean in (z, x_min, x_max)))

    def build(self, state: HddmAState) -> Any:
        """A detector with these means."""
        detector = self.make()
        for name, mean in (("z", state.z), ("x_min", state.x_min), ("x_max", state.x_max)):
            require(bounded(mean.n, low=1, high=2**53) and mean.n.is_integer(), "n is a count")
            require(mean.n <= state.z.n, "a cut point lies in the past")
            require(bounded(mean.mean, low=0, high=1), "a mean is a share")
            running = getattr(detector, f"_{name}")
            running.n, running._mean = mean.n, mean.mean
        return detector
