"""All that is known of one instance, part by part, and what follows from its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.watches import NEEDS_LABELS
from driftline.join import Join
from driftline.model import SignalKind, micros
from driftline.monitor.head import Head
from driftline.monitor.silences import Silences
from driftline.monitor.trouble import InstanceTrouble
from driftline.monitor.watchers import Watchers
from driftline.monitor.waymarks import Waymarks
from driftline.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.deployment import Stream
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.silence_state import SilenceChange
    from driftline.monitor.watchers import Publish

MAX_WINDOW_SERIES: Final = 50_000
"""Windows open at a time in one instance, all signals and sizes together."""


class Parts:
    """The parts of one instance; each is one field, or a few, of what is stored."""

    def __init__(self, key: InstanceKey, stream: Stream) -> None:
        self.head = Head()
        self.watchers = Watchers(key, stream)
        self.join = Join(horizon=_horizon(stream), max_waiting=stream.spec.max_waiting)
        self.windows = _build_windows(stream)
        self.silences = Silences(key, stream.spec)
        self.waymarks = Waymarks()
        self.trouble = InstanceTrouble()
        self._settle_on(stream)

    def _settle_on(self, stream: Stream) -> None:
        """What follows from the declaration, and is asked for at each row."""
        self.stream = stream
        self.lateness = micros(stream.spec.lateness)
        signals = [watch.signal for watch in stream.watches]
        self.truth_signals = [signal for signal in signals if signal in NEEDS_LABELS]
        self.said_signals = [signal for signal in signals if signal not in NEEDS_LABELS]
        self.wants_retraining = any(watch.retrain for watch in stream.watches)
        categorical = any(watch.kind is SignalKind.CATEGORICAL for watch in stream.watches)
        self.by_columns = categorical or self.wants_retraining
        """Rows are taken by columns even if there is but one."""

    @property
    def deadline(self) -> Micros:
        """The watermark at which any part has something to do next."""
        due = min(self.join.deadline, self.silences.deadline) + self.lateness
        for other in (self.windows.next_deadline, self.watchers.deadline):
            if other is not None and other < due:
                due = other
        return due

    def redeclare(self, stream: Stream, at: Micros, publish: Publish) -> list[SilenceChange]:
        """From here on `stream` declares them; the silences that this ends."""
        self._settle_on(stream)
        self.watchers.redeclare(stream, at, publish)
        self.join.redeclare(horizon=_horizon(stream), max_waiting=stream.spec.max_waiting)
        windows = _build_windows(stream)
        windows.inherit(self.windows)
        self.windows = windows
        if not self.wants_retraining:
            self.waymarks = Waymarks()
        return self.silences.redeclare(stream.spec, at)

    def changed_fields(self) -> dict[str, bytes]:
        """What changed since this was asked last, but the join and the windows, by name."""
        return {
            "head": self.head.encode(),
            **self.watchers.changed_fields(),
            **self.silences.changed_fields(),
            "trouble": self.trouble.encode(),
        }

    def restore(self, fields: Mapping[str, bytes]) -> list[str]:
        """Take over what is stored; the names of the open windows, to be loaded next.

        Raises:
            StateError: a part does not decode, or belongs to other settings.
        """
        self.head = Head.decode(fields["head"])
        self.join.restore(fields["join"])
        self.watchers.restore(fields)
        self.silences.restore(fields)
        self.waymarks.restore(fields.get("waymarks"))
        self.trouble = InstanceTrouble.decode(fields.get("trouble"))
        return self.windows.restore(fields["windows"])


def _horizon(stream: Stream) -> Micros:
    """How long a prediction waits for its label: not at all where there are none."""
    labels = stream.spec.labels
    return micros(labels.horizon) if labels is not None else 0


def _build_windows(stream: Stream) -> Windows:
    horizon = _horizon(stream)
    numeric = [watch.signal for watch in stream.watches if watch.kind is not SignalKind.CATEGORICAL]
    return Windows(
        stream.spec.windows,
        numeric,
        max_series=MAX_WINDOW_SERIES,
        lateness=micros(stream.spec.lateness),
        open_for={signal: horizon for signal in numeric if signal in NEEDS_LABELS},
    )
