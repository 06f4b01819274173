"""The name under which a window is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.model import Micros


@dataclass(frozen=True, slots=True)
class WindowKey:
    """Which window: `signal|size|start`, in microseconds. A signal may hold any character."""

    signal: str
    size: Micros
    start: Micros

    def __str__(self) -> str:
        return f"{self.signal}|{self.size}|{self.start}"

    @classmethod
    def parse(cls, text: str) -> WindowKey:
        """The inverse of `str`; ValueError if the text is no window's key."""
        signal, size, start = text.rsplit("|", 2)
        return cls(signal, int(size), int(start))
