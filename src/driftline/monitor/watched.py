"""One watched signal of one instance: its detectors, and the track on which its alerts live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.alerts.lifecycle import AlertState, Step, move
from driftline.alerts.track import SignalTrack
from driftline.detectors import Witness, warm_up_of
from driftline.detectors.state import ForeignStateError
from driftline.errors import StateError
from driftline.model import Alarm, SignalKind
from driftline.monitor.observed import PLAIN, Alarms, Hit, Observed
from driftline.signals import IndicatorTable, Series, TextSeries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.alerts.alert import AlertChange
    from driftline.config.profiles import Profile
    from driftline.config.watches import Watch
    from driftline.eventlog.messages import Ints
    from driftline.model import InstanceKey


_alarms: Final = msgspec.msgpack.Encoder()


class WatchedSignal:
    """A signal with its detectors and its alerts. A change of its watch keeps what still holds."""

    def __init__(self, instance: InstanceKey, watch: Watch) -> None:
        self.watch = watch
        self.track = SignalTrack(instance, watch)
        self.alarms = 0
        """How often its detectors alarmed, all together."""
        self.last_alarms: dict[str, Alarm] = {}
        """The last alarm of each detector, by profile."""
        self._table: IndicatorTable | None = None
        self.begun_anew: list[str] = []
        """Why detectors began anew when the state was taken over."""
        self._witnesses: dict[tuple[str, str], Witness] = {}
        self._changed = False
        self._alarms_changed = True
        if watch.kind is SignalKind.CATEGORICAL:
            self._table = IndicatorTable(max(profile.spec.warm_up for profile in watch.profiles))

    @property
    def seen(self) -> int:
        """How many values the detector that has seen most was given."""
        return max((witness.seen for witness in self._witnesses.values()), default=0)

    @property
    def wanted(self) -> int:
        """How many more values it takes until any of its detectors may say something."""
        if self._table is not None:
            return self._table.wanted
        kind = self.watch.kind
        return min(
            # Of a signal without a value there is none yet.
            witness.wanted
            if (witness := self._witnesses.get((PLAIN, profile.name)))
            else warm_up_of(profile, kind)
            for profile in self.watch.profiles
        )

    @property
    def unusable(self) -> int:
        """Values that were not finite, or beyond what a detector can work with."""
        return max((witness.unusable for witness in self._witnesses.values()), default=0)

    @property
    def state(self) -> AlertState:
        """Where its alert stands: without one, a detector's warning is shown as pending."""
        if (alert := self.track.alert) is not None:
            return alert.state
        warned = any(witness.warned for witness in self._witnesses.values())
        return move(AlertState.INACTIVE, Step.WARNING) if warned else AlertState.INACTIVE

    def observe(self, series: Series | TextSeries, record_times: Ints) -> Observed:
        """Give a message's values to the detectors, all of them, in order.

        `record_times` has the event time of each row of the message.
        """
        self._changed = True
        observed = self._columns(series, record_times)
        for indicator, column in observed.columns.items():
            for profile in self.watch.profiles:
                witness = self._witness(indicator, profile)
                observed.hits += [
                    Hit(
                        int(observed.rows[detection.index]),
                        indicator,
                        profile,
                        detection.values_seen,
                        detection.level,
                    )
                    for detection in witness.feed(column)
                ]
        return observed

    def observe_one(self, value: float) -> list[Hit]:
        """Give one value of a plain signal to the detectors."""
        self._changed = True
        hits: list[Hit] = []
        for profile in self.watch.profiles:
            said = self._witness(PLAIN, profile).feed_one(value)
            if said:
                hits += [Hit(0, PLAIN, profile, one.values_seen, one.level) for one in said]
        return hits

    def hear(self, alarm: Alarm, incarnation: str) -> list[AlertChange]:
        """A detector alarmed at the latest value that the track was given."""
        self.alarms += 1
        self._alarms_changed = True
        self.last_alarms[alarm.profile] = alarm
        return self.track.on_alarm(alarm, incarnation=incarnation)

    def touch(self) -> SignalTrack:
        """Its track, of which something is about to change."""
        self._changed = True
        return self.track

    def _columns(self, series: Series | TextSeries, record_times: Ints) -> Observed:
        if isinstance(series, Series):
            known = record_times[series.rows]
            return Observed({PLAIN: series.values}, series.times, series.rows, known)
        assert self._table is not None  # noqa: S101 - texts come for categorical signals only
        columns, times, rows = self._table.columns(series)
        return Observed(columns, times, rows, record_times[rows])

    def _witness(self, indicator: str, profile: Profile) -> Witness:
        witness = self._witnesses.get((indicator, profile.name))
        if witness is None:
            kind = self.watch.kind if indicator == PLAIN else SignalKind.BINARY
            witness = self._witnesses[indicator, profile.name] = Witness(profile, kind)
        return witness

    # -- what is stored --

    def changed_fields(self) -> Iterator[tuple[str, bytes]]:
        """The parts of the state that changed since this was asked last, by name."""
        if not self._changed:
            return
        self._changed = False
        signal = self.watch.signal
        yield _name("track", signal), self.track.snapshot()
        if self._alarms_changed:
            self._alarms_changed = False
            yield _name("alarms", signal), _alarms.encode(Alarms(self.alarms, self.last_alarms))
        if self._table is not None:
            yield _name("indicators", signal), self._table.snapshot()
        for (indicator, profile), witness in self._witnesses.items():
            yield _name("witness", signal, profile, indicator), witness.snapshot()

    def restore(self, fields: Mapping[str, bytes]) -> None:
        """Take over what is stored of this signal; what is not there starts anew.

        So does a detector whose state is of another River or of other settings.

        Raises:
            StateError: a part does not decode.
        """
        signal = self.watch.signal
        track = fields.get(_name("track", signal))
        if track is not None:
            self.track.restore(track)
        alarms = fields.get(_name("alarms", signal))
        if alarms is not None:
            self._restore_alarms(alarms)
        indicators: tuple[str, ...] = (PLAIN,)
        table = fields.get(_name("indicators", signal))
        if self._table is not None and table is not None:
            self._table.restore(table)
            indicators = self._table.names
        for profile in self.watch.profiles:
            for indicator in indicators:
                blob = fields.get(_name("witness", signal, profile.name, indicator))
                if blob is not None:
                    self._restore_witness(self._witness(indicator, profile), blob)

    def _restore_witness(self, witness: Witness, blob: bytes) -> None:
        try:
            witness.restore(blob)
        except ForeignStateError as error:
            self.begun_anew.append(str(error))
            self._changed = True

    def _restore_alarms(self, blob: bytes) -> None:
        try:
            alarms = msgspec.msgpack.decode(blob, type=Alarms)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"{self.watch.signal}: the stored alarms do not decode: {error}"
            raise StateError(msg) from error
        self.alarms, self.last_alarms = alarms.count, dict(alarms.last)

    def succeed(self, former: WatchedSignal) -> None:
        """Take over from the watch that this one replaces; a changed profile starts anew."""
        self.track = former.track
        self.track.rewatch(self.watch)
        self.alarms, self.last_alarms = former.alarms, former.last_alarms
        self._table = former._table
        before = {profile.name: profile.digest for profile in former.watch.profiles}
        kept = {one.name for one in self.watch.profiles if before.get(one.name) == one.digest}
        self._witnesses = {
            key: witness for key, witness in former._witnesses.items() if key[1] in kept
        }
        self.begun_anew = former.begun_anew
        self._changed = True

    def field_names(self) -> set[str]:
        """The names of all parts of the state that this signal stores."""
        signal = self.watch.signal
        names = {_name("track", signal), _name("alarms", signal)}
        if self._table is not None:
            names.add(_name("indicators", signal))
        return names | {
            _name("witness", signal, profile, indicator) for indicator, profile in self._witnesses
        }


def _name(*parts: str) -> str:
    return "|".join(parts)
