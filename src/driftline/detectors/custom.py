"""Detectors of the user's own, which come in by entry point."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import msgspec

from driftline.config.profiles import ENTRY_POINT_GROUP
from driftline.detectors.shield import DetectorError
from driftline.detectors.state import decode_state
from driftline.model import Level

if TYPE_CHECKING:
    from driftline.config.profiles import CustomSpec
    from driftline.detectors.protocol import Detector, DetectorFactory


class CustomEngine:
    """An engine around a detector of the user's own."""

    def __init__(self, spec: CustomSpec) -> None:
        self._spec = spec
        self._detector = self._new()
        self._warned = False

    @property
    def warned(self) -> bool:
        """Whether its last verdict was a warning."""
        return self._warned

    def run(self, values: list[float]) -> list[tuple[int, Level]]:
        """Learn from the values; see Engine."""
        warned = self._warned
        found: list[tuple[int, Level]] = []
        update = self._detector.update
        for index, x in enumerate(values):
            level = Level(update(x))
            if level is Level.DRIFT or (level is Level.WARNING and not warned):
                found.append((index, level))
            warned = level is Level.WARNING
        self._warned = warned
        return found

    def snapshot(self) -> bytes:
        """The detector's own blob, and whether it warned last."""
        return msgspec.msgpack.encode((self._warned, self._detector.snapshot()))

    def restore(self, blob: bytes) -> None:
        """Take over a state; see Engine."""
        warned, inner = decode_state(tuple[bool, bytes], blob)
        detector = self._new()
        detector.restore(inner)
        self._detector, self._warned = detector, warned

    def _new(self) -> Detector:
        return _factory(self._spec.kind)(self._spec.parameters)


@cache
def _factory(kind: str) -> DetectorFactory:
    points = entry_points(group=ENTRY_POINT_GROUP, name=kind)
    if len(points) != 1:
        message = f"{len(points)} installed detectors are called '{kind}', one is needed"
        raise DetectorError(message)
    factory: DetectorFactory = next(iter(points)).load()
    return factory
