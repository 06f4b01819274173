"""Whether an alert is one of those that matchers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from driftline.config.patterns import match_any

if TYPE_CHECKING:
    from driftline.config.alerting import Matchers


class Described(Protocol):
    """What matchers look at; each `AlertData` has it."""

    @property
    def stream(self) -> str | None:
        """The stream, if it is about one."""

    @property
    def instance(self) -> str | None:
        """The instance, if it is about one."""

    @property
    def signal(self) -> str:
        """What it is about."""

    @property
    def severity(self) -> str:
        """As declared."""

    @property
    def kind(self) -> str:
        """drift, silence or health."""

    @property
    def owner(self) -> str | None:
        """As the stream declares."""

    @property
    def tags(self) -> tuple[str, ...]:
        """As the stream declares."""


@dataclass(frozen=True, slots=True)
class Description:
    """An alert as far as matchers look at it, where there is none."""

    stream: str | None
    instance: str | None
    signal: str
    severity: str
    kind: str
    owner: str | None = None
    tags: tuple[str, ...] = ()


def matches(matchers: Matchers, data: Described) -> bool:
    """Whether every matcher that is there matches; without any, every alert is meant."""
    return (
        _match(matchers.stream, data.stream)
        and _match(matchers.instance, data.instance)
        and _match(matchers.signal, data.signal)
        and _match(matchers.severity, data.severity)
        and _match(matchers.kind, data.kind)
        and _match(matchers.owner, data.owner)
        and _match(matchers.tag, *data.tags)
    )


def _match(patterns: tuple[str, ...] | None, *values: str | None) -> bool:
    if patterns is None:
        return True
    return any(value is not None and match_any(patterns, value) for value in values)
