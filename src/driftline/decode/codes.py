"""Why a record is refused: stable codes, and the message that goes with one."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MAX_MESSAGE: Final = 200
"""Characters of a message at most."""
_MAX_SHOWN: Final = 48


class RejectCode(StrEnum):
    """Why a record went to the dead-letter topic. A code, once published, keeps its meaning."""

    EMPTY_VALUE = "empty-value"
    """No value (a tombstone), or one of no bytes."""
    VALUE_TOO_LARGE = "value-too-large"
    """The value has more than 1,000,000 bytes."""
    BAD_UTF8 = "bad-utf8"
    """The value, or the key or header that a field is read from, is no UTF-8."""
    TOO_DEEP = "too-deep"
    """Objects and arrays are nested more than 64 deep."""
    NOT_JSON = "not-json"
    """The value is no JSON text."""
    LONE_SURROGATE = "lone-surrogate"
    """A text holds half of a surrogate pair, which no character is."""
    NON_FINITE = "non-finite"
    """NaN, an infinity, or a number that is too large to be held, such as 1e400."""
    NOT_AN_OBJECT = "not-an-object"
    """The value is JSON, but an array, a text, a number, a boolean or null."""

    ID_MISSING = "id-missing"
    """There is no id, or it is null."""
    ID_TYPE = "id-type"
    """The id is neither text nor a whole number."""
    ID_EMPTY = "id-empty"
    """The id is a text of no characters."""
    ID_TOO_LONG = "id-too-long"
    """The id has more than 256 bytes."""
    ID_CONTROL_CHARACTER = "id-control-character"
    """The id holds a NUL, a line break or another control character."""

    TIME_MISSING = "time-missing"
    """The time is declared and not there, or null; or Kafka's timestamp is needed and not set."""
    TIME_TYPE = "time-type"
    """The time is no text where ISO 8601 is declared, or no number where an epoch is."""
    TIME_FORMAT = "time-format"
    """The time's text is no ISO 8601 date and time."""
    TIME_OUT_OF_RANGE = "time-out-of-range"
    """The time lies before 1970 or behind 9999."""
    TIME_TOO_FAR_AHEAD = "time-too-far-ahead"
    """The time lies further ahead of the reader's clock than the stream's `max_future`."""

    PREDICTION_MISSING = "prediction-missing"
    """There is no prediction, or it is null."""
    PREDICTION_TYPE = "prediction-type"
    """The prediction is no class (an object or an array), or for regression no number."""
    PREDICTION_EMPTY = "prediction-empty"
    """The predicted class is a text of no characters."""
    PREDICTION_TOO_LONG = "prediction-too-long"
    """The predicted class has more than 256 bytes."""
    PREDICTION_CONTROL_CHARACTER = "prediction-control-character"
    """The predicted class holds a control character."""

    LABEL_MISSING = "label-missing"
    """There is no label, or it is null."""
    LABEL_TYPE = "label-type"
    """The label is no class (an object or an array), or for regression no number."""
    LABEL_EMPTY = "label-empty"
    """The label is a text of no characters."""
    LABEL_TOO_LONG = "label-too-long"
    """The label has more than 256 bytes."""
    LABEL_CONTROL_CHARACTER = "label-control-character"
    """The label holds a control character."""

    SCORE_MISSING = "score-missing"
    """The score is declared and not there, or null."""
    SCORE_TYPE = "score-type"
    """The score is no number."""
    SCORE_OUT_OF_RANGE = "score-out-of-range"
    """The score is no probability: below 0 or above 1."""

    VERSION_TYPE = "version-type"
    """The model's version is an object or an array."""
    VERSION_TOO_LONG = "version-too-long"
    """The model's version has more than 256 bytes."""
    VERSION_CONTROL_CHARACTER = "version-control-character"
    """The model's version holds a control character."""

    FEATURE_TYPE = "feature-type"
    """A numeric feature is no number or boolean, or a categorical one an object or an array."""
    FEATURE_TOO_LONG = "feature-too-long"
    """A categorical feature has more than 256 bytes."""
    FEATURE_CONTROL_CHARACTER = "feature-control-character"
    """A categorical feature holds a control character."""

    SPLIT_MISSING = "split-missing"
    """The field that splits the stream is not there, or null."""
    SPLIT_TYPE = "split-type"
    """The field that splits the stream is an object or an array."""
    SPLIT_EMPTY = "split-empty"
    """The field that splits the stream is a text of no characters."""
    SPLIT_TOO_LONG = "split-too-long"
    """The field that splits the stream has more than 256 bytes."""
    SPLIT_CONTROL_CHARACTER = "split-control-character"
    """The field that splits the stream holds a control character."""


class AsideCode(StrEnum):
    """Why a record, or a whole batch, was set aside unread: it is no fault of what it says."""

    BATCH_TOO_LARGE = "batch-too-large"
    """The compressed batch that it is in unpacks to more than 32 MB."""
    ENDS_WORKER = "ends-worker"
    """Workers died of it, again and again, while they decoded it alone."""


class RefusedError(Exception):
    """One record is refused. Never leaves this package."""

    def __init__(self, code: RejectCode, message: str) -> None:
        self.code = code
        self.message = shorten(message, MAX_MESSAGE)
        super().__init__(self.message)


def shorten(text: str, limit: int) -> str:
    """The text, cut to `limit` characters with an ellipsis that says so."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def show(value: object) -> str:
    """What came, as one short line of ASCII that is safe to print."""
    if isinstance(value, bytes):
        value = value[: _MAX_SHOWN * 4].decode("utf-8", "backslashreplace")
        return shorten(ascii(value)[1:-1], _MAX_SHOWN)
    if isinstance(value, str):
        return shorten(ascii(value[: _MAX_SHOWN + 1]), _MAX_SHOWN)
    return shorten(ascii(value), _MAX_SHOWN)
