"""Driving River's detectors that are written in Python, exactly as River's users call them."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from driftline.detectors.state import State, decode_state, require
from driftline.model import Level

S = TypeVar("S", bound=State)


class RiverCodec(Protocol[S]):
    """Makes one kind of River detector, reads its state, and makes it again from it."""

    state_type: type[S]
    inverted: ClassVar[bool]
    """Whether the detector counts successes, so that an error is fed as 1 - error."""

    def make(self) -> Any:
        """A new detector."""
        ...

    def read(self, detector: Any) -> S | None:
        """The state of a detector that did not just alarm; None if it has seen nothing."""
        ...

    def build(self, state: S) -> Any:
        """A detector in that state; raises StateError for an impossible one."""
        ...


class RiverEngine(Generic[S]):
    """An engine around one of River's detectors."""

    def __init__(self, codec: RiverCodec[S]) -> None:
        self._codec = codec
        self._detector = codec.make()
        self._warned = False

    @property
    def warned(self) -> bool:
        """Whether its last verdict was a warning."""
        return self._warned

    def run(self, values: list[float]) -> list[tuple[int, Level]]:
        """Learn from the values; see Engine."""
        detector, warned = self._detector, self._warned
        found: list[tuple[int, Level]] = []
        update = detector.update
        for index, x in enumerate([1.0 - x for x in values] if self._codec.inverted else values):
            update(x)
            # River holds its verdict until the next update, which begins anew after a drift.
            if detector.drift_detected:
                found.append((index, Level.DRIFT))
                warned = False
            elif getattr(detector, "warning_detected", False):
                if not warned:
                    found.append((index, Level.WARNING))
                warned = True
            else:
                warned = False
        self._warned = warned
        return found

    def snapshot(self) -> bytes:
        """The state; of a detector that just alarmed it is that of a new one, which it becomes."""
        alarmed = self._detector.drift_detected
        state = None if alarmed else self._codec.read(self._detector)
        packed = None if state is None else msgspec.msgpack.encode(state)
        return msgspec.msgpack.encode((self._warned, packed))

    def restore(self, blob: bytes) -> None:
        """Take over a state; see Engine."""
        warned, packed = decode_state(tuple[bool, bytes | None], blob)
        require(not (warned and packed is None), "no warning before the first value")
        detector = (
            self._codec.make()
            if packed is None
            else self._codec.build(decode_state(self._codec.state_type, packed))
        )
        if warned:
            detector._warning_detected = True  # noqa: SLF001 - what River sets at a warning
        self._detector, self._warned = detector, warned
