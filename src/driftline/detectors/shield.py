"""A detector's failure becomes an error of driftline's, whatever it was.

River's Rust parts panic with an exception that derives from BaseException and would end the process
past every `except Exception`.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Iterator


class DetectorError(DriftlineError):
    """A detector failed: its state is lost until it is restored or begins anew."""


@contextmanager
def shield(what: str) -> Iterator[None]:
    """Turn what is raised inside into a DetectorError; requests to stop and our own errors pass."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, CancelledError, GeneratorExit, MemoryError):
        raise
    except DriftlineError:
        raise
    except BaseException as error:
        message = f"{what}: {type(error).__name__}: {error}"
        raise DetectorError(message) from error
