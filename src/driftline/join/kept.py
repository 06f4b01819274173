"""The entries that are in memory, and what of them is not stored yet."""

from __future__ import annotations

from collections import deque
from itertools import islice, repeat
from typing import TYPE_CHECKING, cast

from driftline.join.delta import JoinDelta
from driftline.join.entries import group_mark, group_of, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from driftline.join.entries import Entry


class Kept:
    """Entries by id, roughly in the order of their groups; older ones may be in the store alone."""

    def __init__(self) -> None:
        self._recent: dict[str, Entry] = {}
        """As they were when they were last handed on."""
        self._changed: dict[str, Entry] = {}
        """Since then; looked up first."""
        self._left: dict[str, int] = {}
        """The groups that ids have left since then."""
        self._outlived: set[str] = set()
        """Those whose new group is over already, while the store may hold them in the one that they
        have left. The store has to be told, however useless the new entry is: or the old one would
        be taken for what it was."""
        self._in_flight: dict[str, Entry] = {}
        self._appended: dict[int, list[str]] = {}
        self._removed: list[int] = []

    def __len__(self) -> int:
        return len(self._recent.keys() | self._changed.keys())

    def unknown(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that have no entry in memory."""
        layers = [one for one in (self._recent, self._changed, self._in_flight) if one]
        for layer in layers:
            ids = [id_ for id_ in ids if id_ not in layer]
        return list(ids)

    def look_up(
        self, ids: Sequence[str], found: Mapping[str, Entry]
    ) -> tuple[Sequence[int], Sequence[Entry]]:
        """Which rows' ids have an entry, in memory or among what was `found`; and the entries."""
        entries: list[Entry | None] = []
        for layer in (self._changed, self._recent, found):
            if not layer or layer.keys().isdisjoint(ids):
                continue
            if not entries:
                entries = list(map(layer.get, ids))
            else:
                pairs = zip(entries, map(layer.get, ids), strict=True)
                entries = [older if newer is None else newer for newer, older in pairs]
            if None not in entries:
                return range(len(entries)), cast("list[Entry]", entries)
        rows = [row for row, entry in enumerate(entries) if entry is not None]
        return rows, [entry for entry in entries if entry is not None]

    def get(self, id_: str, found: Mapping[str, Entry]) -> Entry | None:
        """The entry of one id."""
        entry = self._changed.get(id_)
        if entry is None:
            entry = self._recent.get(id_)
        return found.get(id_) if entry is None and found else entry

    def put_one(self, id_: str, entry: Entry) -> None:
        """As `put`, for one."""
        self._changed[id_] = entry

    def leave_one(self, id_: str, group: int) -> None:
        """As `leave`, for one."""
        self._left.setdefault(id_, group)
        self._changed.pop(id_, None)
        self._recent.pop(id_, None)

    def append_one(self, id_: str, entry: Entry, group: int) -> None:
        """As `append`, for one."""
        self._changed[id_] = entry
        self._appended.setdefault(group, []).append(id_)

    def put(self, ids: Iterable[str], entries: Sequence[Entry]) -> None:
        """Entries of groups that know these ids already."""
        self._changed.update(zip(ids, entries, strict=True))

    def append(self, ids: Sequence[str], entries: Sequence[Entry], groups: Sequence[int]) -> None:
        """Entries that join these groups."""
        self.put(ids, entries)
        if groups.count(groups[0]) == len(groups):
            self._appended.setdefault(groups[0], []).extend(ids)
            return
        for group, id_ in zip(groups, ids, strict=True):
            self._appended.setdefault(group, []).append(id_)

    def leave(self, ids: Sequence[str], groups: Sequence[int]) -> None:
        """These ids' entries go over from these groups into others: they will stand at the end."""
        _exhaust(map(self._left.setdefault, ids, groups))
        for layer in (self._changed, self._recent):
            if layer:
                _exhaust(map(layer.pop, ids, repeat(None)))

    def drop(self, group: int) -> None:
        """A group is no more; its entries are of no account."""
        self._removed.append(group)
        ids = self._appended.pop(group, ())
        if not self._left.keys().isdisjoint(ids):
            since = {former: set(new) for former, new in self._appended.items()}
            # Who has gone on from it is none of its entries any more.
            mark = mark_of(group)
            ours = [id_ for id_ in ids if group_mark(self._changed.get(id_, b"")) == mark]
            outlived = [
                id_
                for id_ in ours
                if self._left.get(id_, group) != group
                # The store may hold it in the group that it has left: it came there before.
                and (id_ in self._outlived or id_ not in since.get(self._left[id_], ()))
            ]
            self._outlived.difference_update(ours)
            if outlived:
                self._outlived.update(outlived)
                self._appended[group] = outlived

    def forget(self, living: AbstractSet[int]) -> None:
        """Let go of entries of other groups: sweep the front, leave the rest."""
        for layer in (self._recent, self._changed):
            for id_ in list(_front(layer, living)):
                if id_ not in self._outlived:
                    del layer[id_]

    def trim(self, keep: int) -> dict[str, Entry]:
        """Keep about the `keep` newest, and all that are not stored yet; those that had to go."""
        if len(self._recent) <= keep + keep // 4:
            return {}
        excess = len(self._recent) - keep
        stored = (id_ for id_ in self._recent if id_ not in self._in_flight)
        return {id_: self._recent.pop(id_) for id_ in list(islice(stored, excess))}

    # -- what is stored --

    def delta(self, state: bytes) -> JoinDelta:
        """What changed since the last delta; it is in flight until `settle`."""
        changed = self._changed
        if self._removed:
            over = set(map(mark_of, self._removed))
            changed = {
                id_: entry
                for id_, entry in changed.items()
                if group_mark(entry) not in over or id_ in self._outlived
            }
        delta = JoinDelta(changed, self._appended, self._removed, state)
        self._in_flight = changed
        self._turn_over(changed)
        return delta

    def discard_changes(self) -> None:
        """Nothing is stored: all entries stay in memory until they expire."""
        self._turn_over(self._changed)

    def _turn_over(self, changed: dict[str, Entry]) -> None:
        self._recent.update(changed)
        self._changed, self._left, self._outlived = {}, {}, set()
        self._appended, self._removed = {}, []

    def settle(self) -> None:
        """The delta that was in flight is stored."""
        self._in_flight = {}


def _exhaust(results: Iterator[object]) -> None:
    deque(results, maxlen=0)


def _front(entries: Mapping[str, Entry], living: AbstractSet[int]) -> Iterator[str]:
    """The ids that stand before the first one of a living group."""
    over = b""
    for id_, entry in entries.items():
        mark = group_mark(entry)
        if mark != over:
            if group_of(mark) in living:
                return
            over = mark
        yield id_
