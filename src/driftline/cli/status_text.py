"""The status as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from driftline.cli.books_text import balance_line, books_table, join_line
from driftline.cli.common import plain
from driftline.cli.wording import count, figure, many, when

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from driftline.app.status.report import (
        DetectorStatus,
        LastAlarm,
        StatusReport,
        StreamStatus,
        WindowStatus,
    )


def status_page(report: StatusReport, *, detailed: bool) -> RenderableType:
    """The whole report; `detailed` where one stream was asked for."""
    parts: list[RenderableType] = [_deployment(report), _workers(report), Text(), _log(report)]
    if report.sources:
        parts += [Text(), _sources(report)]
    for stream in report.streams:
        parts += [Text(), *_stream(stream, detailed=detailed)]
    return Group(*parts)


def _deployment(report: StatusReport) -> Text:
    text = f"deployment {report.deployment}, declaration {report.digest[:12]}"
    if report.current_digest is None:
        text += ": nothing is stored yet"
    elif report.current_digest != report.digest:
        text += f"; what runs is another one, {report.current_digest[:12]}"
    return plain(text)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _workers(report: StatusReport) -> RenderableType:
    if not report.workers:
        return Text("no worker is running", style="bold red")
    table = _table("worker", "roles", "events partitions", "since", "version")
    for one in report.workers:
        table.add_row(
            plain(one.id),
            plain(", ".join(one.roles)),
            ", ".join(map(str, one.events_partitions)) or "-",
            when(one.started_at),
            plain(one.version),
        )
    return table


def _log(report: StatusReport) -> Table:
    table = _table("events log", "owner", "messages behind")
    for one in report.events_log:
        behind = plain(one.problem) if one.problem else Text(count(one.behind))
        table.add_row(str(one.partition), plain(one.owner or "nobody"), behind)
    return table


def _sources(report: StatusReport) -> Table:
    table = _table("source", "log", "read up to", "lag")
    for one in report.sources:
        table.add_row(
            plain(f"{one.topic}/{one.partition}"),
            f"{count(one.log_start)} to {count(one.log_end)}",
            count(one.committed),
            count(one.lag),
        )
    return table


def _stream(stream: StreamStatus, *, detailed: bool) -> Iterator[RenderableType]:
    yield Text.assemble((plain(stream.stream).plain, "bold"), *_headline(stream))
    for one in stream.suspended:
        yield plain(f"  suspended: {one.instance}: {one.reason}")
    if not stream.sources:
        yield Text("  nothing has been read yet")
        return
    yield books_table(stream)
    yield Text(f"  {balance_line(stream)}", style="" if stream.balance.sound else "bold red")
    yield plain(f"  {join_line(stream)}")
    yield plain(f"  {_windows_line(stream)}")
    for alert in stream.firing:
        taken = f", taken on by {alert.acknowledged_by}" if alert.acknowledged_by else ""
        yield plain(f"  FIRING {alert.severity}: {alert.instance}/{alert.signal}{taken}")
    for held in stream.pending:
        why = "a detector warns" if held.alert_id is None else f"drift since {when(held.since)}"
        yield plain(f"  pending {held.severity}: {held.instance}/{held.signal}, {why}")
    detectors = [one for one in stream.detectors if detailed or one.last_alarm is not None]
    if detectors:
        yield _detectors(detectors)
    elif stream.detectors:
        yield plain(f"  {many(len(stream.detectors), 'detector')}, no alarm so far")
    if stream.instances > 1:
        yield _noisiest(stream)
    if stream.windows:
        yield _windows(stream.windows)


def _headline(stream: StreamStatus) -> Iterator[str]:
    yield "" if stream.declared else " (not declared any more)"
    yield f": {many(stream.instances, 'instance')}, watermark {when(stream.watermark)}"
    if stream.firing:
        yield f", {many(len(stream.firing), 'alert')} firing"
    if stream.pending:
        yield f", {len(stream.pending):,} pending"
    if stream.suspended:
        yield f", {len(stream.suspended):,} suspended"


def _windows_line(stream: StreamStatus) -> str:
    text = f"windows: {count(stream.windows_stored)} stored"
    if stream.windows_late:
        text += f"; {many(stream.windows_late, 'value')} came too late for theirs"
    if stream.windows_refused:
        text += f"; {many(stream.windows_refused, 'value')} were over the cap of open windows"
    return text


def _detectors(detectors: list[DetectorStatus]) -> Table:
    table = _table("  signal", "detector", "severity", "last alarm", "values seen", "record")
    for one in detectors:
        table.add_row(
            plain(f"  {one.signal}"),
            plain(one.detector),
            plain(one.severity),
            *_alarm(one.last_alarm),
        )
    return table


def _alarm(alarm: LastAlarm | None) -> tuple[str, str, Text]:
    if alarm is None:
        return "none", "-", Text("-")
    of = f" = {alarm.indicator}" if alarm.indicator else ""
    record = f"{alarm.instance}{of}: {alarm.topic}/{alarm.partition} offset {alarm.offset}"
    return when(alarm.at), count(alarm.values_seen), plain(f"{record} (id {alarm.id})")


def _noisiest(stream: StreamStatus) -> Table:
    table = _table("  noisiest instances", "alarms", "firing", "rows", "waiting", "owner")
    for one in stream.noisiest:
        table.add_row(
            plain(f"  {one.instance}"),
            count(one.alarms),
            count(one.firing),
            count(one.rows),
            count(one.waiting),
            plain(one.owner or "nobody"),
        )
    return table


def _windows(windows: tuple[WindowStatus, ...]) -> Table:
    table = _table("  newest window of", "size", "start", "values", "mean")
    for one in windows:
        table.add_row(
            plain(f"  {one.instance}/{one.signal}"),
            f"{one.size_seconds / 3_600:g} h",
            when(one.start),
            count(one.count),
            figure(one.mean),
        )
    return table
