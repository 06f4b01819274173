"""Joins predictions with their delayed labels by id, by event time alone.

Whether a pair may join is decided by the two event times and the horizon, never by whether an entry
still happens to exist; when an entry expires is decided by the watermark. So the result is a
function of the log, and an entry that is no longer in memory (it is fetched), or still in the store
though expired (it is ignored), makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, repeat
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.errors import StateError
from driftline.join.entries import Entry, EntryKind, Value, encode_entry
from driftline.join.groups import Groups, GroupsState
from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.eventlog.messages import Rows

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


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A prediction joined with its delayed label."""

    row: int
    """The row of the message that completed the pair."""
    id: str
    at: Micros
    """The prediction's event time."""
    label_at: Micros
    prediction: Value
    score: float | None
    version: str | None
    label: Value
    partition: int
    offset: int
    """Where the label's record stands."""


class Revision(msgspec.Struct, frozen=True, gc=False):
    """A joined label that was corrected: counts and windows follow, detectors do not."""

    at: Micros
    prediction: Value
    score: float | None
    old: Value
    new: Value


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

    def unknown(self, ids: Iterable[str]) -> list[str]:
        """The ids that may have an entry in the store and none in memory."""
        if self._groups.first_number >= self._resident_from:
            return []
        return [id_ for id_ in ids if id_ not in self._recent]

    # -- what comes in --

    def on_predictions(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[list[int], list[Outcome]]:
        """Take in predictions; return the rows that are new, and pairs that early labels made."""
        fresh: list[int] = []
        outcomes: list[Outcome] = []
        partition = rows.source.partition
        for row, (id_, at, offset, prediction, score, version) in enumerate(_predictions(rows)):
            entry = self._entry(id_, found)
            if entry is not None and entry.kind != _EARLY:
                # The same position does not make it the same row: a topic may be made again. Rows
                # that were applied before do not come here, entries and position are stored as one.
                self.totals.duplicate_predictions += 1
                continue
            if entry is not None and entry.at - at <= self._groups.horizon:
                made = Entry(0, _JOINED, at, partition, offset, prediction, score, version)
                outcomes.append(self._complete_early(row, id_, entry, made))
            elif self._groups.expired_at(at, self._now):
                # Whether it came before nobody knows by now: it is counted, and fed to nothing. A
                # label held for it stays until its own time is over, and is an orphan then.
                self.totals.late += 1
                continue
            else:
                if entry is not None:
                    self._orphan(entry)
                made = Entry(0, _WAITING, at, partition, offset, prediction, score, version)
                self._hold(id_, made)
            self.totals.predictions += 1
            fresh.append(row)
        return fresh, outcomes

    def on_labels(
        self, rows: Rows, found: Mapping[str, Entry]
    ) -> tuple[list[Outcome], list[Revision]]:
        """Take in labels; return the pairs they completed and the corrections they made."""
        outcomes: list[Outcome] = []
        revisions: list[Revision] = []
        self.totals.labels += len(rows)
        partition = rows.source.partition
        for row, (id_, at, offset, label) in enumerate(_labels(rows)):
            entry = self._entry(id_, found)
            if entry is None:
                self._hold_early(id_, Entry(0, _EARLY, at, partition, offset, label=label))
            elif entry.kind == _WAITING:
                if at - entry.at > self._groups.horizon:
                    self.totals.orphaned += 1
                    continue
                truth = Entry(0, _EARLY, at, partition, offset, label=label)
                outcomes.append(self._complete(row, id_, entry, truth))
            elif entry.label == label:
                self.totals.duplicate_labels += 1
            else:
                self.totals.corrected += 1
                self._put(id_, msgspec.structs.replace(entry, label=label))
                if entry.kind == _JOINED:
                    assert entry.prediction is not None  # noqa: S101 - a joined entry has both
                    assert entry.label is not None  # noqa: S101
                    revisions.append(
                        Revision(entry.at, entry.prediction, entry.score, entry.label, label)
                    )
        return outcomes, revisions

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
        joined = msgspec.structs.replace(made, group=early.group, version=None, label=early.label)
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
        entries = {
            id_: encode_entry(entry)
            for id_, entry in self._changed.items()
            if entry.group in self._groups
        }
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


def _predictions(
    rows: Rows,
) -> Iterator[tuple[str, int, int, Value, float | None, str | None]]:
    score = rows.numbers.get("score")
    scores: Iterable[float | None] = repeat(None)
    if score is not None:
        scores = [None if value != value else value for value in score.tolist()]  # noqa: PLR0124
    return zip(
        rows.ids,
        rows.times.tolist(),
        rows.offsets.tolist(),
        _values(rows, "prediction"),
        scores,
        _texts(rows, "version"),
        strict=False,
    )


def _labels(rows: Rows) -> Iterator[tuple[str, int, int, Value]]:
    return zip(
        rows.ids,
        rows.times.tolist(),
        rows.offsets.tolist(),
        _values(rows, "label"),
        strict=True,
    )


def _values(rows: Rows, name: str) -> Iterable[Value]:
    numbers = rows.numbers.get(name)
    if numbers is not None:
        return numbers.tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any
    column = rows.texts[name]
    return [column.values[code] for code in column.codes.tolist()]


def _texts(rows: Rows, name: str) -> Iterable[str | None]:
    column = rows.texts.get(name)
    if column is None:
        return repeat(None)
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]
