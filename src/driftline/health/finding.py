"""What is wrong with the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from driftline.model import Severity

Details: TypeAlias = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, for people."""

    summary: str
    details: Details = field(default_factory=dict)
    stream: str | None = None
    instance: str | None = None
    severity: Severity = Severity.WARNING
