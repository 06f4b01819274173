"""One detector profile watching one numeric series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import river

from driftline.detectors.engines import build_engine
from driftline.detectors.shield import DetectorError, Shield
from driftline.detectors.standardiser import CLIP, Standardiser
from driftline.detectors.state import (
    LIMIT,
    ForeignStateError,
    bounded,
    decode_state,
    require,
)
from driftline.detectors.witness_state import Detection, WitnessState
from driftline.errors import DriftlineError, StateError
from driftline.model import SignalKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.config.profiles import Profile

_FORMAT: Final = b"\x01"
"""The version of the stored format: the blob's first byte."""
_FLOAT: Final = np.dtype("<f8")


def warm_up_of(profile: Profile, kind: SignalKind) -> int:
    """The values of a signal that fix mean and deviation before any of them is fed; 0: none do."""
    return profile.spec.warm_up if kind is SignalKind.UNBOUNDED and profile.spec.standardise else 0


class Witness:
    """Feeds one series to one detector, standardised where that is due.

    Values of binary and unit signals are fed as they are. Those of unbounded signals are
    standardised if the profile says so: the first `warm_up` of them fix mean and sample standard
    deviation, and are fed, standardised, at the moment the last of them comes.

    What comes out depends on the values and their order alone, not on how they are cut into calls.
    """

    def __init__(self, profile: Profile, kind: SignalKind) -> None:
        if kind is SignalKind.CATEGORICAL:
            message = "a categorical signal is watched through its indicators"
            raise DetectorError(message)
        if profile.spec.binary_only and kind is not SignalKind.BINARY:
            message = f"{profile.name}: {profile.spec.kind} watches 0 and 1 only, not {kind} values"
            raise DetectorError(message)
        self.profile = profile
        self.kind = kind
        self.seen = 0
        """How many values the detector has been given, or will be when the warm-up ends."""
        self.unusable = 0
        """How many values were passed over: those that would silence a detector, or have no sense.

        Not finite; beyond 1e100, or 100 where they should lie between 0 and 1; not 0 or 1 in a
        binary signal.
        """
        self._digest = profile.digest
        self._largest = CLIP if kind is SignalKind.UNIT else LIMIT
        self._scaled = warm_up_of(profile, kind) > 0
        self._scale: Standardiser | None = None
        self._warming: NDArray[np.float64] = np.empty(0)
        self._shield = Shield(f"detector {profile.name} ({profile.spec.kind})")
        with self._shield:
            self._engine = build_engine(profile.spec)

    @property
    def wanted(self) -> int:
        """How many more values the warm-up takes, before which nothing is said."""
        warming = self._scaled and self._scale is None
        return warm_up_of(self.profile, self.kind) - self.seen if warming else 0

    @property
    def warned(self) -> bool:
        """Whether the detector's last verdict was a warning."""
        return self._engine.warned

    def feed(self, values: NDArray[np.float64]) -> list[Detection]:
        """Learn from the values, in order; raises DetectorError if the detector fails.

        After an error the witness is in no defined state: restore it.
        """
        rows = self._usable(values)
        if rows is not None:
            values = values[rows]
        if not len(values):
            return []
        warming = self._scaled and self._scale is None
        found = self._warm(values) if warming else self._run(values, 0)
        if rows is None:
            return found
        return [Detection(int(rows[d.index]), d.values_seen, d.level) for d in found]

    def feed_one(self, value: float) -> list[Detection]:
        """Learn from one value: what `feed` does, without its columns.

        What needs a closer look goes there: an unusable value, and the warm-up.
        """
        if not self._takes(value) or (self._scaled and self._scale is None):
            return self.feed(np.array([value]))
        if self._scale is not None:
            value = self._scale.apply_one(value)
        with self._shield:
            found = self._engine.run([value])
        self.seen += 1
        return [Detection(0, self.seen, level) for _, level in found] if found else []

    def snapshot(self) -> bytes:
        """The whole state: a witness of the same profile that restores it goes on exactly so."""
        warming = self._scaled and self._scale is None
        with self._shield:
            engine = b"" if warming else self._engine.snapshot()
        scale = None if self._scale is None else (self._scale.mean, self._scale.deviation)
        state = WitnessState(
            river=river.__version__,
            digest=self._digest,
            kind=self.kind.value,
            seen=self.seen,
            unusable=self.unusable,
            scale=scale,
            warming=self._warming.astype(_FLOAT).tobytes(),
            engine=engine,
        )
        return _FORMAT + msgspec.msgpack.encode(state)

    def restore(self, blob: bytes) -> None:
        """Take over a state; raises StateError, and stays as it was, for one that is not ours.

        ForeignStateError, if all that is wrong with it is the River or the profile that it is of.
        """
        if blob[:1] != _FORMAT:
            message = f"detector state has format {blob[:1].hex() or 'none'}, not {_FORMAT.hex()}"
            raise StateError(message)
        state = decode_state(WitnessState, blob[1:])
        self._check_origin(state)
        warming = np.frombuffer(_whole_floats(state.warming), dtype=_FLOAT).astype(np.float64)
        self._check_progress(state, warming)
        try:
            with self._shield:
                engine = build_engine(self.profile.spec)
                if state.engine:
                    engine.restore(state.engine)
        except DriftlineError as error:
            message = f"{self.profile.name}: {error}"
            raise StateError(message) from error
        self.seen, self.unusable = state.seen, state.unusable
        self._scale = Standardiser(*state.scale) if state.scale else None
        self._warming, self._engine = warming, engine

    def _usable(self, values: NDArray[np.float64]) -> NDArray[np.intp] | None:
        """The rows that a detector may see; None if it may see them all. Counts the others."""
        if self.kind is SignalKind.BINARY:
            usable = (values == 0) | (values == 1)
        else:  # false for NaN too
            usable = np.abs(values) <= self._largest
        if usable.all():
            return None
        rows = np.flatnonzero(usable)
        self.unusable += len(values) - len(rows)
        return rows

    def _takes(self, value: float) -> bool:
        """Whether a detector may see this value."""
        if self.kind is SignalKind.BINARY:
            return value in (0, 1)
        return abs(value) <= self._largest

    def _warm(self, values: NDArray[np.float64]) -> list[Detection]:
        """Collect values until they fix the scale, then feed them all, and what is left."""
        missing = self.profile.spec.warm_up - self.seen
        if len(values) < missing:
            self._warming = np.concatenate((self._warming, values))
            self.seen += len(values)
            return []
        first = np.concatenate((self._warming, values[:missing]))
        self._scale, self._warming, self.seen = Standardiser.fit(first), np.empty(0), 0
        at = missing - 1
        found = [Detection(at, d.values_seen, d.level) for d in self._run(first, 0)]
        return found + self._run(values[missing:], missing)

    def _run(self, values: NDArray[np.float64], first: int) -> list[Detection]:
        """Feed values to the detector, the first of which has the index `first`."""
        seen = self.seen + 1
        if self._scale is not None:
            values = self._scale.apply(values)
        with self._shield:
            found = self._engine.run(values.tolist())
        self.seen += len(values)
        return [Detection(first + index, seen + index, level) for index, level in found]

    def _check_origin(self, state: WitnessState) -> None:
        for what, stored, ours in (
            ("River", state.river, river.__version__),
            ("the profile", state.digest, self._digest),
            ("a signal that is", state.kind, self.kind.value),
        ):
            if stored != ours:
                message = f"{self.profile.name}: the stored state is of {what} {stored}, not {ours}"
                raise ForeignStateError(message)

    def _check_progress(self, state: WitnessState, warming: NDArray[np.float64]) -> None:
        require(0 <= state.seen < 2**63 and 0 <= state.unusable < 2**63, "counts")
        warm_up = self.profile.spec.warm_up
        if self._scaled and state.scale is None:
            require(len(warming) == state.seen < warm_up, "a warm-up that goes on")
            require(bool((np.abs(warming) <= LIMIT).all()), "finite values")
            require(not state.engine, "a detector that waits for the warm-up")
            return
        require(not warming.size and bool(state.engine), "a detector that has begun")
        require(self._scaled == (state.scale is not None), "a scale where one is due")
        if state.scale is not None:
            mean, deviation = state.scale
            require(bounded(mean, deviation) and deviation > 0, "a scale")
            require(state.seen >= warm_up, "a warm-up that has ended")


def _whole_floats(packed: bytes) -> bytes:
    require(len(packed) % _FLOAT.itemsize == 0, "whole numbers of bytes")
    return packed
