"""Every error that driftline raises on purpose. A bug raises what Python raises."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class DriftlineError(Exception):
    """Something went wrong that a person can do something about; its text says what."""


def nearest(wrong: str, names: Iterable[str]) -> str | None:
    """The name that was perhaps meant, for an error to say; None if none is near."""
    return next(iter(get_close_matches(wrong, list(names), n=1)), None)


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """The same as the end of an error's sentence; empty if no name is near."""
    near = nearest(wrong, names)
    return f" (did you mean '{near}'?)" if near else ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a deployment."""

    file: str
    key: str
    """Where in the file, as a dotted path; empty for the file as a whole."""
    message: str
    """What is wrong, and what would have been right."""

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.message}"


class DeploymentError(DriftlineError):
    """A deployment is invalid: carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class StateError(DriftlineError):
    """Stored state does not decode, or belongs to another version or declaration."""


class SupersededError(DriftlineError):
    """Another, newer deployment of this name is running; this one has to leave."""


class UnavailableError(DriftlineError):
    """A server that is needed (Kafka, Redis, an embedded one) is not there."""


class OvertakenError(DriftlineError):
    """Another worker has gone on with our partitions: what we hold in memory is out of date."""
