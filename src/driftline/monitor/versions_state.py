"""What is remembered of a model's versions, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from driftline.model import Micros  # noqa: TC001 - msgspec reads it


@dataclass(frozen=True, slots=True)
class Takeover:
    """A version has come to carry most of the rows."""

    place: int
    """At which of the rows given, by index."""
    version: str
    since: Micros
    """How far event time had come when it first appeared."""
    rows: int
    """Over how many rows it carries most."""


class Candidate(msgspec.Struct, array_like=True):
    """A version since it first appeared."""

    since: Micros
    recent: bytes | None
    """Of each of the latest rows, 1 if it is of this version; None once it has taken over."""


class SharesState(msgspec.Struct, array_like=True):
    """Shares as they are stored."""

    clock: Micros
    seen: dict[str, Candidate]
