"""Joins predictions with their delayed labels by id, by event time alone.

Whether a pair may join is decided by the two event times and the horizon, never by whether an entry
still happens to exist; when an entry expires is decided by the watermark. So the result is a
function of the log, and an entry that is no longer in memory (it is fetched), or still in the store
though expired (it is ignored), makes no difference.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.errors import StateError
from driftline.join.entries import Entry, EntryKind, encode_entries
from driftline.join.groups import Groups, GroupsState
from driftline.join.outcomes import (
    NO_OUTCOMES,
    Outcome,
    Outcomes,
    Revision,
    label_rows,
    prediction_columns,
    prediction_rows,
    values,
)
from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.eventlog.messages import Rows
    from driftline.join.entries import Value

_WAITING: Final = int(EntryKind.WAITING)
_EARLY: Final = int(EntryKind.EARLY)
_JOINED: Final = int(EntryKind.JOINED)


class JoinTotals(msgspec.Struct):
    """What became of every prediction and label so far.

    predictions = joined + expired + evicted + waiting now, and labels = joined + duplicates +
    corrected + orphaned + evicted labels + early now; a duplicate or late prediction is in neither
    sum.
    """

    predictions: int = 0
    """Predictions taken in; duplicates and late ones apart."""
    labels: int = 0
    """Labels taken in, duplicates and corrections among them."""
    joined: int = 0
    delay: Micros = 0
    """The label delays of all that were joined, added up."""
    early: int = 0
    """Labels that came before their prediction, whatever became of them."""
    duplicate_predictions: int = 0
    duplicate_labels: int = 0
    corrected: int = 0
    expired: int = 0
    """Predictions that were never labelled within the horizon."""
    orphaned: int = 0
    """Labels whose prediction never came, or had passed its horizon."""
    evicted: int = 0
    """Predictions dropped because more than `max_waiting` entries were held."""
    evicted_labels: int = 0
    """Early labels dropped for the same reason."""
    late: int = 0
    """Predictions whose horizon was over when they came: new ones, or some that are sent again."""


@dataclass(frozen=True, slots=True)
class JoinDelta:
    """What changed in the join since the last delta."""

    entries: Mapping[str, bytes]
    groups: Mapping[int, Sequence[str]]
    groups_removed: Sequence[int]
    state: bytes


class _State(msgspec.Struct, array_like=True):
    now: Micros
    totals: JoinTotals
    groups: GroupsState


class Join:
    """The join of one instance.

    Holds recent entries in memory; `unknown` says which ids of a message are to be looked up in the
    store before.
    """

    def __init__(self, *, horizon: Micros, max_waiting: int) -> None:
        self.totals = JoinTotals()
        self._groups = Groups(horizon=horizon, max_waiting=max_waiting)
        self._max_waiting = max_waiting
        self._now: Micros = -(1 << 62)
        self._recent: dict[str, Entry] = {}
        self._resident_from = 0
        """All entries of groups from this number on are in memory."""
        self._changed: dict[str, Entry] = {}
        self._in_flight: dict[str, Entry] = {}
        self._appended: dict[int, list[str]] = {}
        self._removed: list[int] = []

    # -- what is known --

    @property
    def waiting(self) -> int:
        """Predictions that wait for their label now."""
        return self._groups.totals()[0]

    @property
    def early(self) -> int:
        """Labels that wait for their prediction now."""
        return self._groups.totals()[1]

    @property
    def deadline(self) -> Micros:
        """The time at which `on_time` has something to do next."""
        return self._groups.deadline

    @property
    def in_memory(self) -> int:
        """Entries held in memory."""
        return len(self._recent)

    @property
    def resident(self) -> bool:
        """Whether all entries are in memory."""
        return self._groups.first_number >= self._resident_from

    def unknown(self, ids: Iterable[str]) -> list[str]:
        """The ids that may have an entry in the store and none in memory."""
        if self.resident:
            return []
        return [id_ for id_ in ids if id_ not in self._recent]

    # -- what comes in --

    def on_predictions(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Sequence[int], Outcomes]:
        """Take in predictions; return the rows that are new, and pairs that early labels made."""
        taken = self._take_predictions(rows, found)
        if taken is not None:
            return range(len(rows)), taken
        fresh: list[int] = []
        outcomes: list[Outcome] = []
        partition = rows.source.partition
        for row, (id_, at, offset, prediction, score, version) in enumerate(prediction_rows(rows)):
            made = Entry(0, _WAITING, at, partition, offset, prediction, score, version)
            is_fresh, outcome = self.take_prediction(row, id_, made, found)
            fresh += [row] if is_fresh else []
            outcomes += [] if outcome is None else [outcome]
        return fresh, Outcomes.of(outcomes)

    def take_prediction(
        self, row: int, id_: str, made: Entry, found: Mapping[str, Entry]
    ) -> tuple[bool, Outcome | None]:
        """Take in one prediction, as an entry without a group.

        Returns whether it is new, and the pair that an early label made of it.
        """
        entry = self._entry(id_, found)
        if entry is not None and entry.kind != _EARLY:
            # The same position does not make it the same row: a topic may be made again. Rows
            # that were applied before do not come here, entries and position are stored as one.
            self.totals.duplicate_predictions += 1
            return False, None
        outcome = None
        if entry is not None and entry.at - made.at <= self._groups.horizon:
            outcome = self._complete_early(row, id_, entry, made)
        elif self._groups.expired_at(made.at, self._now):
            # Whether it came before nobody knows by now: it is counted, and fed to nothing. A
            # label held for it stays until its own time is over, and is an orphan then.
            self.totals.late += 1
            return False, None
        else:
            if entry is not None:
                self._orphan(entry)
            self._hold(id_, made)
        self.totals.predictions += 1
        return True, outcome

    def on_labels(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Outcomes, Sequence[Revision]]:
        """Take in labels; return the pairs they completed and the corrections they made."""
        self.totals.labels += len(rows)
        taken = self._take_labels(rows, found)
        if taken is not None:
            return taken
        outcomes: list[Outcome] = []
        revisions: list[Revision] = []
        partition = rows.source.partition
        for row, (id_, at, offset, label) in enumerate(label_rows(rows)):
            truth = Entry(0, _EARLY, at, partition, offset, label=label)
            made = self._take_label(row, id_, truth, found)
            if isinstance(made, Revision):
                revisions.append(made)
            elif made is not None:
                outcomes.append(made)
        return Outcomes.of(outcomes), revisions

    def take_label(
        self, row: int, id_: str, truth: Entry, found: Mapping[str, Entry]
    ) -> Outcome | Revision | None:
        """Take in one label, as an entry without a group; what it completed, or corrected."""
        self.totals.labels += 1
        return self._take_label(row, id_, truth, found)

    def _take_label(
        self, row: int, id_: str, truth: Entry, found: Mapping[str, Entry]
    ) -> Outcome | Revision | None:
        entry = self._entry(id_, found)
        if entry is None:
            self._hold_early(id_, truth)
            return None
        if entry.kind != _WAITING:
            assert truth.label is not None  # noqa: S101 - a label's entry has one
            return self._label_again(id_, entry, truth.label)
        if truth.at - entry.at > self._groups.horizon:
            self.totals.orphaned += 1
            return None
        return self._complete(row, id_, entry, truth)

    def on_time(self, now: Micros) -> None:
        """Event time has come to `now`, the watermark less the lateness: expire what is due."""
        self._now = max(self._now, now)
        for number, group in self._groups.expire(self._now):
            self.totals.expired += group.waiting
            self.totals.orphaned += group.early
            self._drop(number)
        self._forget_expired()

    def redeclare(self, *, horizon: Micros, max_waiting: int) -> None:
        """From here on wait so long, and hold so many; what is held already is judged by it too."""
        self._groups.redeclare(horizon=horizon, max_waiting=max_waiting)
        self._max_waiting = max_waiting
        self._evict()

    # -- many rows at once --
    #
    # What most messages hold: new predictions, and labels of predictions that wait. By columns they
    # cost half of what they cost row by row, and come to the same.

    def _take_predictions(self, rows: Rows, found: Mapping[str, Entry]) -> Outcomes | None:
        """Predictions that are all new, perhaps with early labels; None, if there are others."""
        known = self._known(rows, found)
        if known is None:
            return None
        early = [(row, entry) for row, entry in enumerate(known) if entry is not None]
        if any(entry.kind != _EARLY for _, entry in early):
            return None
        numbers = self._groups.place(rows.times, _WAITING)
        if numbers is None:
            return None
        self.totals.predictions += len(rows)
        made = list(map(Entry, numbers, repeat(_WAITING), *prediction_columns(rows)))
        outcomes = [
            outcome
            for row, entry in early
            if (outcome := self._meet_early(row, rows.ids[row], entry, made)) is not None
        ]
        self._groups.held -= len(early)
        self._keep(rows.ids, numbers, made)
        return Outcomes.of(outcomes) if outcomes else NO_OUTCOMES

    def _meet_early(self, row: int, id_: str, early: Entry, made: list[Entry]) -> Outcome | None:
        """A new prediction's label had come: of its entry in `made` becomes a joined one."""
        self._groups[early.group].early -= 1
        self._recent.pop(id_, None)
        prediction = made[row]
        if early.at - prediction.at > self._groups.horizon:
            self.totals.orphaned += 1
            return None
        group = self._groups[prediction.group]
        group.waiting -= 1
        group.joined += 1
        made[row] = msgspec.structs.replace(
            prediction, kind=_JOINED, version=None, label=early.label
        )
        return self._outcome(row, id_, prediction, early)

    def _take_labels(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[Outcomes, Sequence[Revision]] | None:
        """Labels of any kind but those that come too late; None, if there are such."""
        known = self._known(rows, found)
        if known is None:
            return None
        ats, labels = rows.times.tolist(), list(values(rows, "label"))
        new, waiting, again = [], [], []
        for row, entry in enumerate(known):
            if entry is None:
                new.append(row)
            elif entry.kind != _WAITING:
                again.append(row)
            elif ats[row] - entry.at > self._groups.horizon:
                return None
            else:
                waiting.append(row)
        if new and not self._take_early(rows, new, labels):
            return None
        outcomes = self._complete_all(rows, waiting, known, labels) if waiting else NO_OUTCOMES
        revisions: list[Revision] = []
        for row in again:
            entry = known[row]
            assert entry is not None  # noqa: S101 - it is known
            revision = self._label_again(rows.ids[row], entry, labels[row])
            revisions += [] if revision is None else [revision]
        return outcomes, revisions

    def _take_early(self, rows: Rows, new: list[int], labels: list[Value]) -> bool:
        """Hold labels that came before their predictions; False, and nothing done, if in vain."""
        some = rows.times if len(new) == len(rows) else rows.times[np.array(new)]
        numbers = self._groups.place(some, _EARLY)
        if numbers is None:
            return False
        self.totals.early += len(new)
        offsets = rows.offsets.tolist()
        none = repeat(None)
        made = map(
            Entry,
            numbers,
            repeat(_EARLY),
            some.tolist(),
            repeat(rows.source.partition),
            [offsets[row] for row in new],
            none,
            none,
            none,
            [labels[row] for row in new],
        )
        self._keep([rows.ids[row] for row in new], numbers, list(made))
        return True

    def _complete_all(
        self,
        rows: Rows,
        waiting: list[int],
        known: Sequence[Entry | None],
        labels: Sequence[Value],
    ) -> Outcomes:
        """Labels of predictions that wait."""
        groups, _, ats, partitions, offsets, predictions, scores, versions, _ = zip(
            *[msgspec.structs.astuple(entry) for row in waiting if (entry := known[row])],
            strict=True,
        )
        everything = len(waiting) == len(rows)
        truths = labels if everything else [labels[row] for row in waiting]
        ids = rows.ids if everything else [rows.ids[row] for row in waiting]
        stamps = rows.times if everything else rows.times[np.array(waiting)]
        places = rows.offsets if everything else rows.offsets[np.array(waiting)]
        for number, count in Counter(groups).items():
            group = self._groups[number]
            group.waiting -= count
            group.joined += count
        self.totals.joined += len(waiting)
        self.totals.delay += int(stamps.sum()) - sum(ats)
        none = repeat(None)
        made = map(
            Entry,
            groups,
            repeat(_JOINED),
            ats,
            partitions,
            offsets,
            predictions,
            scores,
            none,
            truths,
        )
        joined = dict(zip(ids, made, strict=True))
        self._recent.update(joined)
        self._changed.update(joined)
        return Outcomes(
            [
                waiting,
                ids,
                ats,
                stamps.tolist(),
                predictions,
                scores,
                versions,
                truths,
                [rows.source.partition] * len(waiting),
                places.tolist(),
            ]
        )

    def _known(self, rows: Rows, found: Mapping[str, Entry]) -> Sequence[Entry | None] | None:
        """What is known of each id; None where rows depend on each other, or any is over."""
        ids = rows.ids
        if (
            len(set(ids)) < len(ids)
            or self._groups.held + len(ids) > self._max_waiting
            or self._groups.expired_at(int(rows.times.min()), self._now)
        ):
            return None
        if not found and self._recent.keys().isdisjoint(ids):
            return [None] * len(ids)
        known = list(map(self._recent.get, ids))
        if found:
            known = [
                found.get(id_) if entry is None else entry
                for id_, entry in zip(ids, known, strict=True)
            ]
        groups = {entry.group for entry in known if entry is not None}
        return known if all(number in self._groups for number in groups) else None

    def _keep(self, ids: Sequence[str], numbers: Sequence[int], entries: Sequence[Entry]) -> None:
        """Entries whose ids had none before."""
        made = dict(zip(ids, entries, strict=True))
        self._recent.update(made)
        self._changed.update(made)
        if numbers[0] == numbers[-1] and len(set(numbers)) == 1:
            self._appended.setdefault(numbers[0], []).extend(ids)
            return
        for number, id_ in zip(numbers, ids, strict=True):
            self._appended.setdefault(number, []).append(id_)

    # -- the cases --

    def _entry(self, id_: str, found: Mapping[str, Entry]) -> Entry | None:
        entry = self._recent.get(id_)
        if entry is None and found:
            entry = found.get(id_)
        if entry is None or entry.group not in self._groups:
            return None
        return entry

    def _complete(self, row: int, id_: str, entry: Entry, truth: Entry) -> Outcome:
        group = self._groups[entry.group]
        group.waiting -= 1
        group.joined += 1
        joined = msgspec.structs.replace(entry, kind=_JOINED, version=None, label=truth.label)
        self._put(id_, joined)
        return self._outcome(row, id_, entry, truth)

    def _outcome(self, row: int, id_: str, prediction: Entry, truth: Entry) -> Outcome:
        self.totals.joined += 1
        self.totals.delay += truth.at - prediction.at
        assert prediction.prediction is not None  # noqa: S101 - a prediction's entry has one
        assert truth.label is not None  # noqa: S101 - a label's entry has one
        return Outcome(
            row, id_, prediction.at, truth.at, prediction.prediction, prediction.score,
            prediction.version, truth.label, truth.partition, truth.offset,
        )  # fmt: skip

    def _complete_early(self, row: int, id_: str, early: Entry, made: Entry) -> Outcome:
        joined = msgspec.structs.replace(
            made, group=early.group, kind=_JOINED, version=None, label=early.label
        )
        self._groups[early.group].early -= 1
        if self._groups.expired_at(made.at, self._now):
            self._groups[early.group].joined += 1
            self._put(id_, joined)
        else:
            self._groups.held -= 1
            self._hold(id_, joined)
        return self._outcome(row, id_, made, early)

    def _orphan(self, early: Entry) -> None:
        """A label that waited is too far from its prediction after all."""
        self.totals.orphaned += 1
        self._groups[early.group].early -= 1
        self._groups.held -= 1

    def _label_again(self, id_: str, entry: Entry, label: Value) -> Revision | None:
        """A label for what has one already."""
        if entry.label == label:
            self.totals.duplicate_labels += 1
            return None
        self.totals.corrected += 1
        self._put(id_, msgspec.structs.replace(entry, label=label))
        if entry.kind != _JOINED:
            return None
        assert entry.prediction is not None  # noqa: S101 - a joined entry has both
        assert entry.label is not None  # noqa: S101
        return Revision(entry.at, entry.prediction, entry.score, entry.label, label)

    def _hold_early(self, id_: str, entry: Entry) -> None:
        if self._groups.expired_at(entry.at, self._now):
            self.totals.orphaned += 1
            return
        self.totals.early += 1
        self._hold(id_, entry)

    def _hold(self, id_: str, entry: Entry) -> None:
        """Put an entry into the group of its time."""
        number = self._groups.number_for(entry.at)
        group = self._groups[number]
        if entry.kind == _WAITING:
            group.waiting += 1
        elif entry.kind == _EARLY:
            group.early += 1
        else:
            group.joined += 1
        self._groups.held += 1
        self._appended.setdefault(number, []).append(id_)
        # At the end, where it belongs by its group: see `_forget_expired`.
        self._recent.pop(id_, None)
        self._put(id_, msgspec.structs.replace(entry, group=number))
        if self._groups.held > self._max_waiting:
            # Row by row, so that it makes no difference how rows are cut into messages.
            self._evict()

    def _put(self, id_: str, entry: Entry) -> None:
        self._recent[id_] = entry
        self._changed[id_] = entry

    def _evict(self) -> None:
        while self._groups.held > self._max_waiting:
            for number, group in self._groups.evict_oldest():
                self.totals.evicted += group.waiting
                self.totals.evicted_labels += group.early
                self._drop(number)
        self._forget_expired()

    def _drop(self, number: int) -> None:
        self._removed.append(number)
        self._appended.pop(number, None)

    def _forget_expired(self) -> None:
        """Entries stand roughly in the order of their groups: sweep the front, leave the rest."""
        gone = []
        for id_, entry in self._recent.items():
            if entry.group in self._groups:
                break
            gone.append(id_)
        for id_ in gone:
            del self._recent[id_]

    # -- what is stored --

    def delta(self) -> JoinDelta:
        """What changed since the last delta; it is in flight until `settle`."""
        over = {entry.group for entry in self._changed.values()} - self._groups.numbers
        changed = self._changed
        if over:
            changed = {id_: one for id_, one in changed.items() if one.group not in over}
        entries = encode_entries(changed)
        delta = JoinDelta(entries, self._appended, self._removed, self._state())
        self._in_flight, self._changed = self._changed, {}
        self._appended, self._removed = {}, []
        return delta

    def discard_changes(self) -> None:
        """Nothing is stored: all entries stay in memory until they expire."""
        self._changed, self._appended, self._removed = {}, {}, []

    def settle(self) -> None:
        """The delta that was in flight is stored."""
        self._in_flight = {}

    def trim(self, keep: int) -> None:
        """Of the entries in memory keep about the `keep` newest, and all that are not stored yet.

        Not to be called between `unknown` and the rows that it was asked for.
        """
        if len(self._recent) <= keep + keep // 4:
            return
        excess = len(self._recent) - keep
        unstored = self._changed.keys() | self._in_flight.keys()
        stored = (id_ for id_ in self._recent if id_ not in unstored)
        for id_ in list(islice(stored, excess)):
            del self._recent[id_]
        self._resident_from = self._groups.next_number

    def _state(self) -> bytes:
        return msgspec.msgpack.encode(_State(self._now, self.totals, self._groups.snapshot()))

    def restore(self, blob: bytes) -> None:
        """Take over a stored state; its entries are fetched when they are needed.

        Raises:
            StateError: the state does not decode.
        """
        try:
            state = msgspec.msgpack.decode(blob, type=_State)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored join does not decode: {error}"
            raise StateError(msg) from error
        self._now = state.now
        self.totals = state.totals
        self._groups.restore(state.groups)
        self._resident_from = self._groups.next_number
