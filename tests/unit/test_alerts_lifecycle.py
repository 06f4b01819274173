"""An alert moves as the one table says, and in no other way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.alerts.lifecycle import (
    TRANSITIONS,
    AlertState,
    IllegalTransition,
    Reason,
    Step,
    move,
)


@given(st.lists(st.sampled_from(Step), max_size=30))
def test_only_a_held_alert_fires(steps: list[Step]) -> None:
    """However things happen, an alert comes to fire only out of pending, and only when held."""
    state = AlertState.INACTIVE
    for step in steps:
        try:
            new = move(state, step)
        except IllegalTransition:
            continue
        if new is AlertState.FIRING and state is not AlertState.FIRING:
            assert (state, step) == (AlertState.PENDING, Step.HELD)
        state = new


@pytest.mark.parametrize("step", Step)
def test_what_ended_stays_ended(step: Step) -> None:
    """A resolved alert takes a late alarm and nothing else, and stays resolved."""
    if step is Step.DRIFT:
        assert move(AlertState.RESOLVED, step) is AlertState.RESOLVED
    else:
        with pytest.raises(IllegalTransition, match="resolved"):
            move(AlertState.RESOLVED, step)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_ends_a_firing_alert(reason: Reason) -> None:
    """Each reason is a step out of firing."""
    assert move(AlertState.FIRING, Step(reason)) is AlertState.RESOLVED


def test_every_state_has_its_row() -> None:
    """The table is complete."""
    assert set(TRANSITIONS) == set(AlertState)
