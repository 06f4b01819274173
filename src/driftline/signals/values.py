"""The values of a stream's signals in one message, as columns.

A signal has no value where its event has none: a missing feature, a loss without a score.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import ne
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from driftline.eventlog.messages import Texts
from driftline.model import SECOND, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.eventlog.messages import Floats, Ints, Rows
    from driftline.join import Outcome, Outcomes, Revision
    from driftline.join.fields import Value

FEATURE: Final = "feature."
MISSING: Final = "missing."
LOG_LOSS_CLIP: Final = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A numeric signal's values: as many times and rows as values, in the order of the rows."""

    values: Floats
    times: Ints
    """Event times; for a signal that needs the truth those of the predictions."""
    rows: Ints
    """The row of the message that each value came with, ascending."""


@dataclass(frozen=True, slots=True, eq=False)
class TextSeries:
    """The values of a categorical signal."""

    values: Texts
    times: Ints
    rows: Ints


SeriesBySignal: TypeAlias = "dict[str, Series | TextSeries]"


def prediction_series(signals: Iterable[str], rows: Rows, fresh: Sequence[int]) -> SeriesBySignal:
    """The values of those signals that come with predictions, over the rows that are new."""
    if not fresh:
        return {}
    index = np.asarray(fresh, np.int64)
    everything = len(index) == len(rows)
    times = rows.times if everything else rows.times[index]
    found: SeriesBySignal = {}
    for signal in signals:
        texts = rows.texts.get(signal)
        if texts is not None:
            found[signal] = _present_texts(texts if everything else texts.take(index), times, index)
        elif signal.startswith(MISSING):
            absent = _absent(rows, FEATURE + signal.removeprefix(MISSING))
            found[signal] = Series(absent if everything else absent[index], times, index)
        elif signal in rows.numbers:
            column = rows.numbers[signal]
            found[signal] = _present(column if everything else column[index], times, index)
    return found


def outcome_series(signals: Iterable[str], task: Task, outcomes: Outcomes) -> SeriesBySignal:
    """The values of those signals that need the truth."""
    if not len(outcomes):
        return {}
    times = np.array(outcomes.at, np.int64)
    rows = np.array(outcomes.rows, np.int64)
    found: SeriesBySignal = {}
    for signal in signals:
        if signal == "label_delay":
            known = np.array(outcomes.label_at, np.int64)
            found[signal] = Series((known - times) / SECOND, times, rows)
        elif signal == "label" and task is Task.MULTICLASS:
            labels = _texts([str(label) for label in outcomes.labels])
            found[signal] = TextSeries(labels, times, rows)
        else:
            values = _truth_values(signal, outcomes.predictions, outcomes.scores, outcomes.labels)
            if values is not None:
                found[signal] = _present(values, times, rows)
    return found


def truth_value(signal: str, outcome: Outcome) -> float | None:
    """The value of a signal that needs the truth, in one outcome; of no categorical signal."""
    if signal == "error":
        return float(outcome.prediction != outcome.label)
    if signal == "label_delay":
        return float(outcome.label_at - outcome.at) / SECOND
    values = _truth_values(signal, [outcome.prediction], [outcome.score], [outcome.label])
    return None if values is None or np.isnan(values[0]) else float(values[0])


def revised_values(signal: str, revision: Revision) -> tuple[float, float] | None:
    """A signal's value before and after a label was corrected; None where it has none."""
    pair = _truth_values(
        signal,
        [revision.prediction] * 2,
        [revision.score] * 2,
        [revision.old, revision.new],
    )
    if pair is None or np.isnan(pair).any():
        return None
    return float(pair[0]), float(pair[1])


def _truth_values(
    signal: str,
    predictions: Sequence[Value],
    scores: Sequence[float | None],
    labels: Sequence[Value],
) -> Floats | None:
    if signal == "error":
        return np.array(list(map(ne, predictions, labels)), np.float64)
    if any(isinstance(label, str) for label in labels):
        return None
    truth = np.array(labels, np.float64)
    if signal == "label":
        return truth
    if signal == "loss":
        return _log_loss(np.array(scores, np.float64), truth)
    return _distance(signal, np.array(predictions, np.float64), truth)


def _distance(signal: str, predictions: Floats, truth: Floats) -> Floats | None:
    # A huge difference becomes infinite, which no detector is given: nothing to warn of here.
    with np.errstate(over="ignore", invalid="ignore"):
        if signal == "loss.absolute":
            return np.abs(predictions - truth)
        if signal == "loss.squared":
            return np.square(predictions - truth)
    return None


def _log_loss(scores: Floats, truth: Floats) -> Floats:
    """The negative logarithm of the probability given to what was true, kept finite by clipping."""
    clipped = np.clip(scores, LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP)
    return -np.log(np.where(truth == 1.0, clipped, 1 - clipped))


def _absent(rows: Rows, feature: str) -> Floats:
    texts = rows.texts.get(feature)
    if texts is not None:
        return (texts.codes < 0).astype(np.float64)
    numbers = rows.numbers.get(feature)
    if numbers is not None:
        return np.isnan(numbers).astype(np.float64)
    return np.ones(len(rows))


def _present(values: Floats, times: Ints, rows: Ints) -> Series:
    absent = np.isnan(values)
    if not absent.any():
        return Series(values, times, rows)
    return Series(values[~absent], times[~absent], rows[~absent])


def _present_texts(values: Texts, times: Ints, rows: Ints) -> TextSeries:
    there = np.flatnonzero(values.codes >= 0)
    if len(there) == len(values):
        return TextSeries(values, times, rows)
    return TextSeries(values.take(there), times[there], rows[there])


def _texts(values: Sequence[str]) -> Texts:
    numbers: Mapping[str, int] = {value: code for code, value in enumerate(dict.fromkeys(values))}
    return Texts(tuple(numbers), np.array([numbers[value] for value in values], np.int32))
