"""The processes that a process has started, from /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PROC = Path("/proc")


def can_look() -> bool:
    """Whether this system tells of a process's children."""
    return (PROC / "self" / "task").is_dir()


def descendants(pid: int) -> dict[int, str]:
    """Its child processes and theirs, with their command lines."""
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            children = (PROC / str(one) / "task" / str(one) / "children").read_text("ascii")
            found[one] = (PROC / str(one) / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        waiting += map(int, children.split())
    found.pop(pid, None)
    return found


def all_gone(pids: Iterable[int], *, seconds: float = 20.0) -> bool:
    """Whether all of them end within this time."""
    deadline = time.monotonic() + seconds
    while any(map(_alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
