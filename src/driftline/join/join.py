"""Joins predictions with their delayed labels by id, by event time alone.

Whether a pair may join is decided by the two event times and the horizon, never by whether an entry
still happens to exist; when an entry expires is decided by the watermark. So the result is a
function of the log, and an entry that is no longer in memory (it is fetched), or still in the store
though expired (it is ignored), makes no difference.

A message is taken whole, by columns, where none of its rows can make a difference to another one;
else it is halved until that is so, or until few are left, which are taken one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from driftline.join.arrivals import Arrivals
from driftline.join.away import Away
from driftline.join.held import Held
from driftline.join.outcomes import NO_OUTCOMES, Outcome, Outcomes, Revision, put_together
from driftline.join.singly import Singly
from driftline.join.together import Together
from driftline.join.totals import JoinState, JoinTotals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from driftline.eventlog.messages import Rows
    from driftline.join.delta import JoinDelta
    from driftline.join.entries import Entry
    from driftline.join.fields import Fields
    from driftline.join.group import Spans
    from driftline.model import Micros

FEW: Final = 4
"""Up to so many rows are taken one by one: columns begin to cost less behind it."""
MOST_AWAY_BYTES: Final = 64
"""For each entry that lives, what the books of those that are away may take."""
LEAST_AWAY_BYTES: Final = 1 << 16


class Join:
    """The join of one instance.

    Holds recent entries in memory; `unknown` says which ids of a message are to be looked up in the
    store before.
    """

    def __init__(self, *, horizon: Micros, max_waiting: int) -> None:
        self._held = Held(horizon=horizon, max_waiting=max_waiting)
        self._singly = Singly(self._held)
        self._together = Together(self._held)
        self._away = Away(horizon)
        self._resident_from = 0
        """All entries of groups from this number on are in memory."""
        self._followed_from = 0
        """Entries of groups from this number on are in memory, or known to be away."""

    # -- what is known --

    @property
    def totals(self) -> JoinTotals:
        """What became of all predictions and labels so far."""
        return self._held.totals

    @property
    def waiting(self) -> int:
        """Predictions that wait for their label now."""
        return self._held.groups.waiting

    @property
    def early(self) -> int:
        """Labels that wait for their prediction now."""
        return self._held.groups.early

    @property
    def deadline(self) -> Micros:
        """The time at which `on_time` has something to do next."""
        return self._held.groups.deadline

    @property
    def in_memory(self) -> int:
        """Entries held in memory."""
        return len(self._held.kept)

    @property
    def resident(self) -> bool:
        """Whether all entries are in memory."""
        return self._held.groups.first_number >= self._resident_from

    def unknown(self, ids: Sequence[str]) -> list[str]:
        """The ids that may have an entry in the store and none in memory."""
        if self.resident:
            return []
        if self._held.groups.first_number >= self._followed_from:
            ids = self._away.among(ids)
        return self._held.kept.unknown(ids)

    # -- what comes in --

    def on_predictions(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Sequence[int], Outcomes]:
        """Take in predictions; return the rows that are new, and pairs that early labels made."""
        taken = [
            (start, *self._take_predictions(part, spans, found))
            for start, part, spans in self._parts(Arrivals.predictions(rows))
        ]
        if len(taken) == 1:
            return taken[0][1:]
        fresh = [start + row for start, some, _ in taken for row in some]
        return fresh, put_together((start, outcomes) for start, _, outcomes in taken)

    def on_labels(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Outcomes, Sequence[Revision]]:
        """Take in labels; return the pairs they completed and the corrections they made."""
        self.totals.labels += len(rows)
        taken = [
            (start, *self._take_labels(part, spans, found))
            for start, part, spans in self._parts(Arrivals.labels(rows))
        ]
        if len(taken) == 1:
            return taken[0][1:]
        revisions = [replace(one, row=start + one.row) for start, _, some in taken for one in some]
        return put_together((start, outcomes) for start, outcomes, _ in taken), revisions

    def take_prediction(
        self, row: int, id_: str, made: Fields, found: Mapping[str, Entry]
    ) -> tuple[bool, Outcome | None]:
        """Take in one prediction, as the fields of an entry without a group.

        Returns whether it is new, and the pair that an early label made of it.
        """
        return self._singly.take_prediction(row, id_, made, found)

    def take_label(
        self, row: int, id_: str, truth: Fields, found: Mapping[str, Entry]
    ) -> Outcome | Revision | None:
        """Take in one label, as the fields of an entry without a group; what came of it."""
        self.totals.labels += 1
        return self._singly.take_label(row, id_, truth, found)

    def on_time(self, now: Micros) -> None:
        """Event time has come to `now`, the watermark less the lateness: expire what is due."""
        self._held.expire(now)

    def redeclare(self, *, horizon: Micros, max_waiting: int) -> None:
        """From here on wait so long, and hold so many; what is held already is judged by it too."""
        before = self._held.groups.horizon
        self._held.groups.redeclare(horizon=horizon, max_waiting=max_waiting)
        self._held.max_waiting = max_waiting
        if horizon != before:
            # The books of who is away are kept by parts of it.
            self._lose_track()
        self._held.evict()

    # -- which rows are taken together --

    def _parts(self, arrivals: Arrivals) -> Iterator[tuple[int, Arrivals, Spans | None]]:
        """Rows that do not depend on each other, or a few, without spans; and where they begin.

        A part is looked for when it is asked for: what was taken before makes a difference. How
        rows are cut into messages makes none, as these parts make none.
        """
        pending = [(0, arrivals)]
        while pending:
            start, part = pending.pop()
            count = len(part)
            spans = self._held.groups.spans(part.times) if count > FEW else None
            if spans is None or self._independent(part, spans):
                yield start, part, spans
            else:
                pending.append((start + count // 2, part.cut(count // 2, count)))
                pending.append((start, part.cut(0, count // 2)))

    def _independent(self, part: Arrivals, spans: Spans) -> bool:
        """Each id is there once, no group is filled, nothing is evicted."""
        count = len(part)
        return (
            self._held.groups.held + count <= self._held.max_waiting
            and len(set(part.ids)) == count
            and self._held.groups.have_room(spans)
        )

    def _take_predictions(
        self, part: Arrivals, spans: Spans | None, found: Mapping[str, Entry]
    ) -> tuple[Sequence[int], Outcomes]:
        if spans is not None:
            return self._together.take_predictions(part, spans, found)
        fresh, outcomes = [], []
        for row, made in enumerate(part.each_prediction()):
            is_new, outcome = self._singly.take_prediction(row, part.ids[row], made, found)
            if is_new:
                fresh.append(row)
            if outcome is not None:
                outcomes.append(outcome)
        return fresh, Outcomes.of(outcomes) if outcomes else NO_OUTCOMES

    def _take_labels(
        self, part: Arrivals, spans: Spans | None, found: Mapping[str, Entry]
    ) -> tuple[Outcomes, Sequence[Revision]]:
        if spans is not None:
            return self._together.take_labels(part, spans, found)
        came = [
            self._singly.take_label(row, part.ids[row], truth, found)
            for row, truth in enumerate(part.each_label())
        ]
        outcomes = [one for one in came if isinstance(one, Outcome)]
        revisions = [one for one in came if isinstance(one, Revision)]
        return Outcomes.of(outcomes) if outcomes else NO_OUTCOMES, revisions

    # -- what is stored --

    def delta(self) -> JoinDelta:
        """What changed since the last delta; it is in flight until `settle`."""
        state = JoinState(self._held.now, self.totals, self._held.groups.snapshot())
        return self._held.kept.delta(state.encode())

    def discard_changes(self) -> None:
        """Nothing is stored: all entries stay in memory until they expire."""
        self._held.kept.discard_changes()

    def settle(self) -> None:
        """The delta that was in flight is stored."""
        self._held.kept.settle()

    def trim(self, keep: int) -> None:
        """Of the entries in memory keep about the `keep` newest, and all that are not stored yet.

        Not to be called between `unknown` and the rows that it was asked for.
        """
        groups = self._held.groups
        self._away.forget(groups.numbers)
        gone = self._held.kept.trim(keep)
        if gone:
            self._resident_from = groups.next_number
            self._away.add(gone, groups, self._held.now)
            if self._away.size > max(MOST_AWAY_BYTES * groups.held, LEAST_AWAY_BYTES):
                self._lose_track()

    def restore(self, blob: bytes) -> None:
        """Take over a stored state; its entries are fetched when they are needed.

        Raises:
            StateError: the state does not decode.
        """
        state = JoinState.decode(blob)
        self._held.now = state.now
        self._held.totals = state.totals
        self._held.groups.restore(state.groups)
        self._resident_from = self._held.groups.next_number
        # Which ids are away nobody knows who has not seen them go.
        self._lose_track()

    def _lose_track(self) -> None:
        """Look up every id that is not in memory, until all groups that live now are over."""
        self._away = Away(self._held.groups.horizon)
        self._followed_from = self._held.groups.next_number
