"""What the rows of a message come to before anything is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.join import Outcomes, Revision
    from driftline.signals import Series, TextSeries


class Taken(NamedTuple):
    """What the rows of a message came to."""

    fresh: Sequence[int]
    """The rows that are new predictions."""
    outcomes: Outcomes
    series: Mapping[str, Series | TextSeries]
    revisions: Sequence[Revision] = ()
    """In the order of their rows."""
