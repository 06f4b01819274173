"""An alert's states, and the one table of how it moves between them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class AlertState(StrEnum):
    """Where an alert stands. Firing and resolved are told; pending is there to be looked at."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Step(StrEnum):
    """What can happen to an alert."""

    WARNING = "warning"
    """A detector's warning: it makes an alert pending, and can never make it fire."""
    DRIFT = "drift"
    """A detector's alarm."""
    HELD = "held"
    """The drift lasted for as long as its watch asks."""
    QUIET = "quiet"
    """It did not: the signal was back at its reference before."""
    RECOVERED = "recovered"
    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Reason(StrEnum):
    """Why an alert ended."""

    RECOVERED = "recovered"
    """The signal is back at its reference."""
    ACCEPTED = "accepted"
    """A person said that this is the new normal."""
    SUPERSEDED = "superseded"
    """A new version of the model carries most of the recent rows."""
    WITHDRAWN = "withdrawn"
    """The watch or the stream is gone."""
    EXPIRED = "expired"
    """It fired for longer than it may."""


class IllegalTransition(Exception):  # noqa: N818 - named for the rule it breaks
    """A bug: something happened to an alert that cannot happen in its state."""


_ENDS: Final[Mapping[Step, AlertState]] = {Step(reason): AlertState.RESOLVED for reason in Reason}

TRANSITIONS: Final[Mapping[AlertState, Mapping[Step, AlertState]]] = {
    AlertState.INACTIVE: {
        Step.WARNING: AlertState.PENDING,
        Step.DRIFT: AlertState.PENDING,
    },
    # Nobody has been told of it, so its end is not told either.
    AlertState.PENDING: {
        Step.WARNING: AlertState.PENDING,
        Step.DRIFT: AlertState.PENDING,
        Step.HELD: AlertState.FIRING,
        Step.QUIET: AlertState.INACTIVE,
        Step.ACCEPTED: AlertState.INACTIVE,
        Step.SUPERSEDED: AlertState.INACTIVE,
        Step.WITHDRAWN: AlertState.INACTIVE,
    },
    AlertState.FIRING: {Step.DRIFT: AlertState.FIRING, **_ENDS},
    # The detector's own alarm on the way back comes after the end, and belongs to the alert that
    # ended.
    AlertState.RESOLVED: {Step.DRIFT: AlertState.RESOLVED},
}


def move(state: AlertState, step: Step) -> AlertState:
    """The state after a step.

    Raises:
        IllegalTransition: the table has no such step from this state.
    """
    try:
        return TRANSITIONS[state][step]
    except KeyError:
        msg = f"an alert that is {state} cannot take the step {step}"
        raise IllegalTransition(msg) from None
