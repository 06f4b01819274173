"""A detector's failure becomes an error of driftline's, whatever it was.

River's Rust parts panic with an exception that derives from BaseException and would end the process
past every `except Exception`.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import Final

from driftline.errors import DriftlineError

_PASSING: Final = (
    KeyboardInterrupt,
    SystemExit,
    CancelledError,
    GeneratorExit,
    MemoryError,
    DriftlineError,
)


class DetectorError(DriftlineError):
    """A detector failed: its state is lost until it is restored or begins anew."""


class Shield:
    """Turns what is raised inside into a DetectorError; requests to stop and our own errors pass.

    A class, not a generator: one value at a time would cost more to guard than to learn.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> None:
        if error is None or isinstance(error, _PASSING):
            return
        message = f"{self._what}: {type(error).__name__}: {error}"
        raise DetectorError(message) from error
