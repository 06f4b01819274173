"""When time alone moves an alert: it fires once drift has lasted, and it expires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.lifecycle import AlertState
from driftline.model import micros

if TYPE_CHECKING:
    from driftline.alerts.alert import Alert
    from driftline.alerts.blocks import Ints
    from driftline.config.watches import Watch
    from driftline.model import Micros

LAST_TIME: Final[Micros] = 253_402_300_799_999_999
"""The end of the year 9999: what would come later never comes."""


def deadline_of(alert: Alert, watch: Watch) -> Micros | None:
    """The event time at which the alert fires if it is pending, or expires if it fires.

    None: that moment lies beyond all calendars.
    """
    if alert.state is AlertState.PENDING:
        moment = alert.since + micros(watch.hold)
    else:
        fired_at = alert.since if alert.fired_at is None else alert.fired_at
        moment = fired_at + micros(watch.expire_after)
    return moment if moment <= LAST_TIME else None


def row_due(clock: Ints, deadline: Micros | None, begin: int) -> int:
    """The first row from `begin` on at which a deadline has come, or how many rows there are.

    `clock` says how far event time has come with each row; it never falls.
    """
    if deadline is None:
        return int(clock.size)
    return begin + int(clock[begin:].searchsorted(deadline))
