"""A detector of the user's own that fails while it is told to, as one does whose core panics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class PanicError(BaseException):
    """As of a Rust core: no `except Exception` stops it."""


class Breakable:
    """Says nothing but that it fails."""

    fails = False

    def __init__(self, _parameters: Mapping[str, object]) -> None:
        self.count = 0

    def update(self, _x: float) -> str:
        """Count a value."""
        if Breakable.fails:
            message = "index out of bounds"
            raise PanicError(message)
        self.count += 1
        return "stable"

    def snapshot(self) -> bytes:
        return str(self.count).encode()

    def restore(self, blob: bytes) -> None:
        self.count = int(blob)
