"""What is kept of an id, as fields."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

from driftline.model import Micros  # noqa: TC001 - msgspec reads it

Value: TypeAlias = float | str
"""A prediction or a label: a number (binary: 1.0 is the positive class), or a class as canonical
text."""


class EntryKind(IntEnum):
    """What an entry waits for."""

    WAITING = 0
    """A prediction without its label."""
    EARLY = 1
    """A label without its prediction."""
    JOINED = 2
    """Both came; kept so that another label is known as a duplicate or a correction, not taken for
    an orphan."""


WAITING: Final = int(EntryKind.WAITING)
EARLY: Final = int(EntryKind.EARLY)
JOINED: Final = int(EntryKind.JOINED)


class Fields(msgspec.Struct, frozen=True, gc=False):
    """An entry, read. Columns of many stand in the same order."""

    group: int
    """The group that it expires with."""
    kind: int
    at: Micros
    """The prediction's event time; for an early label the label's."""
    prediction: Value | None = None
    score: float | None = None
    version: str | None = None
    """Of the prediction, until its label has come."""
    label: Value | None = None
    partition: int | None = None
    offset: int | None = None
    """Where an early label's record stands."""


class Former(msgspec.Struct, array_like=True):
    """An entry as former versions wrote it."""

    group: int
    kind: int
    at: Micros
    partition: int
    offset: int
    prediction: Value | None = None
    score: float | None = None
    version: str | None = None
    label: Value | None = None
