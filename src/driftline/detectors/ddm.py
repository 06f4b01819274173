# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's DDM: its state is the error rate and the lowest one so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from river.drift.binary import DDM

from driftline.detectors.state import State, bounded, require

if TYPE_CHECKING:
    from driftline.config.profiles import DdmSpec


class DdmState(State, frozen=True):
    """Named as in River; `_ps_min` is the sum of its parts."""

    n: float
    p: float
    p_min: float | None
    s_min: float | None


class DdmCodec:
    """See RiverCodec."""

    state_type = DdmState
    inverted: ClassVar[bool] = False

    def __init__(self, spec: DdmSpec) -> None:
        self._spec = spec

    def make(self) -> Any:
        """A new detector."""
        spec = self._spec
        return DDM(spec.warm_start, spec.warning_threshold, spec.drift_threshold)

    def read(self, detector: Any) -> DdmState | None:
        """The detector's numbers."""
        if detector._p.n == 0:
            return None
        return DdmState(detector._p.n, detector._p._mean, detector._p_min, detector._s_min)

    def build(self, state: DdmState) -> Any:
        """A detector with these numbers."""
        require(bounded(state.n, low=1, high=2**53) and state.n.is_integer(), "n is a count")
        require(bounded(state.p, low=0, high=1), "p is a share")
        detector = self.make()
        detector._p.n, detector._p._mean = state.n, state.p
        if state.n <= self._spec.warm_start:
            require(state.p_min is None and state.s_min is None, "no least before the warm start")
            return detector
        require(state.p_min is not None and state.s_min is not None, "a least after the warm start")
        p_min, s_min = state.p_min or 0.0, state.s_min or 0.0
        require(bounded(p_min, s_min, low=0, high=1), "the least rate is a share")
        detector._p_min, detector._s_min, detector._ps_min = p_min, s_min, p_min + s_min
        return detector
