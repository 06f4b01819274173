"""Signals: one number per event, taken from predictions, labels and both joined."""

from driftline.signals.indicators import IndicatorTable
from driftline.signals.values import (
    Series,
    TextSeries,
    outcome_series,
    prediction_series,
    revised_values,
    truth_value,
)

__all__ = [
    "IndicatorTable",
    "Series",
    "TextSeries",
    "outcome_series",
    "prediction_series",
    "revised_values",
    "truth_value",
]
