"""The join: predictions wait for their labels; what becomes of each has a name and a counter."""

from driftline.join.entries import Entry, EntryKind
from driftline.join.join import Join, JoinDelta, JoinTotals, Outcome, Revision

__all__ = ["Entry", "EntryKind", "Join", "JoinDelta", "JoinTotals", "Outcome", "Revision"]
