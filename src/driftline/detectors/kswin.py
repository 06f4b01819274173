# ruff: noqa: SLF001 - what River keeps private is the state that has to be stored
"""River's KSWIN: its state is its window and, once that is full, its random generator."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, ClassVar, Final

from river.drift import KSWIN

from driftline.detectors.state import State, bounded, require

if TYPE_CHECKING:
    from driftline.config.profiles import KswinSpec

_MERSENNE_TWISTER: Final = struct.Struct("<625I")
"""624 words and the position among them, as `random.Random.getstate` gives them."""
_PYTHON_STATE_VERSION: Final = 3
_WORDS: Final = 624


class KswinState(State, frozen=True):
    """The values as they came, and the generator once it has been used."""

    n: int
    p_value: float
    window: tuple[float, ...]
    generator: bytes


class KswinCodec:
    """See RiverCodec."""

    state_type = KswinState
    inverted: ClassVar[bool] = False

    def __init__(self, spec: KswinSpec) -> None:
        self._spec = spec

    def make(self) -> Any:
        """A new detector."""
        spec = self._spec
        return KSWIN(spec.alpha, spec.window_size, spec.stat_size, spec.seed)

    def read(self, detector: Any) -> KswinState | None:
        """The detector's values and generator."""
        if detector.n == 0:
            return None
        used = len(detector.window) == self._spec.window_size
        words = detector._rng.getstate()[1]
        return KswinState(
            n=detector.n,
            p_value=float(detector.p_value),
            window=tuple(detector.window),
            generator=_MERSENNE_TWISTER.pack(*words) if used else b"",
        )

    def build(self, state: KswinState) -> Any:
        """A detector with these values and this generator."""
        size = self._spec.window_size
        require(1 <= state.n < 2**63 and len(state.window) == min(state.n, size), "n is a count")
        require(bounded(*state.window), "the window is finite")
        require(bounded(state.p_value, low=0, high=1), "p_value is a probability")
        detector = self.make()
        detector.n, detector.p_value = state.n, state.p_value
        detector.window.extend(state.window)
        if len(state.window) == size:
            detector._rng.setstate(_generator(state.generator))
        else:
            require(not state.generator, "a window that is not full has drawn nothing")
        return detector


def _generator(packed: bytes) -> tuple[int, tuple[int, ...], None]:
    require(len(packed) == _MERSENNE_TWISTER.size, "the generator is a Mersenne Twister's")
    *words, position = _MERSENNE_TWISTER.unpack(packed)
    require(position <= _WORDS and any(words), "the generator can draw")
    return _PYTHON_STATE_VERSION, (*words, position), None
