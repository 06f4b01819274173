"""The three things a worker does, each a consumer group of its own."""

from __future__ import annotations

from enum import StrEnum


class WorkerRole(StrEnum):
    """A part of a worker's work: all in one process, or split over several."""

    DECODE = "decode"
    MONITOR = "monitor"
    NOTIFY = "notify"


def role_group(deployment: str, role: WorkerRole) -> str:
    """The consumer group of a deployment's workers in a role."""
    return f"{deployment}.{role.value}"
