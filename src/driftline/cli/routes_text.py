"""How receivers and routes are shown, to people and to machines; never with a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from driftline.cli.common import plain
from driftline.config.durations import format_duration

if TYPE_CHECKING:
    from datetime import timedelta

    from driftline.config.alerting import AlertingSpec, HoursSpec, Matchers, RouteSpec


def matchers_text(matchers: Matchers) -> str:
    """The matchers on a line, as the command line takes them; `everything` if there are none."""
    given = matchers.model_dump(exclude_none=True)
    pairs = [f"{key}={pattern}" for key, patterns in given.items() for pattern in patterns]
    return " ".join(pairs) or "everything"


def route_json(route: RouteSpec) -> dict[str, Any]:
    """A route as it is declared, with its defaults."""
    return {
        **route.model_dump(mode="json", by_alias=True),
        "match": matchers_json(route.match),
    }


def matchers_json(matchers: Matchers) -> dict[str, Any]:
    """Those that are given."""
    return matchers.model_dump(mode="json", exclude_none=True)


def receivers_json(alerting: AlertingSpec) -> dict[str, Any]:
    """Each receiver's kind and ceiling, by name."""
    return {
        name: {
            "kind": spec.kind,
            "description": spec.description,
            "per_hour": spec.per_hour or alerting.per_hour,
        }
        for name, spec in alerting.receivers.items()
    }


def receivers_table(alerting: AlertingSpec) -> Table:
    """One line for each receiver."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("receiver", "kind", "most an hour"):
        table.add_column(name)
    table.add_column("", overflow="fold")
    for name, spec in alerting.receivers.items():
        ceiling = spec.per_hour or alerting.per_hour
        table.add_row(plain(name), spec.kind, str(ceiling), plain(spec.description))
    return table


def routes_table(alerting: AlertingSpec) -> Table:
    """One line for each route, in the order in which they are asked."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("route", "matches", "receivers"):
        table.add_column(name, overflow="fold")
    table.add_column("then")
    for name in ("how", "hours"):
        table.add_column(name, overflow="fold")
    for place, route in enumerate(alerting.routes):
        table.add_row(
            str(place),
            plain(matchers_text(route.match)),
            plain(", ".join(route.receivers)),
            "continue" if route.continue_ else "stop",
            manner_text(route),
            hours_text(route.hours),
        )
    return table


def manner_text(route: RouteSpec) -> str:
    """When a receiver hears of an alert by this route, on a line."""
    wait = f"after {format_duration(route.group_wait)}" if route.group_wait else "at once"
    parts = [wait, _repeated(route.repeat_interval)]
    if not route.send_resolved:
        parts.append("not when resolved")
    if route.hold_back_caused is False:
        parts.append("also while its data is broken")
    if route.retrain:
        parts.append("and to retrain")
    return ", ".join(parts)


def _repeated(interval: timedelta | None) -> str:
    return "once" if interval is None else f"again every {format_duration(interval)}"


def hours_text(hours: HoursSpec | None) -> str:
    """When people may be told, on a line."""
    if hours is None:
        return "always"
    days = ",".join(day.value for day in hours.days)
    return f"{days} {hours.begin:%H:%M}-{hours.end:%H:%M} {hours.timezone}"
