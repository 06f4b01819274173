# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's FHDDM: its state is a window of 0 and 1, and the best counts so far.

It fires when the mean falls, so it is fed 1 - error, and the window holds successes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from river.drift.binary import FHDDM

from driftline.detectors.state import State, require

if TYPE_CHECKING:
    from driftline.config.profiles import FhddmSpec


class FhddmState(State, frozen=True):
    """The best shares are kept as counts, which gives them back exactly."""

    window: bytes
    best: int
    best_short: int


class FhddmCodec:
    """See RiverCodec."""

    state_type = FhddmState
    inverted: ClassVar[bool] = True

    def __init__(self, spec: FhddmSpec) -> None:
        self._spec = spec
        self._size = spec.sliding_window_size
        self._short = spec.short_window_size or 0

    def make(self) -> Any:
        """A new detector."""
        return FHDDM(self._size, self._spec.confidence_level, self._spec.short_window_size)

    def read(self, detector: Any) -> FhddmState | None:
        """The detector's window and counts."""
        if not detector._sliding_window:
            return None
        return FhddmState(
            window=bytes(map(int, detector._sliding_window)),
            best=round(detector._u_max * self._size),
            best_short=round(detector._u_short_max * self._short) if self._short else 0,
        )

    def build(self, state: FhddmState) -> Any:
        """A detector with this window and these counts."""
        window, length = state.window, len(state.window)
        require(1 <= length < self._size and max(window) <= 1, "the window holds 0 and 1")
        if state.best or state.best_short:
            # A full window gives up its oldest value at once.
            require(length == self._size - 1, "only a full window is compared")
            newest = sum(window[length - self._short :]) if self._short else 0
            require(sum(window) <= state.best <= self._size, "the best count covers the window")
            require(newest <= state.best_short <= self._short, "the best short count covers it")
        detector = self.make()
        detector._sliding_window.extend(map(float, window))
        detector.n_one = float(sum(window))
        detector._u_max = state.best / self._size
        if self._short:
            detector._u_short_max = state.best_short / self._short
        return detector
