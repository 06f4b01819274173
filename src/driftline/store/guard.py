"""The one rule by which a checkpoint may be applied; the scripts say the same in Lua."""

from __future__ import annotations

from driftline.errors import StateError, SupersededError
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


def superseded(digest: str) -> SupersededError:
    """The error for a deployment that another one has replaced."""
    return SupersededError(
        f"deployment {digest[:12]} was replaced by a newer one; "
        "start it with --take-over to make it current again"
    )


def check_partitions(stored: int, count: int) -> int:
    """The stored count; raises StateError when it is not the wanted one."""
    if stored != count:
        msg = (
            f"the events log has {stored} partitions, not {count}: "
            "an instance's partition is its key's hash, so the number cannot change"
        )
        raise StateError(msg)
    return stored
