"""The rules: what one JSON value may be in a field of some kind, and what becomes of it.

These functions are the definition. The fast way over columns agrees with them, or leaves the record
to them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

import numpy as np

from driftline.config.spec import canonical
from driftline.decode.codes import RefusedError, RejectCode, shorten, show
from driftline.decode.layout import Kind
from driftline.decode.times import FIRST_TIME, LAST_TIME, parse_epoch, parse_iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.fields import TimeUnit
    from driftline.decode.layout import Column
    from driftline.model import Micros

Scalar: TypeAlias = str | int | float | bool

MAX_TEXT: Final = 256
"""Bytes of an id, a class, a version, a category or a splitting value at most."""
_LARGEST_EXACT: Final = float(1 << 53)
_MANY: Final = 100
"""From so many texts on an array of their characters pays."""
_FIRST_PRINTABLE: Final = 0x20
_LAST_PRINTABLE: Final = 0x7E
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def id_text(column: Column, value: object) -> str:
    """An id as text: 7, 7.0 and "7" are one id."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        _wrong(RejectCode.ID_TYPE, column, value, "a text or a whole number")
    # Beyond 2^53 a float's digits are not those that were meant.
    if isinstance(value, float) and not (value.is_integer() and abs(value) <= _LARGEST_EXACT):
        _wrong(RejectCode.ID_TYPE, column, value, "a text or a whole number")
    return checked_text(column, canonical(value))


def class_text(column: Column, value: object) -> str:
    """A class, version, category or splitting value as canonical text: 1, 1.0 and "1" are one."""
    if not isinstance(value, Scalar):
        _wrong(_code(column, "type"), column, value, "a text, a number or a boolean")
    return checked_text(column, canonical(value))


def checked_text(column: Column, text: str) -> str:
    """The text itself; refused if it is empty where it must not be, too long, or not printable."""
    if not text and column.kind not in (Kind.CATEGORICAL_FEATURE, Kind.VERSION):
        _wrong(_code(column, "empty"), column, text, "at least one character")
    if len(text.encode()) > MAX_TEXT:
        _wrong(_code(column, "too-long"), column, text, f"at most {MAX_TEXT} bytes")
    if _CONTROL.search(text):
        _wrong(_code(column, "control-character"), column, text, "no control characters")
    return text


def all_sound(texts: Sequence[str]) -> bool:
    """Whether `checked_text` certainly takes all of these; False may also mean: look closer."""
    if len(texts) >= _MANY:
        return _many_sound(texts)
    joined = "".join(texts)
    return (
        joined.isascii()
        and joined.isprintable()
        and (not texts or (max(map(len, texts)) <= MAX_TEXT and min(map(len, texts)) > 0))
    )


def _many_sound(texts: Sequence[str]) -> bool:
    """The same from the characters of all: a fifth of the time for thousands."""
    joined = "\n".join(texts)
    if not joined.isascii():
        return False
    characters = np.frombuffer(joined.encode("ascii"), np.uint8)
    ends = np.flatnonzero(characters < _FIRST_PRINTABLE)
    if len(ends) != len(texts) - 1 or characters.max() > _LAST_PRINTABLE:
        return False
    # No text held a control character, so it is a line break that each of them ends with.
    lengths = np.diff(ends, prepend=-1, append=len(characters)) - 1
    return bool(lengths.min() > 0 and lengths.max() <= MAX_TEXT)


def number(column: Column, value: object) -> float:
    """A finite number; for a feature true and false are 1 and 0."""
    if not isinstance(value, int | float):
        _wrong(_code(column, "type"), column, value, "a number")
    if isinstance(value, bool) and column.kind is not Kind.NUMERIC_FEATURE:
        _wrong(_code(column, "type"), column, value, "a number")
    try:
        return float(value)
    except OverflowError:
        _wrong(RejectCode.NON_FINITE, column, value, "a number below 1.8e308")


def score(column: Column, value: object) -> float:
    """A probability."""
    probability = number(column, value)
    if not 0 <= probability <= 1:
        _wrong(RejectCode.SCORE_OUT_OF_RANGE, column, value, "a probability from 0 to 1")
    return probability


def moment(column: Column, unit: TimeUnit | None, value: object) -> Micros:
    """A time in the field's declared form, from 1970 to 9999."""
    at: Micros | None
    if unit is not None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _wrong(RejectCode.TIME_TYPE, column, value, f"a number of {unit} since 1970")
        at = parse_epoch(value, unit.value)
    elif isinstance(value, str):
        at = parse_iso(value)
        if at is None:
            _wrong(RejectCode.TIME_FORMAT, column, value, "ISO 8601, as in 2026-01-31T08:00:00Z")
    else:
        _wrong(RejectCode.TIME_TYPE, column, value, "ISO 8601 text, or declare the number's unit")
    if not FIRST_TIME <= at <= LAST_TIME:
        _wrong(RejectCode.TIME_OUT_OF_RANGE, column, value, "a time from 1970 to 9999")
    return at


def kafka_moment(timestamp: int) -> Micros:
    """Kafka's timestamp, in milliseconds, from 1970 to 9999."""
    if timestamp < 0:
        reason = "the record has no Kafka timestamp, and the stream declares no time field"
        raise RefusedError(RejectCode.TIME_MISSING, reason)
    at = timestamp * 1_000
    if at > LAST_TIME:
        reason = f"Kafka's timestamp is {timestamp} ms; expected a time up to 9999"
        raise RefusedError(RejectCode.TIME_OUT_OF_RANGE, reason)
    return at


def matches(value: object, wanted: str) -> bool:
    """Whether a record's field has the value that `where` wants."""
    return isinstance(value, Scalar) and canonical(value) == wanted


def missing(column: Column) -> NoReturn:
    """Refuse a record for a field that is not there."""
    reason = f"{_place(column)} is missing or null"
    raise RefusedError(_code(column, "missing"), reason)


def _wrong(code: RejectCode, column: Column, value: object, expected: str) -> NoReturn:
    raise RefusedError(code, f"{_place(column)} is {show(value)}; expected {expected}")


def _place(column: Column) -> str:
    return f"{column.name.partition('.')[0]} ({shorten(str(column.field), 40)})"


_PREFIXES: Final = {"split_by": "split"}


def _code(column: Column, what: str) -> RejectCode:
    name = column.name.partition(".")[0]
    return RejectCode(f"{_PREFIXES.get(name, name)}-{what}")
