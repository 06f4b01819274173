"""What is wrong with the data that alerts stand on: their likely cause, and no news of the model.

Of a whole stream: many of its records are refused, or its reader is behind. Of an instance: a
feature is missing far more often than it was, or no labels come. Each is a function of the events
log alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.config.watches import MISSING
from driftline.errors import StateError
from driftline.model import SECOND, Micros, to_datetime
from driftline.monitor.head import source_name
from driftline.signals import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.config.watches import Watch
    from driftline.eventlog.messages import Passage, Progress
    from driftline.monitor.one_row import Value
    from driftline.monitor.silence_state import Silent
    from driftline.signals import TextSeries

DEAD_LETTERS: Final = "dead_letters"
MISSING_VALUES: Final = "missing_values"
LABELS_STOPPED: Final = "labels_stopped"
LAG: Final = "lag"

SPAN: Final = 1_000
"""Shares are of the latest so many records, or a few more."""
CHUNK: Final = 100
MOST_SHARE: Final = 0.05
"""More than this is trouble, until it is half of it."""
TIMES_USUAL: Final = 2
"""So many times its usual share a feature must be missing besides."""
USUAL_SPAN: Final = 20_000
"""What is usual is forgotten by half after so many records."""
LONGEST_LAG: Final[Micros] = 300 * SECOND


class Cause(msgspec.Struct, array_like=True, frozen=True):
    """What is wrong, since when in event time, and a sentence for people."""

    kind: str
    since: Micros
    detail: str


class RecentShare(msgspec.Struct, array_like=True):
    """The share of some among the latest records."""

    chunks: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """Of each: all, and some. The oldest first."""
    total: int = 0
    part: int = 0

    def add(self, total: int, part: int) -> tuple[int, int]:
        """Count more records; hands back how many have become old, and some of them."""
        if not total:
            return 0, 0
        self.total += total
        self.part += part
        if self.chunks and self.chunks[-1][0] < CHUNK:
            before = self.chunks.pop()
            total, part = before[0] + total, before[1] + part
        self.chunks.append((total, part))
        old = old_part = 0
        while self.total - self.chunks[0][0] >= SPAN:
            gone, gone_part = self.chunks.pop(0)
            self.total -= gone
            self.part -= gone_part
            old, old_part = old + gone, old_part + gone_part
        return old, old_part

    @property
    def share(self) -> float:
        """The share; what is missing of a full span counts as none."""
        return self.part / max(self.total, SPAN)


class ReaderLag(msgspec.Struct, array_like=True):
    """How far a source partition's reader is behind."""

    newest: Micros | None = None
    live: bool = False
    """It was in time once. Before that, what it reads is history, and being behind is no lag."""
    behind: Micros = 0
    """How far it lags; 0 while it does not."""

    def on_progress(self, progress: Progress, newest: Micros | None, seen_at: Micros) -> None:
        """Take in how far it has come."""
        if newest is not None:
            self.newest = newest if self.newest is None else max(self.newest, newest)
        if self.newest is None:
            return
        behind = seen_at - self.newest
        if progress.caught_up:
            self.live |= behind <= LONGEST_LAG
        lags = self.live and not progress.caught_up and behind > LONGEST_LAG
        self.behind = behind if lags else 0


class StreamTrouble(msgspec.Struct, array_like=True):
    """What is wrong with a stream as a whole."""

    refused: RecentShare = msgspec.field(default_factory=RecentShare)
    readers: dict[str, ReaderLag] = msgspec.field(default_factory=dict)
    causes: dict[str, Cause] = msgspec.field(default_factory=dict)
    """What is wrong now, by kind."""

    def on_progress(
        self, progress: Progress, passage: Passage, *, records: int, refused: int, newest: Micros
    ) -> bool:
        """Take in a progress message; whether something began or ended.

        `records` are those that it is the first to tell of, `refused` those of them that were;
        `newest` is the stream's newest event time.
        """
        self.refused.add(records, refused)
        share = self.refused.share
        bad = share > (MOST_SHARE / 2 if DEAD_LETTERS in self.causes else MOST_SHARE)
        detail = f"{share:.1%} of the latest records are refused"
        changed = self._note(DEAD_LETTERS, newest if bad else None, detail)
        if progress.seen_at is not None:
            name = source_name(passage.role, progress.source)
            reader = self.readers.setdefault(name, ReaderLag())
            reader.on_progress(progress, passage.newest, progress.seen_at)
            behind = max(one.behind for one in self.readers.values())
            detail = f"the records read are {behind / SECOND / 60:,.0f} minutes old"
            changed |= self._note(LAG, newest if behind else None, detail)
        return changed

    def _note(self, kind: str, since: Micros | None, detail: str) -> bool:
        if (since is None) == (kind not in self.causes):
            return False
        if since is None:
            del self.causes[kind]
        else:
            self.causes[kind] = Cause(kind, since, detail)
        return True


class Missing(msgspec.Struct, array_like=True):
    """How often a feature is missing."""

    recent: RecentShare = msgspec.field(default_factory=RecentShare)
    total: int = 0
    part: int = 0
    """Of the records before: what is usual."""
    since: Micros | None = None
    """Since when it is missing too often; None while it is not."""

    def add(self, values: int, missing: int, at: Micros) -> None:
        """Count more records, the last of which is of `at`."""
        old, old_part = self.recent.add(values, missing)
        self.total, self.part = self.total + old, self.part + old_part
        if self.total >= USUAL_SPAN:
            self.total, self.part = self.total // 2, self.part // 2
        if self.total < SPAN:
            return
        most = max(MOST_SHARE, TIMES_USUAL * self.part / self.total)
        bad = self.recent.share > (most if self.since is None else most / 2)
        if not bad:
            self.since = None
        elif self.since is None:
            self.since = at


class InstanceTrouble(msgspec.Struct, array_like=True):
    """What is wrong with the data of one instance, and which alerts were told so."""

    stream: dict[str, Cause] = msgspec.field(default_factory=dict)
    """What is wrong with the whole stream, by kind."""
    missing: dict[str, Missing] = msgspec.field(default_factory=dict)
    """By feature, for those that are watched for being missing."""
    told: dict[str, str] = msgspec.field(default_factory=dict)
    """The kind of cause that each firing alert names, by signal; none: not named."""

    def on_series(self, series: Mapping[str, Series | TextSeries], at: Micros) -> None:
        """Look at which features were missing in the rows of a message."""
        for signal, one in series.items():
            if signal.startswith(MISSING) and isinstance(one, Series):
                feature = signal.removeprefix(MISSING)
                missing = self.missing.setdefault(feature, Missing())
                missing.add(len(one.values), int(one.values.sum()), at)

    def on_values(self, values: Mapping[str, Value], at: Micros) -> None:
        """Look at which features were missing in one row: what `on_series` does."""
        for signal, one in values.items():
            if signal.startswith(MISSING):
                feature = signal.removeprefix(MISSING)
                self.missing.setdefault(feature, Missing()).add(1, int(one.value), at)

    def any(self, silent: Silent | None) -> bool:
        """Whether anything is wrong; `silent` as of `cause`."""
        if self.stream or silent is not None:
            return True
        return bool(self.missing) and self._missing() is not None

    def cause(
        self, watch: Watch, silent: Silent | None, hold_back: Collection[str]
    ) -> Cause | None:
        """The likely cause of an alert about this watch, of those that are declared to hold back.

        `silent` is the living alert about labels that do not come. It says nothing of signals that
        need none; nor does a missing feature explain an alert about a missing feature.
        """
        found = dict(self.stream)
        if not watch.signal.startswith(MISSING) and (missing := self._missing()) is not None:
            found[MISSING_VALUES] = missing
        if silent is not None and watch.needs_labels:
            since = silent.since.at
            detail = f"no labels since {to_datetime(since):%Y-%m-%d %H:%M} UTC"
            found[LABELS_STOPPED] = Cause(LABELS_STOPPED, since, detail)
        kinds = (DEAD_LETTERS, MISSING_VALUES, LABELS_STOPPED, LAG)
        return next((found[kind] for kind in kinds if kind in found and kind in hold_back), None)

    def _missing(self) -> Cause | None:
        """The feature that has been missing for longest."""
        found = [(one.since, name) for name, one in self.missing.items() if one.since is not None]
        if not found:
            return None
        since, name = min(found)
        share = self.missing[name].recent.share
        return Cause(
            MISSING_VALUES, since, f"{name} is missing in {share:.1%} of the latest records"
        )

    def encode(self) -> bytes:
        """As it is stored."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, blob: bytes | None) -> InstanceTrouble:
        """The inverse of `encode`; None: nothing was stored.

        Raises:
            StateError: it does not decode.
        """
        if blob is None:
            return cls()
        try:
            return msgspec.msgpack.decode(blob, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored troubles of an instance do not decode: {error}"
            raise StateError(msg) from error
