"""What becomes of many predictions or labels at once: the cases of `singly.py`, by columns.

None of the rows may make a difference to another one: see `Join`. Most messages hold just one of
the cases, so that the others cost next to nothing.
"""

from __future__ import annotations

from operator import sub
from typing import TYPE_CHECKING

from driftline.join.arrivals import missing, pick, places_of
from driftline.join.columns import (
    NONE_READ,
    Columns,
    early_entries,
    joined_entries,
    read,
    scatter,
    waiting_entries,
)
from driftline.join.entries import relabelled
from driftline.join.fields import EARLY, JOINED, WAITING
from driftline.join.outcomes import NO_OUTCOMES, Outcomes, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from driftline.join.arrivals import Arrivals
    from driftline.join.entries import Entry
    from driftline.join.group import Spans
    from driftline.join.held import Held
    from driftline.model import Micros


class Together:
    """Takes rows of different ids that all have room in the groups of their `spans`."""

    def __init__(self, held: Held) -> None:
        self._held = held

    # -- predictions --

    def take_predictions(
        self, part: Arrivals, spans: Spans, found: Mapping[str, Entry]
    ) -> tuple[Sequence[int], Outcomes]:
        """Take in predictions; the rows that are new, and the pairs that early labels made."""
        known = self._known(part, found)
        over = self._held.groups.expired(spans, self._held.now)
        rows = range(len(part))
        if not known.count and not over:
            self._hold(part, spans, rows, NONE_READ)
            return rows, NO_OUTCOMES
        early = known.of_kind(EARLY)
        ats = part.times.tolist()
        met = self._in_time(early, early.ats, pick(ats, early.rows))
        # The same position does not make it the same row: a topic may be made again. Rows that were
        # applied before do not come here, as entries and position are stored as one.
        passed = known.rows_without(early)
        self._held.totals.duplicate_predictions += len(passed)
        if over:
            passed |= self._late(ats, passed.union(met.rows))
        if passed:
            early = early.without(passed)
        self._release(part, early, met)
        fresh = missing(passed, len(part)) if passed else rows
        held, joining = fresh, met
        if over:
            lasting = {row for row in met.rows if self._held.is_over(ats[row])}
            self._join_late(part, met.within(lasting))
            held, joining = [row for row in fresh if row not in lasting], met.without(lasting)
        self._hold(part, spans, held, joining)
        return fresh, self._pair_met(part, met)

    def _in_time(
        self, known: Columns, labelled: Sequence[Micros], predicted: Sequence[Micros]
    ) -> Columns:
        """Those of the entries whose label is not too long after its prediction."""
        horizon, delays = self._held.groups.horizon, list(map(sub, labelled, predicted))
        if max(delays, default=0) <= horizon:
            return known
        return known.take([place for place, delay in enumerate(delays) if delay <= horizon])

    def _late(self, ats: Sequence[Micros], known: AbstractSet[int]) -> set[int]:
        """Rows whose time is over: whether they came before nobody knows by now.

        They are counted, and fed to nothing. A label held for one stays until its own time is over,
        and is an orphan then.
        """
        late = {row for row, at in enumerate(ats) if row not in known and self._held.is_over(at)}
        self._held.totals.late += len(late)
        return late

    def _release(self, part: Arrivals, early: Columns, met: Columns) -> None:
        """Labels wait no longer: their predictions are there, though too far away if not `met`."""
        if early.count:
            self._held.totals.orphaned += early.count - met.count
            self._held.groups.take_out(early.groups, EARLY)
            self._held.kept.leave(pick(part.ids, early.rows), early.groups)

    def _join_late(self, part: Arrivals, met: Columns) -> None:
        """Pairs whose prediction's time is over: they last as long as the label would have."""
        if met.count:
            part = part.take(met.rows)
            made = joined_entries(waiting_entries(met.groups, part), met.labels)
            self._held.groups.put_in(met.groups, JOINED)
            self._held.kept.put(part.ids, made)
            self._held.totals.predictions += len(part)

    def _hold(self, part: Arrivals, spans: Spans, rows: Sequence[int], met: Columns) -> None:
        """New predictions wait, but for those that have met their labels."""
        if not rows:
            return
        if len(rows) < len(part):
            part = part.take(rows)
            spans = self._held.groups.spans(part.times)
        numbers = self._held.groups.place(spans, WAITING)
        entries = waiting_entries(numbers, part)
        if met.count:
            places = places_of(met.rows, rows)
            scatter(entries, places, joined_entries(pick(entries, places), met.labels))
            self._held.groups.join(pick(numbers, places))
        self._held.kept.append(part.ids, entries, numbers)
        self._held.totals.predictions += len(part)
        self._held.evict()

    def _pair_met(self, part: Arrivals, met: Columns) -> Outcomes:
        if not met.count:
            return NO_OUTCOMES
        part = part.take(met.rows)
        return self._pair(
            [
                met.rows, part.ids, part.times.tolist(), met.ats, part.value_list(),
                part.score_list(), part.version_list(), met.labels, met.partitions, met.offsets,
            ]
        )  # fmt: skip

    # -- labels --

    def take_labels(
        self, part: Arrivals, spans: Spans, found: Mapping[str, Entry]
    ) -> tuple[Outcomes, Sequence[Revision]]:
        """Take in labels; the pairs they completed and the corrections they made."""
        known = self._known(part, found)
        if known.count < len(part):
            self._hold_early(part, spans, known.rows)
        waiting = known.of_kind(WAITING)
        if waiting.count == known.count:
            return self._complete(part, waiting), ()
        revisions = self._label_again(part, known.without(set(waiting.rows)))
        return self._complete(part, waiting), revisions

    def _complete(self, part: Arrivals, waiting: Columns) -> Outcomes:
        """Labels of predictions that wait."""
        if not waiting.count:
            return NO_OUTCOMES
        stamps = part.times.tolist()
        known = self._in_time(waiting, pick(stamps, waiting.rows), waiting.ats)
        self._held.totals.orphaned += waiting.count - known.count
        if not known.count:
            return NO_OUTCOMES
        part = part.take(known.rows)
        self._held.groups.join(known.groups)
        self._held.kept.put(part.ids, joined_entries(known.entries, part.values, known.array))
        return self._pair(
            [
                known.rows, part.ids, known.ats, pick(stamps, known.rows), known.predictions,
                known.scores, known.versions, part.value_list(), [part.partition] * known.count,
                part.offsets.tolist(),
            ]
        )  # fmt: skip

    def _pair(self, columns: Sequence[Sequence[object]]) -> Outcomes:
        outcomes = Outcomes(columns)
        self._held.totals.joined += len(outcomes.rows)
        self._held.totals.delay += sum(outcomes.label_at) - sum(outcomes.at)
        return outcomes

    def _hold_early(self, part: Arrivals, spans: Spans, known: Sequence[int]) -> None:
        """Labels of ids that have no entry are early, but for those that nothing can wait for."""
        if len(known):
            part = part.take(missing(set(known), len(part)))
            spans = self._held.groups.spans(part.times)
        if self._held.groups.expired(spans, self._held.now):
            ats = part.times.tolist()
            rows = [row for row, at in enumerate(ats) if not self._held.is_over(at)]
            self._held.totals.orphaned += len(ats) - len(rows)
            if not rows:
                return
            part = part.take(rows)
            spans = self._held.groups.spans(part.times)
        self._held.totals.early += len(part)
        numbers = self._held.groups.place(spans, EARLY)
        self._held.kept.append(part.ids, early_entries(numbers, part), numbers)
        self._held.evict()

    def _label_again(self, part: Arrivals, known: Columns) -> Sequence[Revision]:
        """Labels for what has one already."""
        revisions = []
        values = part.value_list()
        for place, row in enumerate(known.rows):
            old, new = known.labels[place], values[row]
            if old == new:
                self._held.totals.duplicate_labels += 1
                continue
            self._held.totals.corrected += 1
            self._held.kept.put((part.ids[row],), (relabelled(known.entries[place], new),))
            if known.kinds[place] == JOINED:
                prediction, score = known.predictions[place], known.scores[place]
                revisions.append(Revision(row, known.ats[place], prediction, score, old, new))
        return revisions

    # -- both --

    def _known(self, part: Arrivals, found: Mapping[str, Entry]) -> Columns:
        """The entries that the ids have, but for those that are over."""
        rows, entries = self._held.kept.look_up(part.ids, found)
        if not rows:
            return NONE_READ
        known = read(rows, entries)
        living = self._held.groups.numbers
        if set(known.groups) <= living:
            return known
        return known.take([place for place, one in enumerate(known.groups) if one in living])
