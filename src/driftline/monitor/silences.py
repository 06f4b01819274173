"""The silences of all sources of one instance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from driftline.alerts.lifecycle import Reason
from driftline.errors import StateError
from driftline.model import Role, micros
from driftline.monitor.silence import RoleSilence
from driftline.monitor.silence_state import SilenceState
from driftline.monitor.usual import NEVER, Usual

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from driftline.alerts.alert import Acknowledgement
    from driftline.config.streams import StreamSpec
    from driftline.eventlog.messages import Rows
    from driftline.model import InstanceKey, Micros
    from driftline.monitor.silence import Limit
    from driftline.monitor.silence_state import Place, SilenceChange, Silent


class Silences:
    """The silences of an instance's sources, as its stream declares them."""

    def __init__(self, instance: InstanceKey, spec: StreamSpec) -> None:
        self._instance = instance
        self._roles = {
            role: RoleSilence(instance, role, limit) for role, limit in _limits(spec).items()
        }

    @property
    def deadline(self) -> Micros:
        """The event time, less lateness, at which `on_time` has something to do next."""
        due = NEVER
        for one in self._roles.values():
            deadline = one.deadline
            due = min(due, deadline)
        return due

    def firing(self, role: Role) -> Silent | None:
        """The alert of a role that lives."""
        silence = self._roles.get(role)
        return None if silence is None else silence.firing

    def on_rows(self, rows: Rows) -> list[SilenceChange]:
        """Take in rows; the alerts that end with them."""
        changes: list[SilenceChange] = []
        for role, silence in self._roles.items():
            if role is rows.role:
                changes += silence.on_rows(rows)
            else:
                silence.begin(rows)
        return changes

    def go_on(self, role: Role, row: Place) -> bool:
        """Take in a row that only shows that nobody is silent: what `on_rows` does, if so.

        False, and nothing is taken in: there is more to it.
        """
        ours = self._roles.get(role)
        if ours is not None and not ours.go_on(row):
            return False
        for other in self._roles.values():
            if other is not ours:
                other.begin_at(row)
        return True

    def on_time(self, now: Micros, ended: Mapping[Role, Micros]) -> list[SilenceChange]:
        """Every row up to `now` has come; the alerts that follow.

        Of a role whose recording has `ended`, nothing is to be expected after that time.
        """
        return [
            change
            for role, one in self._roles.items()
            for change in one.on_time(min(now, ended.get(role, now)))
        ]

    def accept(self, alert_id: str, at: Micros) -> SilenceChange | None:
        """A person says that this silence is no news; None if no such alert lives."""
        for silence in self._roles.values():
            if silence.alert_id == alert_id:
                return silence.end(Reason.ACCEPTED, at)
        return None

    def acknowledge(self, alert_id: str, said: Acknowledgement, at: Micros) -> SilenceChange | None:
        """A person has taken an alert on; None if no such alert lives."""
        for silence in self._roles.values():
            if silence.alert_id == alert_id:
                return silence.acknowledge(said, at)
        return None

    def redeclare(self, spec: StreamSpec, at: Micros) -> list[SilenceChange]:
        """From here on `spec` says how long a silence may be; what is not watched ends."""
        before, limits = self._roles, _limits(spec)
        self._roles = {}
        for role, limit in limits.items():
            silence = before.pop(role, None)
            if silence is None:
                silence = RoleSilence(self._instance, role, limit)
            else:
                silence.relimit(limit)
            self._roles[role] = silence
        return list(_withdrawn(before.values(), at))

    def withdraw(self, at: Micros) -> list[SilenceChange]:
        """The stream is gone from the deployment."""
        return list(_withdrawn(self._roles.values(), at))

    # -- what is stored --

    def changed_fields(self) -> dict[str, bytes]:
        """The parts of the state that may have changed since this was asked last, by name."""
        states = {role.value: one.snapshot() for role, one in self._roles.items()}
        fields = {"silence": msgspec.msgpack.encode(states)}
        for role, one in self._roles.items():
            week = one.changed_week()
            if week is not None:
                fields[f"usual|{role.value}"] = week
        return fields

    def restore(self, fields: Mapping[str, bytes]) -> None:
        """Take over what is stored; what is not there begins anew.

        Raises:
            StateError: a part does not decode.
        """
        blob = fields.get("silence")
        if blob is None:
            return
        try:
            states = msgspec.msgpack.decode(blob, type=dict[str, SilenceState])
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored silences do not decode: {error}"
            raise StateError(msg) from error
        for role, one in self._roles.items():
            if role.value in states:
                one.restore(states[role.value], fields.get(f"usual|{role.value}"))


def _limits(spec: StreamSpec) -> dict[Role, Limit]:
    """How long each role's source may be silent; a role that is not watched is not named."""
    declared = {Role.PREDICTIONS: spec.silence.predictions}
    if spec.labels is not None:
        declared[Role.LABELS] = spec.silence.labels
    limits: dict[Role, Limit] = {}
    for role, limit in declared.items():
        if isinstance(limit, timedelta):
            limits[role] = micros(limit)
        elif limit == "usual":
            limits[role] = Usual()
    return limits


def _withdrawn(silences: Iterable[RoleSilence], at: Micros) -> Iterator[SilenceChange]:
    for silence in silences:
        change = silence.end(Reason.WITHDRAWN, at)
        if change is not None:
            yield change
