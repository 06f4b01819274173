"""The books of a stream as a table that can be checked by adding up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from driftline.cli.common import plain
from driftline.cli.wording import count, many

if TYPE_CHECKING:
    from driftline.app.status.report import SourceStatus, StreamStatus


def books_table(stream: StreamStatus) -> Table:
    """Per source partition what became of its offsets, and of the rows among them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("  books", overflow="fold")
    for name in ("passed", "= rows", "+ dead", "+ filtered", "+ gaps", "applied", "duplicates"):
        table.add_column(name, justify="right", no_wrap=name != "+ gaps")
    for source in stream.sources:
        table.add_row(
            plain(f"  {source.role} {source.topic}/{source.partition}"),
            count(source.passed),
            count(source.rows),
            count(source.dead_lettered),
            count(source.filtered),
            plain(gaps_text(source)),
            count(source.applied),
            count(source.duplicates),
        )
    return table


def gaps_text(source: SourceStatus) -> str:
    """How many offsets held no record, and why."""
    if not source.gaps:
        return "0"
    causes = ", ".join(f"{cause} {count(number)}" for cause, number in sorted(source.gaps.items()))
    return f"{count(sum(source.gaps.values()))} ({causes})"


def balance_line(stream: StreamStatus) -> str:
    """The rows of all sources, and what became of them."""
    one = stream.balance
    terms = [
        f"{count(one.rows)} rows = {count(one.applied)} applied",
        many(one.duplicates, "duplicate"),
    ]
    if one.over_max_instances:
        terms.append(f"{count(one.over_max_instances)} over max_instances")
    if one.suspended:
        terms.append(f"{count(one.suspended)} of suspended instances")
    if one.forgotten:
        terms.append(f"{count(one.forgotten)} forgotten")
    if one.difference:
        terms.append(f"{count(one.difference)} others")
    return f"{' + '.join(terms)}: {one.verdict}"


def join_line(stream: StreamStatus) -> str:
    """What became of predictions and labels."""
    one = stream.join
    named = {
        "joined": one.joined,
        "waiting": stream.waiting,
        "early": one.early,
        "held early": stream.early_waiting,
        "expired": one.expired,
        "orphaned": one.orphaned,
        "duplicates": one.duplicates,
        "corrected": one.corrected,
        "evicted": one.evicted + one.evicted_labels,
        "late": one.late,
    }
    rest = ", ".join(f"{count(number)} {name}" for name, number in named.items())
    return f"join: {many(one.predictions, 'prediction')}, {many(one.labels, 'label')}: {rest}"
