# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's Page-Hinkley: its state is a running mean, two cumulated sums and their extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from river.drift import PageHinkley

from driftline.detectors.state import State, bounded, require

if TYPE_CHECKING:
    from driftline.config.profiles import PageHinkleySpec

_LARGEST_SUM: Final = 1e120


class PageHinkleyState(State, frozen=True):
    """Named as in River."""

    n: float
    mean: float
    sum_increase: float
    sum_decrease: float
    min_increase: float
    max_decrease: float


class PageHinkleyCodec:
    """See RiverCodec."""

    state_type = PageHinkleyState
    inverted: ClassVar[bool] = False

    def __init__(self, spec: PageHinkleySpec) -> None:
        self._spec = spec

    def make(self) -> Any:
        """A new detector."""
        spec = self._spec
        return PageHinkley(spec.min_instances, spec.delta, spec.threshold, spec.alpha, spec.mode)

    def read(self, detector: Any) -> PageHinkleyState | None:
        """The detector's numbers."""
        if detector._x_mean.n == 0:
            return None
        return PageHinkleyState(
            n=detector._x_mean.n,
            mean=detector._x_mean._mean,
            sum_increase=detector._sum_increase,
            sum_decrease=detector._sum_decrease,
            min_increase=detector._min_increase,
            max_decrease=float(detector._max_decrease),
        )

    def build(self, state: PageHinkleyState) -> Any:
        """A detector with these numbers."""
        require(bounded(state.n, low=1, high=2**53) and state.n.is_integer(), "n is a count")
        require(bounded(state.mean), "the mean is finite")
        sums = (state.sum_increase, state.sum_decrease, state.min_increase, state.max_decrease)
        require(bounded(*sums, low=-_LARGEST_SUM, high=_LARGEST_SUM), "the sums are finite")
        require(state.min_increase <= state.sum_increase, "no sum is below its least")
        require(state.max_decrease >= max(state.sum_decrease, -1), "no sum is above its largest")
        detector = self.make()
        detector._x_mean.n, detector._x_mean._mean = state.n, state.mean
        detector._sum_increase, detector._sum_decrease = state.sum_increase, state.sum_decrease
        detector._min_increase, detector._max_decrease = state.min_increase, state.max_decrease
        return detector
