"""Signals: one number per event, in the order of the rows, with the times of the predictions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.eventlog.messages import Rows, Texts
from driftline.join import Outcome, Outcomes, Revision
from driftline.model import SECOND, Role, SourcePartition, Task
from driftline.signals import (
    Series,
    TextSeries,
    outcome_series,
    prediction_series,
    revised_values,
)

if TYPE_CHECKING:
    from driftline.join.fields import Value

NAN = math.nan


def rows(count: int, *, texts: dict[str, Texts] | None = None, **numbers: list[float]) -> Rows:
    """Predictions a second apart; `feature_x` stands for `feature.x`."""
    return Rows(
        stream="s",
        role=Role.PREDICTIONS,
        source=SourcePartition("t", 0),
        first=0,
        next=count,
        seen_at=None,
        instances=(None,),
        instance_codes=np.zeros(count, np.int32),
        offsets=np.arange(count, dtype=np.int64),
        ids=tuple(map(str, range(count))),
        times=np.arange(count, dtype=np.int64) * SECOND,
        numbers={name.replace("_", ".", 1): np.array(column) for name, column in numbers.items()},
        texts=texts or {},
    )


def outcome(
    row: int, prediction: Value, label: Value, *, score: float | None = None, delay: int = 0
) -> Outcome:
    """A pair that was completed by a row of the message."""
    return Outcome(
        row, "id", row * SECOND, (row + delay) * SECOND, prediction, score, None, label, 0, 0
    )


def plain(series: Series | TextSeries) -> list[tuple[Any, int, int]]:
    """Values with times (in seconds) and rows."""
    times, places = (series.times // SECOND).tolist(), series.rows.tolist()
    if isinstance(series, TextSeries):
        values: list[Any] = [series.values[row] for row in range(len(series.values))]
    else:
        values = series.values.tolist()
    return list(zip(values, times, places, strict=True))


def test_a_value_that_is_missing_is_no_value() -> None:
    """It is one of `missing`, which has a value for every row."""
    found = prediction_series(
        ["feature.a", "missing.a"], rows(3, feature_a=[1.0, NAN, 3.0]), range(3)
    )
    assert plain(found["feature.a"]) == [(1.0, 0, 0), (3.0, 2, 2)]
    assert plain(found["missing.a"]) == [(0.0, 0, 0), (1.0, 1, 1), (0.0, 2, 2)]


def test_a_categorical_feature_goes_by_its_texts() -> None:
    """And may be missing too."""
    texts = {"feature.c": Texts(("x", "y"), np.array([1, -1, 0], np.int32))}
    found = prediction_series(["feature.c", "missing.c"], rows(3, texts=texts), range(3))
    assert plain(found["feature.c"]) == [("y", 0, 0), ("x", 2, 2)]
    assert plain(found["missing.c"]) == [(0.0, 0, 0), (1.0, 1, 1), (0.0, 2, 2)]


def test_a_feature_that_no_record_has_is_missing_everywhere() -> None:
    """Its column is not even there."""
    found = prediction_series(["feature.a", "missing.a"], rows(2), range(2))
    assert "feature.a" not in found
    assert plain(found["missing.a"]) == [(1.0, 0, 0), (1.0, 1, 1)]


def test_duplicates_bring_no_value() -> None:
    """Only the rows that are new count, in all kinds of signals."""
    texts = {"feature.c": Texts(("x", "y"), np.array([0, 1, 0], np.int32))}
    one = rows(3, texts=texts, score=[0.1, 0.2, 0.3], feature_a=[NAN, 2.0, NAN])
    found = prediction_series(["score", "feature.c", "missing.a"], one, [0, 2])
    assert plain(found["score"]) == [(0.1, 0, 0), (0.3, 2, 2)]
    assert plain(found["feature.c"]) == [("x", 0, 0), ("x", 2, 2)]
    assert plain(found["missing.a"]) == [(1.0, 0, 0), (1.0, 2, 2)]
    assert prediction_series(["score"], one, []) == {}


def test_an_outcome_has_the_time_of_the_prediction_and_the_row_that_completed_it() -> None:
    """Whichever of the two came last."""
    pairs = [outcome(4, 1.0, 0.0, delay=30), outcome(9, 1.0, 1.0, delay=60)]
    found = outcome_series(["error", "label", "label_delay"], Task.BINARY, Outcomes.of(pairs))
    assert plain(found["error"]) == [(1.0, 4, 4), (0.0, 9, 9)]
    assert plain(found["label"]) == [(0.0, 4, 4), (1.0, 9, 9)]
    assert plain(found["label_delay"]) == [(30.0, 4, 4), (60.0, 9, 9)]


@pytest.mark.parametrize(
    ("score", "label", "loss"),
    [
        (0.5, 1.0, math.log(2)),
        (0.25, 0.0, -math.log(0.75)),
        (0.25, 1.0, -math.log(0.25)),
        (0.0, 1.0, -math.log(1e-15)),
        (1.0, 0.0, -math.log(1e-15)),
        (1.0, 1.0, 0.0),
    ],
)
def test_log_loss_is_clipped(score: float, label: float, loss: float) -> None:
    """A score of 0 or 1 that was wrong is no infinity."""
    found = outcome_series(
        ["loss"], Task.BINARY, Outcomes.of([outcome(0, 1.0, label, score=score)])
    )
    ((value, _, _),) = plain(found["loss"])
    assert value == pytest.approx(loss, rel=1e-2, abs=1e-12)


def test_without_a_score_there_is_no_loss() -> None:
    """The others keep theirs."""
    pairs = [outcome(0, 1.0, 1.0), outcome(1, 1.0, 1.0, score=1.0)]
    assert [
        row for *_, row in plain(outcome_series(["loss"], Task.BINARY, Outcomes.of(pairs))["loss"])
    ] == [1]


def test_classes_are_compared_as_texts() -> None:
    """A multiclass stream has an error, and its label is categorical."""
    pairs = [outcome(0, "cat", "dog"), outcome(1, "dog", "dog")]
    found = outcome_series(["error", "label"], Task.MULTICLASS, Outcomes.of(pairs))
    assert plain(found["error"]) == [(1.0, 0, 0), (0.0, 1, 1)]
    assert plain(found["label"]) == [("dog", 0, 0), ("dog", 1, 1)]


def test_regression_has_distances() -> None:
    """A difference that is too large for a number is infinite, and warns nobody."""
    pairs = [outcome(0, 3.0, 1.0), outcome(1, 1e200, -1e200)]
    found = outcome_series(["loss.absolute", "loss.squared"], Task.REGRESSION, Outcomes.of(pairs))
    assert plain(found["loss.absolute"]) == [(2.0, 0, 0), (2e200, 1, 1)]
    assert plain(found["loss.squared"]) == [(4.0, 0, 0), (math.inf, 1, 1)]


@pytest.mark.parametrize(
    ("signal", "revision", "values"),
    [
        ("error", Revision(0, 0, 1.0, None, 0.0, 1.0), (1.0, 0.0)),
        ("error", Revision(0, 0, "cat", None, "cat", "dog"), (0.0, 1.0)),
        ("label", Revision(0, 0, 1.0, None, 0.0, 1.0), (0.0, 1.0)),
        ("label", Revision(0, 0, "cat", None, "cat", "dog"), None),
        ("loss", Revision(0, 0, 1.0, 0.5, 0.0, 1.0), (math.log(2), math.log(2))),
        ("loss", Revision(0, 0, 1.0, None, 0.0, 1.0), None),
        ("loss.absolute", Revision(0, 0, 3.0, None, 1.0, 5.0), (2.0, 2.0)),
        ("loss.squared", Revision(0, 0, 3.0, None, 1.0, 6.0), (4.0, 9.0)),
        ("label_delay", Revision(0, 0, 1.0, None, 0.0, 1.0), None),
    ],
)
def test_a_corrected_label_changes_what_depends_on_it(
    signal: str, revision: Revision, values: tuple[float, float] | None
) -> None:
    """Before and after; None for a signal that has no value, or that does not change."""
    assert revised_values(signal, revision) == (values and pytest.approx(values))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 1)), min_size=1), st.data())
def test_columns_do_not_depend_on_the_cut(
    pairs: list[tuple[bool, bool, float]], data: st.DataObject
) -> None:
    """The values of two messages are those of one, to the bit."""
    outcomes = [
        outcome(row, float(said), float(true), score=score)
        for row, (said, true, score) in enumerate(pairs)
    ]
    signals = ["error", "loss", "label", "label_delay"]
    cut = data.draw(st.integers(0, len(outcomes)))
    whole = outcome_series(signals, Task.BINARY, Outcomes.of(outcomes))
    parts = [
        outcome_series(signals, Task.BINARY, Outcomes.of(part))
        for part in (outcomes[:cut], outcomes[cut:])
    ]
    for signal in signals:
        together = [value for part in parts if signal in part for value in plain(part[signal])]
        assert plain(whole[signal]) == together
