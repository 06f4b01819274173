"""What `driftline check` shows to people."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table

from driftline.app.alerting_notes import alerting_notes
from driftline.app.footprint import instance_footprint, watch_stored
from driftline.cli.check_json import instances, servers, unwatched
from driftline.cli.common import plain
from driftline.cli.routes_text import receivers_table, routes_table
from driftline.cli.sample_rows import sample_rows
from driftline.config.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rich.console import Console

    from driftline.app.sampling import Sample
    from driftline.cli.sample_rows import Cell, SampleRow
    from driftline.config.deployment import Deployment, Stream
    from driftline.config.streams import LabelsSpec

ROWS_SHOWN: Final = 10
"""Rows and refused records of a role that are shown; `--json` has all."""
_THOUSAND: Final = 1_000


def write_deployment(console: Console, deployment: Deployment, environ: Mapping[str, str]) -> None:
    """The deployment, stream by stream."""
    kafka, redis = servers(deployment.settings)
    _say(console, f"{deployment.settings.name}: Kafka {kafka}, Redis {redis}")
    for stream in deployment.streams.values():
        console.print()
        _write_stream(console, stream, instances(stream, deployment.settings))
    if deployment.alerting.receivers:
        console.print()
        _write_alerting(console, deployment, environ)


def _write_alerting(console: Console, deployment: Deployment, environ: Mapping[str, str]) -> None:
    alerting = deployment.alerting
    _say(console, "alerts go to")
    console.print(Padding.indent(receivers_table(alerting), 2))
    if alerting.routes:
        console.print()
        console.print(Padding.indent(routes_table(alerting), 2))
    for note in alerting_notes(deployment, environ):
        _say(console, f"  note: {note}")


def _write_stream(console: Console, stream: Stream, most: int) -> None:
    spec = stream.spec
    title = f"{stream.name} ({spec.task})"
    _say(console, f"{title}: {spec.description}" if spec.description else title)
    _say(console, f"  predictions  {spec.predictions.topic}, from {_start(spec.predictions.start)}")
    _say(console, f"  labels       {_labels(spec.labels)}")
    if spec.split_by is not None:
        _say(console, f"  split by     {spec.split_by}, up to {most:,} values")
    windows = ", ".join(
        f"{format_duration(window.size)} kept {format_duration(window.keep)}"
        for window in spec.windows
    )
    _say(console, f"  windows      {windows or 'none'}")
    console.print(Padding.indent(_watches(stream), 2))
    if signals := unwatched(stream):
        _say(console, f"  not watched  {', '.join(signals)}")
    _say(console, f"  memory       {_memory(stream, most)}")


def _labels(labels: LabelsSpec | None) -> str:
    if labels is None:
        return "none: inputs and scores are watched alone"
    return (
        f"{labels.topic}, from {_start(labels.start)},"
        f" waited for up to {format_duration(labels.horizon)}"
    )


def _start(start: str | datetime) -> str:
    return start if isinstance(start, str) else start.isoformat()


def _watches(stream: Stream) -> Table:
    table = _table("signal", "kind", "detectors", "severity", "direction")
    table.add_column("in Redis", justify="right")
    for watch in stream.watches:
        table.add_row(
            plain(watch.signal),
            watch.kind.value,
            ", ".join(
                one.name if one.name == one.spec.kind else f"{one.name} ({one.spec.kind})"
                for one in watch.profiles
            ),
            watch.severity.value,
            watch.direction.value,
            size_text(watch_stored(watch)),
        )
    return table


def _memory(stream: Stream, most: int) -> str:
    footprint = instance_footprint(stream)
    parts = [
        f"{size_text(footprint.detectors)} detectors",
        f"{size_text(footprint.windows)} windows",
    ]
    if stream.spec.labels is not None:
        parts.append(
            f"{size_text(footprint.waiting)} if {stream.spec.max_waiting:,} predictions wait"
        )
    text = (
        f"Redis up to {size_text(footprint.redis)} ({', '.join(parts)});"
        f" worker {size_text(footprint.worker)}"
    )
    return text if most == 1 else f"{text}; each of up to {most:,} instances"


def _say(console: Console, text: str) -> None:
    # Not wrapped: a terminal does that itself, and a file is searched by lines.
    console.print(plain(text), soft_wrap=True)


def size_text(count: int) -> str:
    """A number of bytes for people: 12.3 kB."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < _THOUSAND:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _THOUSAND
    return f"{size:.1f} GB"


def write_sample(console: Console, samples: Sequence[Sample]) -> None:
    """How records map, role by role."""
    for sample in samples:
        console.print()
        _say(console, f"{sample.stream}: {sample.role} in {sample.topic}: {_counts(sample)}")
        rows = sample_rows(sample)
        if rows:
            table = _rows(rows[:ROWS_SHOWN], sample.role.singular)
            console.print(Padding.indent(table, 2))
        refused = (
            (partition, reject)
            for partition, one in sample.decoded.items()
            for reject in one.rejects
        )
        for partition, reject in islice(refused, ROWS_SHOWN):
            _say(
                console,
                f"  refused: partition {partition}, offset {reject.offset}:"
                f" {reject.code}: {reject.message}",
            )


def _counts(sample: Sample) -> str:
    if not sample.exists:
        return "no such topic"
    if not sample.records:
        return "no records"
    refused = sum(len(one.rejects) for one in sample.decoded.values())
    others = sum(len(one.filtered) for one in sample.decoded.values())
    return (
        f"{sample.records:,} of the latest records, {refused:,} refused,"
        f" {others:,} not this stream's"
    )


def _rows(rows: Sequence[SampleRow], outcome: str) -> Table:
    split = any(row.instance is not None for row in rows)
    scored = any(row.score is not None for row in rows)
    versioned = any(row.version is not None for row in rows)
    features = list(dict.fromkeys(name for row in rows for name in row.features))
    table = _table("id")
    table.add_column("time", no_wrap=True)
    for name in [*(["instance"] if split else []), outcome]:
        table.add_column(name, overflow="fold")
    for name in [*(["score"] if scored else []), *(["version"] if versioned else []), *features]:
        table.add_column(plain(name), overflow="fold")
    for row in rows:
        cells: list[Cell] = [row.id, row.time]
        cells += [row.instance] if split else []
        cells.append(row.outcome)
        cells += [row.score] if scored else []
        cells += [row.version] if versioned else []
        cells += [row.features.get(name) for name in features]
        table.add_row(*(plain(_cell(cell)) for cell in cells))
    return table


def _cell(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.6g}" if isinstance(cell, float) else cell


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
