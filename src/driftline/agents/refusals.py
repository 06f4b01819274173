"""Which share of a stream's records a reader refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from driftline.monitor.trouble import RecentShare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.eventlog.messages import Passage
    from driftline.model import Micros

LASTS: Final[Micros] = 900_000_000
"""After so long without a record nothing is known any more."""


@dataclass(slots=True)
class _Share:
    at: Micros
    recent: RecentShare = field(default_factory=RecentShare)
    bad: bool = False


class Refusals:
    """The share of dead letters among the latest 1,000 records of each stream and source."""

    def __init__(self) -> None:
        self._shares: dict[tuple[str, str], _Share] = {}

    def count(self, source: str, records: int, passage: Passage, at: Micros) -> None:
        """Take in what became of a batch of so many records for one stream."""
        share = self._shares.setdefault((passage.stream, source), _Share(at))
        if at - share.at > LASTS:
            share.recent, share.bad = RecentShare(), False
        share.at = at
        share.recent.add(records - len(passage.filtered), len(passage.rejected))

    def bad(self, most: float, now: Micros) -> Iterator[tuple[str, str, float | None]]:
        """Each stream and source, with its share where that is more than may be.

        Once it was, until it is half of that.
        """
        for (stream, source), one in self._shares.items():
            bound = most / 2 if one.bad else most
            one.bad = now - one.at <= LASTS and one.recent.share > bound
            yield stream, source, one.recent.share if one.bad else None
