"""Times as records hold them, as microseconds since 1970: one by one, and a column at once.

ISO 8601's extended form: a date, or a date and a time parted by T or a space, with hours and
minutes, optionally seconds, optionally their fraction (cut off behind microseconds), optionally Z
or an offset; without one it is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from driftline.model import MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.eventlog.messages import Floats, Ints
    from driftline.model import Micros

FIRST_TIME: Final[Micros] = 0
LAST_TIME: Final[Micros] = 253_402_300_799_999_999
"""The years 1970 to 9999."""

Unit: TypeAlias = Literal["s", "ms", "us", "ns"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<offset_hour>\d\d)(?::?(?P<offset_minute>\d\d))?)?)?",
    re.ASCII,
)
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second", "fraction")
_OFFSET: Final = ("offset_hour", "offset_minute")
_FEW: Final = 12
"""Below this many texts of one length, one by one is faster than as an array."""
_MICROS_PER: Final[dict[Unit, int]] = {"s": 1_000_000, "ms": 1_000, "us": 1}


def parse_iso(text: str) -> Micros | None:
    """The moment, or None if the text is no such time. May lie outside FIRST_TIME to LAST_TIME."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[part] or 0) for part in _PARTS[:6])
    micros = int((match["fraction"] or "0")[:6].ljust(6, "0"))
    offset_hour, offset_minute = (int(match[part] or 0) for part in _OFFSET)
    try:
        moment = datetime(year, month, day, hour, minute, second, micros, UTC)
        # Only checked here: as a timezone it would have to be below a day, as it has to.
        timezone(timedelta(hours=offset_hour, minutes=offset_minute))
    except ValueError:
        return None
    if offset_minute >= 60:  # noqa: PLR2004 - minutes of an hour
        return None
    offset = (offset_hour * 60 + offset_minute) * 60_000_000
    return (moment - _EPOCH) // MICROSECOND + (offset if match["sign"] == "-" else -offset)


def iso_column(texts: Sequence[str | None]) -> tuple[Ints, NDArray[np.bool_]]:
    """The moments, and where one could be read; exactly as `parse_iso` reads them."""
    moments = np.zeros(len(texts), np.int64)
    read = np.zeros(len(texts), np.bool_)
    lengths = np.array([0 if text is None else len(text) for text in texts], np.int64)
    for length in set(lengths.tolist()) - {0}:
        rows = np.flatnonzero(lengths == length)
        if len(rows) >= _FEW:
            same = [texts[row] or "" for row in rows.tolist()]
            done, values = _same_form(same, length)
            moments[rows[done]] = values[done]
            read[rows[done]] = True
            rows = rows[~done]
        for row in rows.tolist():
            moment = parse_iso(texts[row] or "")
            if moment is not None:
                moments[row], read[row] = moment, True
    return moments, read


def _same_form(texts: list[str], length: int) -> tuple[NDArray[np.bool_], Ints]:
    """The moments of all texts that are written as the first one is: digits where it has digits."""
    nothing = np.zeros(len(texts), np.bool_), np.zeros(len(texts), np.int64)
    joined, form = "".join(texts), _ISO.fullmatch(texts[0])
    if form is None or form["hour"] is None or not joined.isascii():
        return nothing
    characters = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(-1, length)
    digits = characters - np.uint8(48)
    is_digit = digits[0] <= 9  # noqa: PLR2004 - the last digit
    sound = (digits[:, is_digit] <= 9).all(axis=1)  # noqa: PLR2004
    sound &= (characters[:, ~is_digit] == characters[0, ~is_digit]).all(axis=1)

    parts = digits.astype(np.float64) @ _weights(form, length)
    year, month, day, hour, minute, second, micros, away, away_minute = parts.astype(np.int64).T
    sound &= (month >= 1) & (month <= 12) & (year >= 1)  # noqa: PLR2004
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first_days = months.astype("datetime64[D]").astype(np.int64)
    next_days = (months + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    sound &= (day >= 1) & (day <= next_days - first_days)
    sound &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    sound &= (away < 24) & (away_minute < 60)  # noqa: PLR2004
    sign = -1 if form["sign"] == "-" else 1
    minutes = ((first_days + day - 1) * 24 + hour - sign * away) * 60 + minute - sign * away_minute
    return sound, (minutes * 60 + second) * 1_000_000 + micros


def _weights(form: re.Match[str], length: int) -> Floats:
    """What each character's digit counts in each part of the time."""
    weights = np.zeros((length, len(_PARTS) + len(_OFFSET)))
    for part, name in enumerate((*_PARTS, *_OFFSET)):
        start, end = form.span(name)
        if name == "fraction":
            end = min(end, start + 6)
            weights[start:end, part] = 10.0 ** (5 - np.arange(end - start))
        elif start >= 0:
            weights[start:end, part] = 10.0 ** np.arange(end - start - 1, -1, -1)
    return weights


def parse_epoch(number: float, unit: Unit) -> Micros:
    """The moment this many units after 1970 (finite); a float to the nearest microsecond."""
    if isinstance(number, int):
        return number // 1_000 if unit == "ns" else number * _MICROS_PER[unit]
    scaled = number * 1e-3 if unit == "ns" else number * _MICROS_PER[unit]
    # What overflows lies behind every year; `round` would raise for it.
    return round(scaled) if abs(scaled) < 1e30 else LAST_TIME + 1  # noqa: PLR2004


def _whole_column(
    numbers: Sequence[float | None], unit: Unit
) -> tuple[Ints, NDArray[np.bool_]] | None:
    """The moments of whole numbers; None if one is too large for an array."""
    try:
        whole = np.fromiter(numbers, np.int64, len(numbers))
    except OverflowError:
        return None
    # Without a sign, what is negative is larger than all.
    read = whole.view(np.uint64) <= LAST_TIME // _MICROS_PER[unit]
    return np.where(read, whole, 0) * _MICROS_PER[unit], read


def epoch_column(numbers: Sequence[float | None], unit: Unit) -> tuple[Ints, NDArray[np.bool_]]:
    """The moments, and where one in range could be read; exactly as `parse_epoch` reads them."""
    types = set(map(type, numbers))
    whole = _whole_column(numbers, unit) if types == {int} and unit != "ns" else None
    if whole is not None:
        return whole
    if types == {float}:
        column = np.array(numbers, np.float64)
        with np.errstate(over="ignore"):
            scaled = np.rint(column * (1e-3 if unit == "ns" else _MICROS_PER[unit]))
        read = (scaled >= FIRST_TIME) & (scaled < LAST_TIME)
        return np.where(read, scaled, 0).astype(np.int64), read
    moments = [-1 if number is None else parse_epoch(number, unit) for number in numbers]
    read = np.array([FIRST_TIME <= moment <= LAST_TIME for moment in moments], np.bool_)
    return np.array([m if ok else 0 for m, ok in zip(moments, read, strict=True)], np.int64), read
