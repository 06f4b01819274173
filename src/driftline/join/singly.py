"""What becomes of one prediction or label: the join's cases, as plainly as they can be said.

`together.py` does the same for many rows at once, and comes to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from driftline.join.entries import entry_in, read_entry
from driftline.join.fields import EARLY, JOINED, WAITING, Fields
from driftline.join.outcomes import Outcome, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.join.entries import Entry
    from driftline.join.held import Held


class Singly:
    """Takes rows one by one. Each is given as the fields of an entry without a group."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def take_prediction(
        self, row: int, id_: str, made: Fields, found: Mapping[str, Entry]
    ) -> tuple[bool, Outcome | None]:
        """Take in a prediction; whether it is new, and the pair that an early label made of it."""
        held = self._held
        early = self._known(id_, found)
        if early is not None and early.kind != EARLY:
            # The same position does not make it the same row: a topic may be made again. Rows that
            # were applied before do not come here, as entries and position are stored as one.
            held.totals.duplicate_predictions += 1
            return False, None
        outcome = None
        if early is not None and early.at - made.at <= held.groups.horizon:
            outcome = self._meet(row, id_, made, early)
        elif held.is_over(made.at):
            # Whether it came before nobody knows by now: it is counted, and fed to nothing. A label
            # held for it stays until its own time is over, and is an orphan then.
            held.totals.late += 1
            return False, None
        else:
            if early is not None:
                # A label that waited is too far from its prediction after all.
                held.totals.orphaned += 1
                self._release(id_, early)
            self._hold(id_, made)
        held.totals.predictions += 1
        return True, outcome

    def take_label(
        self, row: int, id_: str, truth: Fields, found: Mapping[str, Entry]
    ) -> Outcome | Revision | None:
        """Take in a label; what it completed, or corrected."""
        held = self._held
        known = self._known(id_, found)
        if known is None:
            if held.is_over(truth.at):
                held.totals.orphaned += 1
            else:
                held.totals.early += 1
                self._hold(id_, truth)
            return None
        if known.kind != WAITING:
            return self._label_again(row, id_, known, truth)
        if truth.at - known.at > held.groups.horizon:
            held.totals.orphaned += 1
            return None
        assert truth.label is not None  # noqa: S101 - a label has one
        held.groups.join_one(known.group)
        joined = replace(known, kind=JOINED, version=None, label=truth.label)
        held.kept.put_one(id_, entry_in(known.group, joined))
        return self._outcome(row, id_, known, truth)

    def _known(self, id_: str, found: Mapping[str, Entry]) -> Fields | None:
        entry = self._held.kept.get(id_, found)
        if entry is None:
            return None
        known = Fields(*read_entry(entry))
        return known if known.group in self._held.groups else None

    def _meet(self, row: int, id_: str, made: Fields, early: Fields) -> Outcome:
        """A prediction's label was held: where its own time is over, they last as long as that."""
        self._release(id_, early)
        joined = replace(made, kind=JOINED, version=None, label=early.label)
        if self._held.is_over(made.at):
            self._held.groups.count_one(early.group, JOINED, 1)
            self._held.kept.put_one(id_, entry_in(early.group, joined))
        else:
            self._hold(id_, joined)
        return self._outcome(row, id_, made, early)

    def _release(self, id_: str, early: Fields) -> None:
        self._held.groups.count_one(early.group, EARLY, -1)
        self._held.kept.leave_one(id_, early.group)

    def _hold(self, id_: str, made: Fields) -> None:
        """Put an entry into the group of its time."""
        number = self._held.groups.place_one(made.at, made.kind)
        self._held.kept.append_one(id_, entry_in(number, made), number)
        self._held.evict()

    def _outcome(self, row: int, id_: str, predicted: Fields, truth: Fields) -> Outcome:
        self._held.totals.joined += 1
        self._held.totals.delay += truth.at - predicted.at
        assert predicted.prediction is not None  # noqa: S101 - a prediction has one
        assert truth.label is not None  # noqa: S101 - a label has one
        assert truth.partition is not None  # noqa: S101 - it stands somewhere
        assert truth.offset is not None  # noqa: S101
        return Outcome(
            row, id_, predicted.at, truth.at, predicted.prediction, predicted.score,
            predicted.version, truth.label, truth.partition, truth.offset,
        )  # fmt: skip

    def _label_again(self, row: int, id_: str, known: Fields, truth: Fields) -> Revision | None:
        """A label for what has one already."""
        assert truth.label is not None  # noqa: S101 - a label has one
        assert known.label is not None  # noqa: S101 - it is not waiting
        if known.label == truth.label:
            self._held.totals.duplicate_labels += 1
            return None
        self._held.totals.corrected += 1
        self._held.kept.put_one(id_, entry_in(known.group, replace(known, label=truth.label)))
        if known.kind != JOINED:
            return None
        assert known.prediction is not None  # noqa: S101 - a joined entry has both
        return Revision(row, known.at, known.prediction, known.score, known.label, truth.label)
