# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's EDDM: its state is the mean and variance of the errors' distances, and their best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from river.drift.binary import EDDM

from driftline.detectors.state import State, bounded, require

if TYPE_CHECKING:
    from driftline.config.profiles import EddmSpec


class EddmState(State, frozen=True):
    """Named as in River; `sum_squares` is its variance's `_S`."""

    n: int
    last_error: int
    n_errors: int
    mean: float
    sum_squares: float
    p2s_prime_max: float


class EddmCodec:
    """See RiverCodec."""

    state_type = EddmState
    inverted: ClassVar[bool] = False

    def __init__(self, spec: EddmSpec) -> None:
        self._spec = spec

    def make(self) -> Any:
        """A new detector."""
        return EDDM(self._spec.warm_start, self._spec.alpha, self._spec.beta)

    def read(self, detector: Any) -> EddmState | None:
        """The detector's numbers."""
        if detector._n == 0:
            return None
        return EddmState(
            n=detector._n,
            last_error=detector._last_error,
            n_errors=detector._n_errors,
            mean=detector._error_distances.mean._mean,
            sum_squares=detector._error_distances._S,
            p2s_prime_max=float(detector._p2s_prime_max),
        )

    def build(self, state: EddmState) -> Any:
        """A detector with these numbers."""
        self._check(state)
        detector = self.make()
        distances = detector._error_distances
        # `_from_state` would divide and multiply again, which loses the last digit.
        distances.mean.n, distances.mean._mean = float(state.n_errors), state.mean
        distances._S = state.sum_squares
        detector._n, detector._last_error = state.n, state.last_error
        detector._n_errors, detector._p2s_prime_max = state.n_errors, state.p2s_prime_max
        return detector

    def _check(self, state: EddmState) -> None:
        n, errors = state.n, state.n_errors
        require(1 <= n < 2**53, "n is a count")
        require(0 <= errors <= state.last_error <= n, "no more errors than values")
        require((errors == 0) == (state.last_error == 0), "the last error is one")
        require(bounded(state.mean, low=0, high=n), "the mean distance is one")
        require(
            math.isclose(state.mean * errors, state.last_error, rel_tol=1e-9, abs_tol=1e-9),
            "the distances reach to the last error",
        )
        require(bounded(state.sum_squares, low=0, high=float(n) ** 3), "the variance is finite")
        if state.last_error > self._spec.warm_start:
            require(bounded(state.p2s_prime_max, low=1, high=3.0 * n), "the best distance is one")
        else:
            require(state.p2s_prime_max == -1, "no best distance before the warm start")
