"""Alerts as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from driftline.alerts.alert import Status
from driftline.alerts.schema import DriftData
from driftline.cli.common import plain
from driftline.cli.wording import count, figure, many, span, when
from driftline.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rich.console import RenderableType

    from driftline.alerts.schema import AcknowledgedData, AlertData, SampleData
    from driftline.app.alert_log import AlertHistory

SHORT_ID = 10
"""Digits of an alert's id that a table shows: `show` takes any beginning that is the only one."""
TABLE_WIDTH = 120
"""Columns below which the table would have no room for what an alert says."""
_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def alert_table(alerts: Iterable[AlertHistory]) -> Table:
    """One line for each alert, as its newest revision tells it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "status", "severity", "instance", "signal", "changed about", "rev"):
        table.add_column(name, no_wrap=True)
    table.add_column("summary", overflow="fold")
    for alert in alerts:
        data = alert.latest.data
        table.add_row(
            plain(data.alert_id[:SHORT_ID]),
            _status(data),
            _severity(data),
            plain(data.instance or "-"),
            plain(data.signal),
            when(_since(data)),
            str(data.revision),
            plain("; ".join(filter(None, (data.summary, _likely_cause(data), _taken_on(data))))),
        )
    return table


def alert_line(data: AlertData) -> Text:
    """An event as it comes: what it says, and under it who has taken it on and where to look."""
    text = Text.assemble(
        when(data.seen_at or data.at), "  ", _status(data), "  ", _severity(data), "  "
    )
    text.append_text(plain(f"{data.instance or data.deployment}  {data.summary}"))
    where = f"alert {data.alert_id} revision {data.revision}"
    if isinstance(data, DriftData):
        where += f", set off by {_record(data)} at {when(data.trigger.at)}"
    for line in filter(None, (_likely_cause(data), _taken_on(data), where)):
        text.append("\n    ").append_text(plain(line))
    return text


def alert_page(alert: AlertHistory) -> RenderableType:
    """All there is to say of one alert."""
    data = alert.latest.data
    about = "/".join(part for part in (data.instance, data.signal) if part)
    parts: list[RenderableType] = [
        Text.assemble(_status(data), "  ", _severity(data), "  ").append_text(plain(about)),
        plain(data.summary),
        Text(),
        _facts(data),
    ]
    if isinstance(data, DriftData):
        parts += [Text(), _evidence(data)]
        if data.moved_with:
            parts += [Text(), Text("moved with it", style="bold"), _moved(data)]
        parts += [Text(), Text("detectors", style="bold"), _detectors(data)]
    parts += [Text(), Text("revisions", style="bold"), _revisions(alert)]
    return Group(*parts)


def _since(data: AlertData) -> datetime:
    return data.evidence.change_at if isinstance(data, DriftData) else data.since


def _status(data: AlertData) -> Text:
    firing = data.status is Status.FIRING
    text = "FIRING" if firing else f"resolved ({data.reason.value if data.reason else '-'})"
    return Text(text, style="bold" if firing else "green")


def _severity(data: AlertData) -> Text:
    return Text(data.severity.value, style=_STYLES[data.severity])


def _record(data: DriftData) -> str:
    one = data.trigger
    return f"{one.topic}/{one.partition} offset {one.offset} (id {one.id})"


def _facts(data: AlertData) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    facts = {
        "alert": f"{data.alert_id}, revision {data.revision}",
        **(_drift_facts(data) if isinstance(data, DriftData) else {"since": when(data.since)}),
        "acknowledged": _acknowledged(data),
        "owner": data.owner or "",
        "tags": ", ".join(data.tags),
        "decided": when(data.at),
        "seen": when(data.seen_at),
        "deployment": data.deployment,
    }
    for name, text in facts.items():
        if text and text != "-":
            grid.add_row(name, plain(text))
    return grid


def _acknowledged(data: AlertData) -> str:
    said = data.acknowledged
    return "" if said is None else f"by {said.by} at {when(said.at)}{_note(said)}"


def _taken_on(data: AlertData) -> str:
    said = data.acknowledged
    return "" if said is None else f"acknowledged by {said.by}{_note(said)}"


def _likely_cause(data: AlertData) -> str:
    cause = data.cause if isinstance(data, DriftData) else None
    return "" if cause is None else f"likely cause: {cause.detail}"


def _note(said: AcknowledgedData) -> str:
    return f": {said.note}" if said.note else ""


def _drift_facts(data: DriftData) -> dict[str, str]:
    evidence, trigger = data.evidence, data.trigger
    return {
        "moment of change": f"about {when(evidence.change_at)}",
        "direction": evidence.direction.value,
        "change": _change(data),
        "set off by": f"{_record(data)} at {when(trigger.at)}",
        "detector": f"{trigger.detector}, after {count(trigger.values_seen)} values",
        "indicator": data.indicator,
        "slice": data.slice or "",
        "alarms": count(data.alarms),
        "likely cause": _cause(data),
        "model versions": ", ".join(data.model_versions),
        "labels": _labels(data),
    }


def _cause(data: DriftData) -> str:
    cause = data.cause
    if cause is None:
        return ""
    held = "while it lasts, nobody is notified where hold_back_caused holds (as it does by default)"
    return f"{cause.detail}, since {when(cause.since)}: {held}"


def _change(data: DriftData) -> str:
    evidence = data.evidence
    relative = evidence.relative_change
    shares = [] if relative is None else [f"{relative:+.0%}"]
    if evidence.effect_size is not None:
        shares.append(f"{evidence.effect_size:+.2f} standard deviations")
    sign = "+" if evidence.absolute_change > 0 else ""
    absolute = f"{sign}{figure(evidence.absolute_change)}"
    return f"{absolute} ({', '.join(shares)})" if shares else absolute


def _labels(data: DriftData) -> str:
    labels = data.labels
    if labels is None:
        return ""
    share = "" if labels.coverage is None else f" ({labels.coverage:.0%} of predictions)"
    delay = labels.mean_delay_seconds
    after = "" if delay is None else f", {span(delay)} after their prediction on average"
    return f"{count(labels.joined)} joined{share}, {count(labels.waiting)} waiting{after}"


def _evidence(data: DriftData) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "mean", "sd", "values", "from", "to"):
        table.add_column(name, no_wrap=True)
    samples = {"before": data.evidence.before, "after": data.evidence.after}
    if data.evidence.now is not None:
        samples["now"] = data.evidence.now
    for name, sample in samples.items():
        table.add_row(name, *_sample(sample), when(sample.first_at), when(sample.last_at))
    return table


def _sample(sample: SampleData) -> tuple[str, str, str]:
    return figure(sample.mean), figure(sample.sd), count(sample.count)


def _moved(data: DriftData) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("signal", "before", "after", "effect"):
        table.add_column(name, no_wrap=True)
    for one in data.moved_with:
        name = f"{one.signal} = {one.indicator}" if one.indicator else one.signal
        effect = "-" if one.effect_size is None else f"{one.effect_size:+.2f} sd"
        table.add_row(plain(name), figure(one.before.mean), figure(one.after.mean), effect)
    return table


def _detectors(data: DriftData) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("profile", "kind", "alarms", "values seen", "parameters"):
        table.add_column(name, overflow="fold")
    for one in data.detectors:
        parameters = ", ".join(f"{name} {value}" for name, value in one.parameters.items())
        table.add_row(
            plain(one.profile),
            plain(one.kind),
            count(one.alarms),
            count(one.values_seen),
            plain(parameters),
        )
    return table


def _revisions(alert: AlertHistory) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rev", "decided", "seen", "status", "alarms"):
        table.add_column(name, no_wrap=True)
    table.add_column("summary", overflow="fold")
    for event in alert.events:
        data = event.data
        table.add_row(
            str(data.revision),
            when(data.at),
            when(data.seen_at),
            _status(data),
            count(data.alarms) if isinstance(data, DriftData) else "",
            plain(data.summary),
        )
    return table


def unreadable_line(number: int, topic: str) -> str:
    """What is said of records that are passed over."""
    return f"{many(number, 'record')} of {topic} passed over: not written by this driftline"
