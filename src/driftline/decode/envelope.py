"""A record as a whole: that its value is a JSON object of sane size, and where its fields are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec

from driftline.config.fields import FieldPath, FieldSource
from driftline.decode.codes import RefusedError, RejectCode, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.decode.records import Record

MAX_VALUE: Final = 1_000_000
"""Bytes of a value at most."""
MAX_DEPTH: Final = 64
"""Objects and arrays within each other at most."""

_BOM: Final = b"\xef\xbb\xbf"
_NOT_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[^\[\]{}"]+', re.DOTALL)
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()

# What msgspec raises for bytes that do not decode; the last two are no errors of its own.
UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def open_value(value: bytes | None) -> Mapping[str, msgspec.Raw]:
    """The fields of a record's value, not yet decoded; of a repeated name the last one counts.

    A byte order mark before the object is passed over. Raises RefusedError.
    """
    if not value:
        came = "no value (a tombstone)" if value is None else "a value of no bytes"
        raise RefusedError(RejectCode.EMPTY_VALUE, f"{came}; expected a JSON object")
    if len(value) > MAX_VALUE:
        reason = f"the value has {len(value):,} bytes; expected at most {MAX_VALUE:,}"
        raise RefusedError(RejectCode.VALUE_TOO_LARGE, reason)
    _check_utf8(value, "the value")
    if maybe_deep(value) and _depth(value) > MAX_DEPTH:
        reason = f"the value is nested {_depth(value)} deep; expected at most {MAX_DEPTH}"
        raise RefusedError(RejectCode.TOO_DEEP, reason)
    body = value.removeprefix(_BOM)
    try:
        return _OBJECT.decode(body)
    except UNDECODABLE as error:
        _explain(body, error)


def is_plain(value: bytes | None) -> bool:
    """Whether all that `open_value` checks before the JSON itself is right."""
    if not value or len(value) > MAX_VALUE or maybe_deep(value):
        return False
    return is_utf8(value)


def is_utf8(value: bytes) -> bool:
    """Whether the bytes are UTF-8 text."""
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def maybe_deep(value: bytes) -> bool:
    """Whether a value could be nested too deep: it has that many brackets, if only within texts."""
    # Below this length not even the brackets alone would fit.
    return len(value) > 2 * MAX_DEPTH and value.count(b"{") + value.count(b"[") > MAX_DEPTH


def find(record: Record, fields: Mapping[str, msgspec.Raw], place: FieldPath) -> Any:
    """The value at a place in a record; None if it is not there, or null. Raises RefusedError."""
    if place.source is FieldSource.VALUE:
        return _find_in_value(fields, place)
    return key_or_header(record, place)


def key_or_header(record: Record, place: FieldPath) -> str | None:
    """The text in the key or, last of its name, a header; None if none. Raises RefusedError."""
    found = record.key
    if place.source is FieldSource.HEADER:
        named = [header for name, header in record.headers if name == place.path[0]]
        found = named[-1] if named else None
    if found is None:
        return None
    _check_utf8(found, str(place))
    return found.decode()


def text_as_number(text: str) -> int | float | str:
    """A header's or key's text as the JSON number that it is, else unchanged."""
    try:
        number = _ANY.decode(text)
    except UNDECODABLE:
        return text
    return number if type(number) in (int, float) else text


def _find_in_value(fields: Mapping[str, msgspec.Raw], place: FieldPath) -> Any:
    raw: msgspec.Raw | None = None
    for step, name in enumerate(place.path):
        if step:
            try:
                fields = _OBJECT.decode(raw or b"null")
            except msgspec.ValidationError:
                return None
        raw = fields.get(name)
        if raw is None:
            return None
    try:
        return _ANY.decode(raw or b"null")
    except UNDECODABLE as error:
        # The text around it was JSON, so only the size of a number is left.
        reason = f"{place} is {show(bytes(raw or b''))}; expected a number below 1.8e308"
        raise RefusedError(RejectCode.NON_FINITE, reason) from error


def _check_utf8(value: bytes, what: str) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        around = value[max(0, error.start - 8) : error.start + 8]
        reason = f"{what} is not UTF-8 at byte {error.start}: {show(around)}"
        raise RefusedError(RejectCode.BAD_UTF8, reason) from error


def _depth(value: bytes) -> int:
    depth = deepest = 0
    for bracket in _NOT_BRACKETS.sub(b"", value):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class _NotFiniteError(ValueError):
    """Python's own reader met a constant that JSON does not have."""


def _not_finite(constant: str) -> NoReturn:
    raise _NotFiniteError(constant)


def _explain(body: bytes, error: Exception) -> NoReturn:
    """Raise the RefusedError for what msgspec did not take, as precise as can be."""
    if isinstance(error, msgspec.ValidationError):
        reason = f"the value is {show(body)}; expected a JSON object"
        raise RefusedError(RejectCode.NOT_AN_OBJECT, reason) from error
    try:
        json.loads(body.decode(), parse_constant=_not_finite, parse_int=str)
    except _NotFiniteError as constant:
        reason = f"the value holds {constant}; expected a finite number, or null for a missing one"
        raise RefusedError(RejectCode.NON_FINITE, reason) from error
    except (ValueError, RecursionError):
        reason = f"the value is no JSON ({error}): {show(body)}"
        raise RefusedError(RejectCode.NOT_JSON, reason) from error
    # What Python's reader takes and msgspec does not, is half of a pair.
    reason = f"the value holds half of a surrogate pair: {show(body)}"
    raise RefusedError(RejectCode.LONE_SURROGATE, reason) from error
