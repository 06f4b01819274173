"""What an instance tells: the events of its alerts, with their likely causes."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from driftline.alerts.event import LabelState, build_event
from driftline.alerts.schema import CauseData, CauseKind
from driftline.join import NO_OUTCOMES
from driftline.model import Role, to_datetime
from driftline.monitor.silence_event import build_silence_event
from driftline.monitor.state import Outgoing
from driftline.monitor.watchers import NO_ROW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.alerts.alert import AlertChange
    from driftline.config.watches import Watch
    from driftline.join import Outcomes
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.effects import Effects
    from driftline.monitor.parts import Parts
    from driftline.monitor.silence_state import SilenceChange
    from driftline.monitor.trouble import Cause
    from driftline.monitor.watchers import Publish


class Teller:
    """Makes the events of one instance's alerts, and keeps them until a checkpoint takes them."""

    def __init__(self, key: InstanceKey, parts: Parts, *, deployment: str) -> None:
        self._key = key
        self._parts = parts
        self._deployment = deployment
        self._outbox: list[Outgoing] = []

    @property
    def waits(self) -> bool:
        """Whether there are events that no checkpoint has taken."""
        return bool(self._outbox)

    def take_outbox(self) -> tuple[Outgoing, ...]:
        """The events since this was asked last."""
        taken, self._outbox = tuple(self._outbox), []
        return taken

    # -- alerts --

    def publish(self, change: AlertChange, seen_at: Micros | None, labels: LabelState) -> Outgoing:
        """The event of a change to an alert."""
        parts = self._parts
        watch, spec = parts.watchers.watch(change.signal), parts.stream.spec
        since = change.evidence.change_at
        event = build_event(
            self._deployment,
            change,
            profiles=watch.profiles,
            versions=list(parts.head.versions),
            labels=labels if watch.needs_labels else None,
            moved_with=parts.watchers.moved_with(change),
            seen_at=seen_at,
            owner=spec.owner,
            tags=spec.tags,
            cause=self._told_cause(change),
            retrain=watch.retrain,
            sources=parts.waymarks.window_since(since) if watch.retrain else (),
        )
        return self._keep(Outgoing(event.id, event.key, event.headers, event.value))

    def publisher(self, effects: Effects, seen_at: Micros | None) -> Publish:
        """Publishes changes that no row decides, and notes them among the effects."""

        def publish(change: AlertChange, _row: int) -> Outgoing:
            event = self.publish(change, seen_at, self.labels_at(NO_ROW, (), NO_OUTCOMES))
            effects.events.append(event)
            return event

        return publish

    def labels_at(self, row: int, fresh: Sequence[int], outcomes: Outcomes) -> LabelState:
        """How far the truth was known at a row, of whose message all rows have been joined.

        An event must not tell what came after the record that set it off.
        """
        join = self._parts.join
        totals = join.totals
        later = outcomes[bisect_right(outcomes.rows, row) :]
        made_later = sum(one > row for one in fresh)
        joined = totals.joined - len(later)
        delay = totals.delay - (sum(later.label_at) - sum(later.at))
        return LabelState(
            joined=joined,
            waiting=join.waiting + len(later) - made_later,
            expired=totals.expired,
            mean_delay=delay // joined if joined else None,
        )

    # -- silences --

    def tell_silences(
        self, changes: Iterable[SilenceChange], seen_at: Micros | None, effects: Effects
    ) -> None:
        """Publish what became of silences."""
        for change in changes:
            event = build_silence_event(
                self._deployment, self._key, self._parts.stream.spec, change, seen_at=seen_at
            )
            outgoing = Outgoing(event.id, event.key, event.headers, event.value)
            effects.events.append(self._keep(outgoing))

    # -- likely causes --

    @property
    def knows_causes(self) -> bool:
        """Whether anything is wrong that alerts may come of, or was told to be."""
        trouble = self._parts.trouble
        if trouble.told:
            return True
        return trouble.any(self._parts.silences.firing(Role.LABELS))

    def tell_causes(self, at: Micros, seen_at: Micros | None, effects: Effects) -> None:
        """Tell of alerts once more whose likely cause began, ended or is another now."""
        if not self.knows_causes:
            return
        publish = self.publisher(effects, seen_at)
        for watched in self._parts.watchers.firing:
            cause = self._cause(watched.watch)
            told = self._parts.trouble.told.get(watched.watch.signal)
            if told != (None if cause is None else cause.kind):
                for change in watched.touch().retell(at):
                    publish(change, NO_ROW)

    def _cause(self, watch: Watch) -> Cause | None:
        """What an alert about this watch may come of, besides the model."""
        parts = self._parts
        silent = parts.silences.firing(Role.LABELS)
        return parts.trouble.cause(watch, silent, parts.stream.spec.hold_back)

    def _told_cause(self, change: AlertChange) -> CauseData | None:
        """The likely cause that an event names, from here on known to be told."""
        told = self._parts.trouble.told
        cause = self._cause(self._parts.watchers.watch(change.signal))
        if cause is None or change.reason is not None:
            told.pop(change.signal, None)
        else:
            told[change.signal] = cause.kind
        if cause is None:
            return None
        return CauseData(
            kind=CauseKind(cause.kind), since=to_datetime(cause.since), detail=cause.detail
        )

    def _keep(self, event: Outgoing) -> Outgoing:
        self._outbox.append(event)
        return event
