"""The demo's words and pictures, as renderables of rich; plain where there is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from driftline.alerts.alert import Status
from driftline.alerts.summary import levels, subject
from driftline.demo.outcome import RATE, name_of
from driftline.logs import printable
from driftline.model import SECOND, Severity, SignalKind, to_datetime, to_micros
from driftline.notify.charts import draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from driftline.alerts.schema import DriftData
    from driftline.demo.alerts import SeenAlert
    from driftline.demo.outcome import Lead, Outcome
    from driftline.demo.series import Series
    from driftline.model import Micros

STYLES: Final = {
    Severity.CRITICAL: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "cyan",
}
SIGNALS_MOVED: Final = 3
WORD: Final = 8
"""Columns for the word that an alert begins with."""
MARGIN: Final = 9
"""Columns left of a chart, for its scale."""
DAY: Final = 86_400 * SECOND
HOUR: Final = 3_600 * SECOND


def alert_told(alert: SeenAlert) -> Table:
    """An alert as it fires: what, what else moved, which record set it off, how fast."""
    data = alert.data
    word, style = data.severity.value.upper(), STYLES[data.severity]
    if data.status is Status.RESOLVED:
        word, style = "resolved", "green"
    elif not alert.opens:
        word = "update"
    told = Table.grid(padding=(0, 1))
    told.add_column(width=WORD)
    told.add_column()
    told.add_row(Text(word, style), Text(printable(data.summary), "bold"))
    if alert.opens:
        reasons = Table.grid(padding=(0, 2))
        for label, reason in _reasons(alert):
            reasons.add_row(Text(label, "dim"), Text(printable(reason), "dim"))
        told.add_row("", reasons)
    return told


def _reasons(alert: SeenAlert) -> Iterator[tuple[str, str]]:
    data, trigger = alert.data, alert.data.trigger
    if data.moved_with:
        yield "moved with", "; ".join(_moved(data))
    detector = next(one for one in data.detectors if one.profile == trigger.detector)
    record = f"record {trigger.id} ({trigger.topic}, offset {trigger.offset:,})"
    alarm = f"{detector.profile} alarmed at its {_ordinal(trigger.values_seen)} value"
    yield "set off by", f"{record}: {alarm}"
    told = f"{to_datetime(alert.told_at):%Y-%m-%d %H:%M} event time"
    if alert.seconds is not None:
        told += f"; readable {alert.seconds:.2f} s after the record reached Kafka"
    yield "told", told


def _moved(data: DriftData) -> Iterator[str]:
    for moved in data.moved_with[:SIGNALS_MOVED]:
        size = f" ({moved.effect_size:+.2f} sd)" if moved.effect_size is not None else ""
        kind = SignalKind.CATEGORICAL if moved.indicator else SignalKind.UNBOUNDED
        yield f"{subject(moved.signal, kind, moved.indicator)}{size}"


def _ordinal(number: int) -> str:
    teen = 10 <= number % 100 <= 20  # noqa: PLR2004 - eleventh to thirteenth
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def summary_table(outcome: Outcome) -> Table:
    """What moved when: a row for each alert, in the order in which they were told."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("what moved", "severity", "told at (event time)", "change around", "now"):
        table.add_column(column)
    table.add_column("before -> after")
    for alert in outcome.opened:
        latest = outcome.latest(alert)
        table.add_row(
            printable(name_of(alert)),
            Text(alert.data.severity.value, STYLES[alert.data.severity]),
            f"{to_datetime(alert.told_at):%Y-%m-%d %H:%M}",
            _minute(alert.data.evidence.change_at),
            latest.status.value,
            _levels(latest),
        )
    return table


def _levels(data: DriftData) -> str:
    means = [data.evidence.before.mean, data.evidence.after.mean]
    before, after = levels(means, data.signal, data.signal_kind)
    return f"{before} -> {after}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def chart_text(series: Series, kind: SignalKind, change_at: datetime | None) -> Text:
    """A chart of a signal with its scale; bars from the moment of change on are red."""
    if not series.means:
        return Text(f"{series.signal}: no windows")
    chart = draw(series.means)
    low, high = levels([chart.low, chart.high], series.signal, kind)
    split = len(series.means)
    if change_at is not None:
        split = series.column_at(to_micros(change_at))
    each = series.starts[1] - series.starts[0] if len(series.starts) > 1 else DAY
    title = f"{subject(series.signal, kind)}, mean of every {_span(each).removeprefix('1 ')}"
    lines = [Text(title, "bold")]
    for at, bars in enumerate(chart.lines):
        scale = high if at == 0 else low if at == len(chart.lines) - 1 else ""
        lines.append(
            Text.assemble(f"{scale:>{MARGIN - 1}} ", (bars[:split], "cyan"), (bars[split:], "red"))
        )
    lines.append(_axis(series, split, change_at))
    return Text("\n").join(lines)


def _axis(series: Series, split: int, change_at: datetime | None) -> Text:
    first, last = (f"{to_datetime(at):%Y-%m-%d}" for at in (series.starts[0], series.starts[-1]))
    width = len(series.means)
    line = list(first + last.rjust(max(width - len(first), 0)))
    if change_at is not None:
        mark = f"▲ {change_at:%Y-%m-%d}"
        begin = min(split, width - len(mark))
        # A pointer that would stand left of its column points from its right end.
        if begin < split:
            mark, begin = f"{change_at:%Y-%m-%d} ▲", split + 1 - len(mark)
        line[max(begin - 1, 0) : begin + len(mark) + 1] = f" {mark} " if begin else f"{mark} "
    return Text(" " * MARGIN + "".join(line)[: width + 2], "dim")


def lead_text(lead: Lead) -> str:
    """How much sooner than the labels."""
    free, labelled = name_of(lead.free), name_of(lead.labelled)
    if lead.duration < 0:
        return f"The alert on {labelled} came first, {_span(-lead.duration)} before {free}."
    return (
        f"{printable(free)} told {_span(lead.duration)} and {lead.predictions:,} predictions"
        f" sooner than {printable(labelled)}, which had to wait for the labels."
    )


def figures_text(outcome: Outcome) -> Iterator[str]:
    """The figures of the run, a line each."""
    timings, balance = outcome.timings, outcome.status.balance
    join = outcome.status.join
    yield (
        f"{outcome.sent:,} records in {timings.flow:.1f} s:"
        f" {outcome.events_per_second:,.0f} events/s through the worker,"
        f" which was sent at most {RATE:,.0f}/s"
    )
    if outcome.delays is not None:
        least, middle, most = outcome.delays
        yield (
            f"from a record in Kafka to its alert on the alerts topic: {middle:.2f} s"
            f" (least {least:.2f} s, most {most:.2f} s)"
        )
    yield (
        f"books: {balance.verdict}; {balance.applied:,} applied, {outcome.dead_lettered:,}"
        f" dead-lettered, {join.joined:,} predictions joined with their label"
    )
    yield f"{timings.total:.1f} s in all, of which {timings.start:.1f} s to start"


def _span(span: Micros) -> str:
    for size, unit in ((DAY, "day"), (HOUR, "hour")):
        if span >= 2 * size or span == size:
            count = round(span / size)
            return f"{count:,} {unit}{'s' * (count != 1)}"
    return f"{round(span / (60 * SECOND)):,} minutes"
