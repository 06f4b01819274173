"""The one rule by which a checkpoint may be applied; the scripts say the same in Lua."""

from __future__ import annotations

from driftline.store.protocol import Outcome


def judge(stored: int | None, from_offset: int | None, to_offset: int) -> Outcome:
    """What becomes of a step between two offsets where `stored` is the applied one."""
    if stored == to_offset:
        return Outcome.ALREADY
    return Outcome.APPLIED if stored == from_offset else Outcome.SUPERSEDED


def check_step(from_offset: int | None, to_offset: int) -> None:
    """Raise ValueError for a step that goes nowhere: it could not be told from its repetition."""
    if to_offset < 0 or (from_offset is not None and not 0 <= from_offset < to_offset):
        msg = f"a checkpoint goes forward, not from {from_offset} to {to_offset}"
        raise ValueError(msg)
