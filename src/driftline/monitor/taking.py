"""What rows of an instance come to before anything is watched: joined, counted, as values.

By columns, and one alone: both come to the same, to the last byte.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from driftline.join import NO_OUTCOMES, Revision
from driftline.model import Role
from driftline.monitor.head import source_name
from driftline.monitor.one_row import OneRow, Value
from driftline.monitor.taken import Taken
from driftline.signals import (
    Series,
    outcome_series,
    prediction_series,
    revised_values,
    truth_value,
)
from driftline.windows import PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.eventlog.messages import Rows
    from driftline.join import Entry, Outcome
    from driftline.monitor.head import RowBooks
    from driftline.monitor.parts import Parts
    from driftline.monitor.row_table import RowTable

    Found: TypeAlias = Mapping[str, Entry]


# -- by columns --


def take_rows(parts: Parts, rows: Rows, found: Found) -> Taken:
    """Join the rows of a message, and count them."""
    totals = parts.join.totals
    before = totals.duplicates
    taken = (_predictions if rows.role is Role.PREDICTIONS else _labels)(parts, rows, found)
    _book(books_of(parts, rows), len(rows), totals.duplicates - before)
    _into_windows(parts, taken, len(rows))
    return taken


def _predictions(parts: Parts, rows: Rows, found: Found) -> Taken:
    outcomes = NO_OUTCOMES
    fresh: Sequence[int] = range(len(rows))
    if parts.stream.spec.labels is not None:
        fresh, outcomes = parts.join.on_predictions(rows, found)
    _count_versions(parts, rows)
    series = prediction_series(parts.watchers.signals, rows, fresh)
    series |= outcome_series(parts.truth_signals, parts.stream.spec.task, outcomes)
    if fresh:
        times = rows.times if len(fresh) == len(rows) else rows.times[np.asarray(fresh)]
        parts.windows.count_predictions(times)
    return Taken(fresh, outcomes, series)


def _labels(parts: Parts, rows: Rows, found: Found) -> Taken:
    outcomes, revisions = parts.join.on_labels(rows, found)
    series = outcome_series(parts.truth_signals, parts.stream.spec.task, outcomes)
    return Taken((), outcomes, series, revisions)


def _into_windows(parts: Parts, taken: Taken, count: int) -> None:
    """Values, and corrections of what came before them, in the order of their `count` rows."""
    begin = 0
    for revision in taken.revisions:
        _add_values(parts, taken, begin, revision.row)
        _revise(parts, revision)
        begin = revision.row
    _add_values(parts, taken, begin, count)


def _add_values(parts: Parts, taken: Taken, begin: int, end: int) -> None:
    for signal, one in taken.series.items():
        if isinstance(one, Series):
            part = slice(*one.rows.searchsorted((begin, end)).tolist())
            parts.windows.add(signal, one.values[part], one.times[part])


def _count_versions(parts: Parts, rows: Rows) -> None:
    versions = rows.texts.get("version")
    if versions is None:
        return
    # In the order of their last rows, so that the order does not depend on how rows are cut.
    _, from_behind = np.unique(versions.codes[::-1], return_index=True)
    for row in sorted(len(rows) - 1 - from_behind):
        code = versions.codes[row]
        if code >= 0:
            times = rows.times[versions.codes == code]
            parts.head.saw_version(
                versions.values[code], len(times), int(times.min()), int(times.max())
            )


# -- one alone --


def take_row(parts: Parts, table: RowTable, row: int, books: RowBooks, found: Found) -> OneRow:
    """Join one row of a message, and count it."""
    at, version = table.times[row], table.version(row)
    totals = parts.join.totals
    before = totals.duplicates
    take = _prediction if table.role is Role.PREDICTIONS else _label
    fresh, outcome = take(parts, table, row, found)
    _book(books, 1, totals.duplicates - before)
    if version is not None:
        parts.head.saw_version(version, 1, at, at)
    values: dict[str, Value] = {}
    if fresh:
        parts.windows.add_one(PREDICTIONS, 1.0, at)
        said = table.values(row, parts.said_signals)
        values = {signal: Value(value, at) for signal, value in said.items()}
    if outcome is not None:
        for signal in parts.truth_signals:
            truth = truth_value(signal, outcome)
            if truth is not None:
                values[signal] = Value(truth, outcome.at)
    for signal, (value, event_at) in values.items():
        if math.isfinite(value):
            parts.windows.add_one(signal, value, event_at)
    return OneRow(at, version, table.versioned, fresh, outcome, values)


def _prediction(
    parts: Parts, table: RowTable, row: int, found: Found
) -> tuple[bool, Outcome | None]:
    if parts.stream.spec.labels is None:
        return True, None
    return parts.join.take_prediction(0, table.ids[row], table.entry(row), found)


def _label(parts: Parts, table: RowTable, row: int, found: Found) -> tuple[bool, Outcome | None]:
    made = parts.join.take_label(0, table.ids[row], table.entry(row), found)
    if isinstance(made, Revision):
        _revise(parts, made)
        return False, None
    return False, made


# -- either way --


def _revise(parts: Parts, revision: Revision) -> None:
    """A corrected label changes counts and windows, never a detector: it saw what was known."""
    for signal in parts.truth_signals:
        values = revised_values(signal, revision)
        if values is not None:
            parts.windows.replace(signal, *values, revision.at)


def books_of(parts: Parts, rows: Rows) -> RowBooks:
    """The books of the source partition that rows came from."""
    return parts.head.books(source_name(rows.role, rows.source), rows.source.incarnation)


def _book(books: RowBooks, rows: int, duplicates: int) -> None:
    books.applied += rows - duplicates
    books.duplicates += duplicates
