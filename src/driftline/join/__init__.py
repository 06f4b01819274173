"""The join: predictions wait for their labels; what becomes of each has a name and a counter."""

from driftline.join.delta import JoinDelta
from driftline.join.entries import Entry
from driftline.join.fields import EntryKind
from driftline.join.join import Join
from driftline.join.outcomes import NO_OUTCOMES, Outcome, Outcomes, Revision
from driftline.join.totals import JoinTotals

__all__ = [
    "NO_OUTCOMES",
    "Entry",
    "EntryKind",
    "Join",
    "JoinDelta",
    "JoinTotals",
    "Outcome",
    "Outcomes",
    "Revision",
]
