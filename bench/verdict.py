"""What was to be reached, and whether it was, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD: Final = ("measure", "must", "stretch", "measured", "met?")
_WHOLE: Final = 100
"""From here on a figure needs no decimals."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that has to be kept, and one that would be better."""

    measure: str
    unit: str
    must: float
    stretch: float | None = None
    at_least: bool = False
    """Whether more is better."""

    def measured(self, value: float) -> Verdict:
        """What it came to."""
        return Verdict(self, value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure beside its target."""

    target: Target
    value: float

    @property
    def met(self) -> str:
        """The best bound that is kept."""
        if self.target.stretch is not None and self._keeps(self.target.stretch):
            return "stretch"
        return "yes" if self._keeps(self.target.must) else "**no**"

    def _keeps(self, bound: float) -> bool:
        return self.value >= bound if self.target.at_least else self.value <= bound


def render_verdicts(verdicts: Iterable[Verdict]) -> str:
    """One line each, as Markdown."""
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    for one in verdicts:
        target = one.target
        sign = "at least" if target.at_least else "at most"
        stretch = "" if target.stretch is None else _shown(target.stretch)
        measured = f"{_shown(one.value)} {target.unit}"
        cells = (target.measure, f"{sign} {_shown(target.must)}", stretch, measured, one.met)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"
