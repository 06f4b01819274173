"""When a new version of the model carries most of what comes.

A version takes over at the first row at which it carries more than half of the latest rows: those
since it first appeared, the last 1,000 of them at most and 500 at least. A canary that gets a
twentieth of the traffic takes over nothing; a deployment that switches does so after 500 rows.

Decided row by row, so that it does not matter in which messages rows come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.clocks import BEFORE_ALL
from driftline.errors import StateError
from driftline.model import Micros, Role
from driftline.monitor.versions_state import Candidate, SharesState, Takeover

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from driftline.eventlog.messages import Ints, Rows, Texts
    from driftline.join import Outcomes

RECENT: Final = 1_000
LEAST: Final = 500
MAX_VERSIONS: Final = 20
"""Versions remembered; the ones seen longest ago go first, and are new if they come again."""


class VersionShares:
    """The versions in one kind of rows: predictions, or labelled ones."""

    def __init__(self) -> None:
        self._seen: dict[str, Candidate] = {}
        self._clock: Micros = BEFORE_ALL

    def take(self, versions: Sequence[str | None], times: Ints) -> list[Takeover]:
        """Learn the versions of the next rows, and the event times of their records.

        Returns what was taken over, in the order of the rows.
        """
        clock = np.maximum(np.maximum.accumulate(times), self._clock)
        self._clock = int(clock[-1])
        if not self._open and self._seen.keys() >= set(versions) - {None}:
            return []
        column = np.array(versions, object)
        found: list[Takeover] = []
        # In the order of their last rows, so that those seen longest ago are first.
        last = {name: place for place, name in enumerate(versions) if name is not None}
        for name in [*self._open, *sorted(last.keys() - set(self._open), key=last.__getitem__)]:
            takeover = self._judge(name, column == name, clock)
            found += [takeover] if takeover is not None else []
        self._forget(sorted(last, key=last.__getitem__))
        return sorted(found, key=lambda one: one.place)

    def carries(self, version: str | None) -> bool:
        """Whether a row of this version would change nothing but the clock."""
        return not self._open and (version is None or version in self._seen)

    def take_one(self, at: Micros) -> None:
        """Learn a row of a version that it `carries`: what `take` does, without columns."""
        self._clock = max(self._clock, at)

    @property
    def _open(self) -> list[str]:
        """Versions that have not taken over yet."""
        return [name for name, one in self._seen.items() if one.recent is not None]

    def _judge(self, name: str, ours: NDArray[np.bool_], clock: Ints) -> Takeover | None:
        """Whether a version takes over within these rows, of which `ours` are of it."""
        begin = 0
        one = self._seen.get(name)
        if one is None:
            begin = int(ours.argmax())
            one = self._seen[name] = Candidate(int(clock[begin]), b"")
        if one.recent is None:
            return None
        before = np.frombuffer(one.recent, np.uint8)
        rows = np.concatenate((before, ours[begin:].astype(np.uint8)))
        sums = np.concatenate(([0], rows.cumsum(dtype=np.int64)))
        ends = np.arange(len(before) + 1, len(rows) + 1)
        starts = np.maximum(ends - RECENT, 0)
        most = (ends - starts >= LEAST) & (2 * (sums[ends] - sums[starts]) > ends - starts)
        if most.any():
            first = int(most.argmax())
            one.recent = None
            return Takeover(begin + first, name, one.since, int(ends[first] - starts[first]))
        one.recent = rows[-RECENT:].tobytes()
        return None

    def _forget(self, latest: Iterable[str]) -> None:
        for name in latest:
            self._seen[name] = self._seen.pop(name)
        while len(self._seen) > MAX_VERSIONS:
            del self._seen[next(iter(self._seen))]

    def snapshot(self) -> SharesState:
        """All of it."""
        return SharesState(self._clock, self._seen)

    def restore(self, state: SharesState) -> None:
        """Take over what was stored."""
        self._clock, self._seen = state.clock, state.seen


class Versions:
    """The versions of one instance: in its predictions, and in its labelled ones."""

    def __init__(self) -> None:
        self._predictions = VersionShares()
        self._outcomes = VersionShares()

    def take(self, rows: Rows, outcomes: Outcomes) -> dict[int, list[tuple[bool, Takeover]]]:
        """Learn a message's versions.

        Returns by row what was taken over, and whether among the labelled ones.
        """
        found: dict[int, list[tuple[bool, Takeover]]] = {}
        column = rows.texts.get("version")
        if rows.role is Role.PREDICTIONS and column is not None and len(rows):
            for one in self._predictions.take(_names(column), rows.times):
                found.setdefault(one.place, []).append((False, one))
        if outcomes:
            places = np.array(outcomes.rows, np.int64)
            for one in self._outcomes.take(outcomes.versions, rows.times[places]):
                found.setdefault(int(places[one.place]), []).append((True, one))
        return found

    def carry(self, version: str | None, *, labelled: bool) -> bool:
        """Whether a row of this version would change nothing but a clock."""
        return (self._outcomes if labelled else self._predictions).carries(version)

    def take_one(self, at: Micros, *, labelled: bool) -> None:
        """Learn a row of a version that they `carry`: what `take` does, without columns."""
        (self._outcomes if labelled else self._predictions).take_one(at)

    def snapshot(self) -> bytes:
        """All of it."""
        return msgspec.msgpack.encode((self._predictions.snapshot(), self._outcomes.snapshot()))

    def restore(self, blob: bytes) -> None:
        """Take over what was stored.

        Raises:
            StateError: it does not decode.
        """
        try:
            states = msgspec.msgpack.decode(blob, type=tuple[SharesState, SharesState])
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored versions do not decode: {error}"
            raise StateError(msg) from error
        for shares, state in zip((self._predictions, self._outcomes), states, strict=True):
            if any(len(one.recent or b"") > RECENT for one in state.seen.values()):
                msg = "the stored versions hold more rows than they may"
                raise StateError(msg)
            shares.restore(state)


def _names(column: Texts) -> list[str | None]:
    # The code of a row without a version is -1: the last name.
    names = [*column.values, None]
    return [names[code] for code in column.codes.tolist()]
