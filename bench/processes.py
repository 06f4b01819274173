"""What processes cost: CPU seconds and memory, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds, user and system together, so far; and memory, in bytes."""

    cpu_seconds: float
    peak_bytes: int
    resident_bytes: int


def usage(pid: int) -> Usage:
    """Of a process and all its living descendants."""
    family = [pid, *descendants(pid)]
    return Usage(
        sum(map(_cpu_seconds, family)),
        sum(_memory(one, "VmHWM:") for one in family),
        sum(_memory(one, "VmRSS:") for one in family),
    )


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and they."""
    children: dict[int, list[int]] = {}
    for one in _PROC.iterdir():
        if one.name.isdigit() and (fields := _stat(int(one.name))):
            children.setdefault(int(fields[1]), []).append(int(one.name))
    found: list[int] = []
    wanted = [pid]
    while wanted:
        new = [child for parent in wanted for child in children.get(parent, ())]
        found += new
        wanted = new
    return found


def _stat(pid: int) -> list[str]:
    """The fields behind the name, which may hold anything; none if the process is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return sum(_ints(fields[11:15])) / _TICKS if fields else 0.0


def _memory(pid: int, measure: str) -> int:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(measure)]
    return 1024 * sum(_ints(found))


def _ints(texts: Iterable[str]) -> list[int]:
    return [int(text) for text in texts]
