"""Reading stored detector state with distrust: what passes is a state that a detector can be in."""

from __future__ import annotations

import math
from typing import Final, TypeVar

import msgspec

from driftline.errors import StateError

LIMIT: Final = 1e100
"""No value of greater magnitude reaches a detector, so that its squares and sums stay finite."""

T = TypeVar("T")


class ForeignStateError(StateError):
    """A whole state, but of another River or of other settings: the detector can but begin anew."""


class State(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Numbers that are a detector's whole state, as a MessagePack array."""


def decode_state(expected: type[T], blob: bytes) -> T:
    """The blob as the expected type; raises StateError if it is none."""
    try:
        return msgspec.msgpack.decode(blob, type=expected)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        message = f"detector state does not decode: {error}"
        raise StateError(message) from error


def require(condition: bool, what: str) -> None:  # noqa: FBT001 - the condition is the argument
    """Raise StateError unless the condition holds; `what` says what has to be."""
    if not condition:
        message = f"inconsistent detector state: {what}"
        raise StateError(message)


def bounded(*numbers: float, low: float = -LIMIT, high: float = LIMIT) -> bool:
    """Whether all numbers are finite and within the bounds."""
    return all(math.isfinite(number) and low <= number <= high for number in numbers)
