"""Named bad inputs, each with the code it is refused with; and good ones that look bad.

Used by the unit tests of the decoder and by the tests through a real Kafka.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from driftline.config.streams import StreamSpec
from driftline.decode import RejectCode
from driftline.model import Role

P, L = Role.PREDICTIONS, Role.LABELS

NOW: Final = 1_769_846_400_000
"""2026-01-31T08:00:00Z in milliseconds: Kafka's timestamp of most records, the reader's clock."""


@dataclass(frozen=True, slots=True)
class Input:
    """A record for one of STREAMS in one role."""

    name: str
    stream: str
    role: Role
    value: bytes | None
    code: RejectCode | None
    """What it is refused with; None for a good one."""
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = NOW
    """Kafka's timestamp in milliseconds. A broker refuses some that are not NOW."""


_SPECS: Final = {
    "loan": {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": "loan.predictions",
            "id": "id",
            "time": "at",
            "prediction": "y",
            "score": "p",
            "version": "model",
            "features": ["income", {"name": "region", "categorical": True}],
        },
        "labels": {"topic": "loan.labels", "id": "id", "time": "at", "label": "repaid"},
    },
    "wine": {
        "task": "multiclass",
        "predictions": {
            "topic": "wine.predictions",
            "id": "meta.id",
            "time": {"path": "meta.ts", "unit": "ms"},
            "prediction": "out.class",
            "features": [{"name": "acid", "path": "in.acid"}],
        },
        "labels": {"topic": "wine.labels", "id": "meta.id", "label": "truth"},
    },
    "rent": {
        "task": "regression",
        "split_by": "city",
        "predictions": {
            "topic": "rent.predictions",
            "id": {"key": True},
            "prediction": "rent",
            "features": [{"name": "rooms", "path": {"header": "rooms"}}],
        },
        "labels": {
            "topic": "rent.labels",
            "id": {"key": True},
            "time": {"header": "paid", "unit": "s"},
            "label": "rent",
        },
    },
}
STREAMS: Final = {name: StreamSpec.model_validate(spec) for name, spec in _SPECS.items()}

_GOOD: Final[dict[tuple[str, Role], dict[str, str]]] = {
    ("loan", P): {
        "id": '"a1"',
        "at": '"2026-01-31T07:59:00Z"',
        "y": "1",
        "p": "0.75",
        "model": '"v7"',
        "income": "3200.5",
        "region": '"north"',
    },
    ("loan", L): {"id": '"a1"', "at": '"2026-01-31T07:59:30Z"', "repaid": "0"},
    ("wine", P): {
        "meta": '{"id": 17, "ts": 1769846399000}',
        "out": '{"class": "red"}',
        "in": '{"acid": 3.1}',
    },
    ("wine", L): {"meta": '{"id": 17}', "truth": '"white"'},
    ("rent", P): {"city": '"Linz"', "rent": "812.5"},
    ("rent", L): {"city": '"Linz"', "rent": "800"},
}
_PAID: Final = ("paid", b"1769846390")
_ROOMS: Final = ("rooms", b"3")


def fields(stream: str, role: Role, **changes: str | None) -> bytes:
    """A good value with some fields replaced by JSON texts, or left out for None."""
    raw = {**_GOOD[stream, role], **changes}
    inside = ", ".join(
        f"{json.dumps(name)}: {text}" for name, text in raw.items() if text is not None
    )
    return f"{{{inside}}}".encode()


def good(stream: str, role: Role) -> Input:
    """A record that nothing is wrong with."""
    return _input("good", stream, role, fields(stream, role), None)


def _input(
    name: str, stream: str, role: Role, value: bytes | None, code: RejectCode | None
) -> Input:
    key = b"k-1" if stream == "rent" else None
    headers = ((_ROOMS,) if role is P else (_PAID,)) if stream == "rent" else ()
    return Input(name, stream, role, value, code, key, headers)


_LOAN_AROUND: Final = fields("loan", P)[:-1]

_WHOLE: Final[dict[str, tuple[bytes | None, RejectCode]]] = {
    "a tombstone": (None, RejectCode.EMPTY_VALUE),
    "no bytes": (b"", RejectCode.EMPTY_VALUE),
    "blanks": (b"  \n\t ", RejectCode.NOT_JSON),
    "a NUL": (b"\x00", RejectCode.NOT_JSON),
    "a NUL behind the object": (fields("loan", P) + b"\x00", RejectCode.NOT_JSON),
    "a word": (b"hello", RejectCode.NOT_JSON),
    "XML": (b"<prediction id='1'/>", RejectCode.NOT_JSON),
    "CSV": (b"id,y\n1,0\n", RejectCode.NOT_JSON),
    "a Python dict": (b"{'id': 'a1', 'y': 1}", RejectCode.NOT_JSON),
    "unquoted names": (b'{id: "a1", y: 1}', RejectCode.NOT_JSON),
    "a comment": (b'{"id": "a1" /* the id */, "y": 1}', RejectCode.NOT_JSON),
    "a comma too many": (_LOAN_AROUND + b",}", RejectCode.NOT_JSON),
    "no comma": (b'{"id": "a1" "y": 1}', RejectCode.NOT_JSON),
    "no colon": (b'{"id" "a1"}', RejectCode.NOT_JSON),
    "no closing brace": (_LOAN_AROUND, RejectCode.NOT_JSON),
    "half a record": (fields("loan", P)[:40], RejectCode.NOT_JSON),
    "a brace too many": (fields("loan", P) + b"}", RejectCode.NOT_JSON),
    "two objects": (fields("loan", P) * 2, RejectCode.NOT_JSON),
    "two lines": (fields("loan", P) + b"\n" + fields("loan", P), RejectCode.NOT_JSON),
    "an open brace": (b"{", RejectCode.NOT_JSON),
    "an open text": (b'{"id": "a1', RejectCode.NOT_JSON),
    "True as Python writes it": (_LOAN_AROUND + b', "x": True}', RejectCode.NOT_JSON),
    "None as Python writes it": (_LOAN_AROUND + b', "x": None}', RejectCode.NOT_JSON),
    "undefined": (_LOAN_AROUND + b', "x": undefined}', RejectCode.NOT_JSON),
    "a number with leading zero": (_LOAN_AROUND + b', "x": 01}', RejectCode.NOT_JSON),
    "a number with plus": (_LOAN_AROUND + b', "x": +1}', RejectCode.NOT_JSON),
    "a number without digits behind the point": (_LOAN_AROUND + b', "x": 1.}', RejectCode.NOT_JSON),
    "a number without digits before the point": (_LOAN_AROUND + b', "x": .5}', RejectCode.NOT_JSON),
    "a number without exponent": (_LOAN_AROUND + b', "x": 1e}', RejectCode.NOT_JSON),
    "a hexadecimal number": (_LOAN_AROUND + b', "x": 0x10}', RejectCode.NOT_JSON),
    "a lone minus": (_LOAN_AROUND + b', "x": -}', RejectCode.NOT_JSON),
    "a number with underscores": (_LOAN_AROUND + b', "x": 1_000}', RejectCode.NOT_JSON),
    "a line break within a text": (_LOAN_AROUND + b', "x": "a\nb"}', RejectCode.NOT_JSON),
    "a tab within a text": (_LOAN_AROUND + b', "x": "a\tb"}', RejectCode.NOT_JSON),
    "an unknown escape": (_LOAN_AROUND + b', "x": "\\q"}', RejectCode.NOT_JSON),
    "half a unicode escape": (_LOAN_AROUND + b', "x": "\\u00"}', RejectCode.NOT_JSON),
    "a unicode escape of letters": (_LOAN_AROUND + b', "x": "\\u00zz"}', RejectCode.NOT_JSON),
    "an unclosed array": (_LOAN_AROUND + b', "x": [1, 2}', RejectCode.NOT_JSON),
    "brackets crossed": (_LOAN_AROUND + b', "x": [{"a": 1]}}', RejectCode.NOT_JSON),
    "protobuf": (b"\x0a\x02a1\x10\x01", RejectCode.NOT_JSON),
    "Confluent's wire format": (b"\x00\x00\x00\x00\x01" + fields("loan", P), RejectCode.NOT_JSON),
    "UTF-16 without mark": (fields("loan", P).decode().encode("utf-16-le"), RejectCode.NOT_JSON),
    "UTF-32": (fields("loan", P).decode().encode("utf-32-be"), RejectCode.NOT_JSON),
    "a byte order mark alone": (b"\xef\xbb\xbf", RejectCode.NOT_JSON),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + fields("loan", P), RejectCode.NOT_JSON),
    "UTF-16 with mark": (fields("loan", P).decode().encode("utf-16"), RejectCode.BAD_UTF8),
    "gzip": (bytes.fromhex("1f8b0800000000000003"), RejectCode.BAD_UTF8),
    "MessagePack": (b"\x82\xa2id\xa2a1\xa1y\x01", RejectCode.BAD_UTF8),
    "a stray continuation byte": (_LOAN_AROUND + b', "x": "\x80"}', RejectCode.BAD_UTF8),
    "a Latin-1 text": (_LOAN_AROUND + b', "x": "K\xf6ln"}', RejectCode.BAD_UTF8),
    "a cut character": (_LOAN_AROUND + b', "x": "\xe2\x82"}', RejectCode.BAD_UTF8),
    "an overlong slash": (_LOAN_AROUND + b', "x": "\xc0\xaf"}', RejectCode.BAD_UTF8),
    "a surrogate in UTF-8": (_LOAN_AROUND + b', "x": "\xed\xa0\x80"}', RejectCode.BAD_UTF8),
    "a code point beyond Unicode": (
        _LOAN_AROUND + b', "x": "\xf4\x90\x80\x80"}',
        RejectCode.BAD_UTF8,
    ),
    "a name in Latin-1": (_LOAN_AROUND + b', "gr\xf6sse": 1}', RejectCode.BAD_UTF8),
    "bytes FF": (b"\xff" * 20, RejectCode.BAD_UTF8),
    "a high surrogate alone": (_LOAN_AROUND + b', "x": "\\ud800"}', RejectCode.LONE_SURROGATE),
    "a low surrogate alone": (_LOAN_AROUND + b', "x": "\\udfff"}', RejectCode.LONE_SURROGATE),
    "surrogates in the wrong order": (
        _LOAN_AROUND + b', "x": "\\ude00\\ud83d"}',
        RejectCode.LONE_SURROGATE,
    ),
    "a surrogate in a name": (_LOAN_AROUND + b', "\\ud800": 1}', RejectCode.LONE_SURROGATE),
    "NaN where nobody looks": (_LOAN_AROUND + b', "x": NaN}', RejectCode.NON_FINITE),
    "Infinity where nobody looks": (_LOAN_AROUND + b', "x": Infinity}', RejectCode.NON_FINITE),
    "-Infinity where nobody looks": (_LOAN_AROUND + b', "x": -Infinity}', RejectCode.NON_FINITE),
    "NaN within an array": (_LOAN_AROUND + b', "x": [1, NaN]}', RejectCode.NON_FINITE),
    "NaN alone": (b"NaN", RejectCode.NON_FINITE),
    "an array": (b"[]", RejectCode.NOT_AN_OBJECT),
    "an array of objects": (b"[" + fields("loan", P) + b"]", RejectCode.NOT_AN_OBJECT),
    "a text": (b'"a1"', RejectCode.NOT_AN_OBJECT),
    "an object within a text": (
        json.dumps(fields("loan", P).decode()).encode(),
        RejectCode.NOT_AN_OBJECT,
    ),
    "a number": (b"42", RejectCode.NOT_AN_OBJECT),
    "a fraction": (b"4.2", RejectCode.NOT_AN_OBJECT),
    "true": (b"true", RejectCode.NOT_AN_OBJECT),
    "null": (b"null", RejectCode.NOT_AN_OBJECT),
    "arrays 65 deep": (
        _LOAN_AROUND + b', "x": ' + b"[" * 64 + b"]" * 64 + b"}",
        RejectCode.TOO_DEEP,
    ),
    "arrays 900 deep": (
        _LOAN_AROUND + b', "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        RejectCode.TOO_DEEP,
    ),
    "arrays 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, RejectCode.TOO_DEEP),
    "objects 5,000 deep": (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, RejectCode.TOO_DEEP),
    "100,000 arrays opened": (b"[" * 100_000, RejectCode.TOO_DEEP),
    "a bomb in the id": (fields("loan", P, id="[" * 500 + "]" * 500), RejectCode.TOO_DEEP),
    "a bomb that is no JSON": (b"[" * 70 + b"}" * 70, RejectCode.TOO_DEEP),
    "a megabyte and a byte": (b'{"x": "' + b"a" * 999_992 + b'"}', RejectCode.VALUE_TOO_LARGE),
    "a large value of blanks": (b" " * 1_000_001, RejectCode.VALUE_TOO_LARGE),
    "an empty object": (b"{}", RejectCode.ID_MISSING),
    "an unrelated object": (b'{"level": "info", "message": "started"}', RejectCode.ID_MISSING),
    "names in the wrong case": (b'{"ID": "a1", "Y": 1}', RejectCode.ID_MISSING),
    "a name with a blank": (b'{"id ": "a1", "y": 1}', RejectCode.ID_MISSING),
    "an envelope around it": (b'{"payload": ' + fields("loan", P) + b"}", RejectCode.ID_MISSING),
}

_LONG: Final = json.dumps("x" * 257)
_LONG_IN_BYTES: Final = json.dumps("ö" * 129, ensure_ascii=False)

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "an object": ("{}", "type"),
    "a full object": ('{"a": 1}', "type"),
    "an array": ("[1]", "type"),
    "of 257 characters": (_LONG, "too-long"),
    "of 258 bytes in 129 characters": (_LONG_IN_BYTES, "too-long"),
    "of 2,000 digits": ("9" * 2_000, "too-long"),
    "with a NUL": ('"a\\u0000b"', "control-character"),
    "with a line break": ('"a\\nb"', "control-character"),
    "with an escape sequence": ('"\\u001b[31m"', "control-character"),
    "with a delete": ('"a\\u007f"', "control-character"),
    "with a C1 control": ('"a\\u009bb"', "control-character"),
    "with a line separator": ('"a\\u2028b"', "control-character"),
}
"""What is wrong in every field that is read as text."""

_TEXT_FIELDS: Final = (
    ("loan", P, "id", "id"),
    ("loan", P, "y", "prediction"),
    ("loan", P, "model", "version"),
    ("loan", P, "region", "feature"),
    ("loan", L, "id", "id"),
    ("loan", L, "repaid", "label"),
    ("wine", L, "truth", "label"),
    ("rent", P, "city", "split"),
    ("rent", L, "city", "split"),
)
_REQUIRED: Final = (
    ("loan", P, "id", "id"),
    ("loan", P, "at", "time"),
    ("loan", P, "y", "prediction"),
    ("loan", P, "p", "score"),
    ("loan", L, "id", "id"),
    ("loan", L, "at", "time"),
    ("loan", L, "repaid", "label"),
    ("wine", P, "meta", "id"),
    ("wine", P, "out", "prediction"),
    ("wine", L, "truth", "label"),
    ("rent", P, "city", "split"),
    ("rent", P, "rent", "prediction"),
    ("rent", L, "rent", "label"),
)
_NUMERIC_FIELDS: Final = (
    ("loan", P, "p", "score"),
    ("loan", P, "income", "feature"),
    ("rent", P, "rent", "prediction"),
    ("rent", L, "rent", "label"),
)
_NO_NUMBERS: Final = {
    "a number as text": '"0.5"',
    "an empty text": '""',
    "NaN as text": '"NaN"',
    "a number with a comma as text": '"0,5"',
    "an array": "[0.5]",
    "an object": '{"value": 0.5}',
}
_TOO_LARGE: Final = {
    "1e400": "1e400",
    "-1e400": "-1e400",
    "a number of 400 digits": "9" * 400,
    "a number of 5,000 digits": "9" * 5_000,
}

_FIELDS: Final[tuple[tuple[str, str, Role, dict[str, str | None], RejectCode], ...]] = (
    ("id: true", "loan", P, {"id": "true"}, RejectCode.ID_TYPE),
    ("id: false", "loan", L, {"id": "false"}, RejectCode.ID_TYPE),
    ("id: a fraction", "loan", P, {"id": "7.5"}, RejectCode.ID_TYPE),
    ("id: a float beyond 2^53", "loan", P, {"id": "1e17"}, RejectCode.ID_TYPE),
    ("id: 1e400", "loan", P, {"id": "1e400"}, RejectCode.NON_FINITE),
    ("id: NaN", "loan", L, {"id": "NaN"}, RejectCode.NON_FINITE),
    ("id: half of a pair", "loan", P, {"id": '"\\ud800"'}, RejectCode.LONE_SURROGATE),
    (
        "id: an empty text in a nested object",
        "wine",
        P,
        {"meta": '{"id": "", "ts": 1}'},
        RejectCode.ID_EMPTY,
    ),
    ("id: a text where an object should be", "wine", P, {"meta": '"17"'}, RejectCode.ID_MISSING),
    ("id: an array where an object should be", "wine", P, {"meta": "[17]"}, RejectCode.ID_MISSING),
    ("id: an object without it", "wine", L, {"meta": '{"no": 17}'}, RejectCode.ID_MISSING),
    ("id: null in an object", "wine", L, {"meta": '{"id": null}'}, RejectCode.ID_MISSING),
    (
        "id: a dotted name is no path",
        "wine",
        L,
        {"meta": None, "meta.id": "17"},
        RejectCode.ID_MISSING,
    ),
    (
        "time: a number where ISO 8601 is declared",
        "loan",
        P,
        {"at": "1769846399"},
        RejectCode.TIME_TYPE,
    ),
    ("time: true", "loan", P, {"at": "true"}, RejectCode.TIME_TYPE),
    ("time: an array of parts", "loan", P, {"at": "[2026, 1, 31]"}, RejectCode.TIME_TYPE),
    ("time: an object", "loan", L, {"at": '{"$date": 1}'}, RejectCode.TIME_TYPE),
    (
        "time: a text where an epoch is declared",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": "1769846399000"}'},
        RejectCode.TIME_TYPE,
    ),
    (
        "time: ISO 8601 where an epoch is declared",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": "2026-01-31"}'},
        RejectCode.TIME_TYPE,
    ),
    (
        "time: true where an epoch is declared",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": true}'},
        RejectCode.TIME_TYPE,
    ),
    ("time: not there in the object", "wine", P, {"meta": '{"id": 1}'}, RejectCode.TIME_MISSING),
    (
        "time: an epoch of 1e400",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": 1e400}'},
        RejectCode.NON_FINITE,
    ),
    (
        "time: a negative epoch",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": -1}'},
        RejectCode.TIME_OUT_OF_RANGE,
    ),
    (
        "time: microseconds taken for milliseconds",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": 1769846399000000}'},
        RejectCode.TIME_OUT_OF_RANGE,
    ),
    (
        "time: an epoch of 1e300",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": 1e300}'},
        RejectCode.TIME_OUT_OF_RANGE,
    ),
    (
        "time: an epoch of 30 digits",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": ' + "9" * 30 + "}"},
        RejectCode.TIME_OUT_OF_RANGE,
    ),
    (
        "time: an epoch 6 minutes ahead",
        "wine",
        P,
        {"meta": '{"id": 1, "ts": 1769846760000}'},
        RejectCode.TIME_TOO_FAR_AHEAD,
    ),
    ("score: below 0", "loan", P, {"p": "-0.01"}, RejectCode.SCORE_OUT_OF_RANGE),
    ("score: just above 1", "loan", P, {"p": "1.0000000000000002"}, RejectCode.SCORE_OUT_OF_RANGE),
    ("score: a percentage", "loan", P, {"p": "75"}, RejectCode.SCORE_OUT_OF_RANGE),
    ("score: true", "loan", P, {"p": "true"}, RejectCode.SCORE_TYPE),
    ("score: one per class", "loan", P, {"p": "[0.25, 0.75]"}, RejectCode.SCORE_TYPE),
    ("prediction: true for a number", "rent", P, {"rent": "true"}, RejectCode.PREDICTION_TYPE),
    ("label: false for a number", "rent", L, {"rent": "false"}, RejectCode.LABEL_TYPE),
    ("prediction: an empty text", "loan", P, {"y": '""'}, RejectCode.PREDICTION_EMPTY),
    (
        "prediction: an empty text in an object",
        "wine",
        P,
        {"out": '{"class": ""}'},
        RejectCode.PREDICTION_EMPTY,
    ),
    (
        "prediction: an object for a class",
        "wine",
        P,
        {"out": '{"class": {"name": "red"}}'},
        RejectCode.PREDICTION_TYPE,
    ),
    (
        "prediction: 1e400 for a class",
        "wine",
        P,
        {"out": '{"class": 1e400}'},
        RejectCode.NON_FINITE,
    ),
    ("label: an empty text", "loan", L, {"repaid": '""'}, RejectCode.LABEL_EMPTY),
    ("label: NaN", "loan", L, {"repaid": "NaN"}, RejectCode.NON_FINITE),
    ("split: an empty text", "rent", P, {"city": '""'}, RejectCode.SPLIT_EMPTY),
    ("feature: a text in an object", "wine", P, {"in": '{"acid": "3.1"}'}, RejectCode.FEATURE_TYPE),
    ("feature: NaN", "loan", P, {"income": "NaN"}, RejectCode.NON_FINITE),
    ("feature: -Infinity", "loan", P, {"income": "-Infinity"}, RejectCode.NON_FINITE),
    ("feature: a category of 1e400", "loan", P, {"region": "1e400"}, RejectCode.NON_FINITE),
)

_NO_TIMES: Final = {
    "an empty text": "",
    "a blank": " ",
    "a word": "yesterday",
    "now": "now",
    "NaT": "NaT",
    "month first": "01/31/2026 08:00",
    "dots": "31.01.2026",
    "an epoch as text": "1769846399",
    "month 13": "2026-13-01T00:00:00Z",
    "month 0": "2026-00-10T00:00:00Z",
    "day 0": "2026-01-00T00:00:00Z",
    "30 February": "2026-02-30T00:00:00Z",
    "29 February of no leap year": "2026-02-29T00:00:00Z",
    "hour 24": "2026-01-30T24:00:00Z",
    "minute 60": "2026-01-30T23:60:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "an hour alone": "2026-01-30T08",
    "a month alone": "2026-01",
    "a year alone": "2026",
    "a week": "2026-W05-5",
    "the basic form": "20260130T080000Z",
    "one digit": "2026-1-5T08:00:00Z",
    "an offset of a day": "2026-01-30T08:00:00+24:00",
    "an offset of 60 minutes": "2026-01-30T08:00:00+01:60",
    "a name of a zone": "2026-01-30T08:00:00 CET",
    "a zone in brackets": "2026-01-30T08:00:00+01:00[Europe/Vienna]",
    "two Zs": "2026-01-30T08:00:00ZZ",
    "a point without digits": "2026-01-30T08:00:00.Z",
    "blanks around": " 2026-01-30T08:00:00Z ",
    "a line break behind": "2026-01-30T08:00:00Z\n",
    "Arabic digits": "٢٠٢٦-01-30T08:00:00Z",
    "year 10000": "10000-01-01T00:00:00Z",
    "a negative year": "-2026-01-30T08:00:00Z",
    "a long text": "2026-01-30T08:00:00." + "x" * 5_000,
}
_OUT_OF_RANGE: Final = {
    "1969": "1969-12-31T23:59:59Z",
    "1970 before midnight UTC": "1970-01-01T00:00:00+01:00",
    "year 1": "0001-01-01T00:00:00Z",
    "behind 9999 in UTC": "9999-12-31T23:59:59-01:00",
}
_AHEAD: Final = {
    "a microsecond over 5 minutes ahead": "2026-01-31T08:05:00.000001Z",
    "an hour ahead": "2026-01-31T09:00:00Z",
    "local time taken for UTC": "2026-01-31T10:00:00",
    "a year ahead": "2027-01-31T08:00:00Z",
    "year 9999": "9999-12-31T23:59:59Z",
}


def _bad() -> list[Input]:
    found = [
        _input(f"whole: {name}", "loan", P, value, code) for name, (value, code) in _WHOLE.items()
    ]
    found += [
        _input("whole, labels: a tombstone", "loan", L, None, RejectCode.EMPTY_VALUE),
        _input("whole, labels: an empty object", "loan", L, b"{}", RejectCode.ID_MISSING),
        _input(
            "whole, labels: a prediction", "loan", L, fields("loan", P), RejectCode.LABEL_MISSING
        ),
        _input("whole, nested: an array", "wine", P, b"[1]", RejectCode.NOT_AN_OBJECT),
        _input("whole, key as id: a tombstone", "rent", P, None, RejectCode.EMPTY_VALUE),
    ]
    for stream, role, field, prefix in _TEXT_FIELDS:
        found += [
            _input(
                f"{stream} {role} {field}: {name}",
                stream,
                role,
                fields(stream, role, **{field: raw}),
                RejectCode(f"{prefix}-{what}"),
            )
            for name, (raw, what) in _TEXTS.items()
        ]
    for stream, role, field, prefix in _REQUIRED:
        code = RejectCode(f"{prefix}-missing")
        found += [
            _input(
                f"{stream} {role} {field}: left out",
                stream,
                role,
                fields(stream, role, **{field: None}),
                code,
            ),
            _input(
                f"{stream} {role} {field}: null",
                stream,
                role,
                fields(stream, role, **{field: "null"}),
                code,
            ),
        ]
    for stream, role, field, prefix in _NUMERIC_FIELDS:
        code = RejectCode(f"{prefix}-type")
        found += [
            _input(
                f"{stream} {role} {field}: {name}",
                stream,
                role,
                fields(stream, role, **{field: raw}),
                code,
            )
            for name, raw in _NO_NUMBERS.items()
        ]
        found += [
            _input(
                f"{stream} {role} {field}: {name}",
                stream,
                role,
                fields(stream, role, **{field: raw}),
                RejectCode.NON_FINITE,
            )
            for name, raw in _TOO_LARGE.items()
        ]
    found += [
        _input(f"{stream} {role} {name}", stream, role, fields(stream, role, **changes), code)
        for name, stream, role, changes, code in _FIELDS
    ]
    for texts, code in (
        (_NO_TIMES, RejectCode.TIME_FORMAT),
        (_OUT_OF_RANGE, RejectCode.TIME_OUT_OF_RANGE),
        (_AHEAD, RejectCode.TIME_TOO_FAR_AHEAD),
    ):
        found += [
            _input(
                f"loan predictions time: {name}",
                "loan",
                P,
                fields("loan", P, at=json.dumps(text)),
                code,
            )
            for name, text in texts.items()
        ]
    return found + _bad_outside_the_value()


def _bad_outside_the_value() -> list[Input]:
    value, truth = fields("rent", P), fields("rent", L)
    keys = {
        "no key": (None, RejectCode.ID_MISSING),
        "an empty key": (b"", RejectCode.ID_EMPTY),
        "a key that is no UTF-8": (b"\xff\xfe", RejectCode.BAD_UTF8),
        "a key of 257 bytes": (b"k" * 257, RejectCode.ID_TOO_LONG),
        "a key with a NUL": (b"a\x00b", RejectCode.ID_CONTROL_CHARACTER),
        "a binary key": (b"\x00\x00\x00\x07", RejectCode.ID_CONTROL_CHARACTER),
    }
    found = [
        Input(f"rent predictions key: {name}", "rent", P, value, code, key, (_ROOMS,))
        for name, (key, code) in keys.items()
    ]
    rooms = {
        "a word": (b"three", RejectCode.FEATURE_TYPE),
        "an empty header": (b"", RejectCode.FEATURE_TYPE),
        "NaN": (b"NaN", RejectCode.FEATURE_TYPE),
        "true": (b"true", RejectCode.FEATURE_TYPE),
        "a text in quotes": (b'"3"', RejectCode.FEATURE_TYPE),
        "no UTF-8": (b"\xc3\x28", RejectCode.BAD_UTF8),
        "four bytes of an integer": (b"\x00\x00\x00\x03", RejectCode.FEATURE_TYPE),
    }
    found += [
        Input(
            f"rent predictions header: {name}", "rent", P, value, code, b"k", (("rooms", header),)
        )
        for name, (header, code) in rooms.items()
    ]
    paid: dict[str, tuple[tuple[tuple[str, bytes], ...], RejectCode]] = {
        "not there": ((), RejectCode.TIME_MISSING),
        "another case": ((("Paid", b"1769846390"),), RejectCode.TIME_MISSING),
        "ISO 8601": ((("paid", b"2026-01-31T08:00:00Z"),), RejectCode.TIME_TYPE),
        "milliseconds": ((("paid", b"1769846390000"),), RejectCode.TIME_OUT_OF_RANGE),
        "a good one before a bad one": ((_PAID, ("paid", b"soon")), RejectCode.TIME_TYPE),
        "tomorrow": ((("paid", b"1769932800"),), RejectCode.TIME_TOO_FAR_AHEAD),
    }
    found += [
        Input(f"rent labels header: {name}", "rent", L, truth, code, b"k", headers)
        for name, (headers, code) in paid.items()
    ]
    stamps = {
        "none": (-1, RejectCode.TIME_MISSING),
        "behind 9999": (253_402_300_800_000, RejectCode.TIME_OUT_OF_RANGE),
        "the largest": (2**63 - 1, RejectCode.TIME_OUT_OF_RANGE),
        "6 minutes ahead": (NOW + 360_000, RejectCode.TIME_TOO_FAR_AHEAD),
    }
    found += [
        Input(f"rent predictions timestamp: {name}", "rent", P, value, code, b"k", (), stamp)
        for name, (stamp, code) in stamps.items()
    ]
    return found


BAD_INPUTS: Final = tuple(_bad())

_LOOKS_BAD: Final[tuple[tuple[str, str, Role, bytes], ...]] = (
    ("a byte order mark", "loan", P, b"\xef\xbb\xbf" + fields("loan", P)),
    ("blanks around", "loan", P, b" \n" + fields("loan", P) + b"\r\n"),
    ("unknown fields", "loan", P, _LOAN_AROUND + b', "x": {"y": [1, {}]}}'),
    ("1e400 where nobody looks", "loan", P, _LOAN_AROUND + b', "x": 1e400}'),
    ("a name twice", "loan", P, b'{"id": [], "id": "a1", ' + fields("loan", P)[1:]),
    ("64 deep", "loan", P, _LOAN_AROUND + b', "x": ' + b"[" * 63 + b"]" * 63 + b"}"),
    ("brackets in a text", "loan", P, _LOAN_AROUND + b', "x": "' + b"[" * 200 + b'"}'),
    (
        "brackets behind an escaped quote",
        "loan",
        P,
        _LOAN_AROUND + b', "x": "\\"' + b"{" * 200 + b'"}',
    ),
    ("many flat arrays", "loan", P, _LOAN_AROUND + b', "x": [' + b"[]," * 200 + b"[]]}"),
    ("a name written with escapes", "loan", P, fields("loan", P).replace(b'"id"', b'"\\u0069d"')),
    ("an emoji as a pair of escapes", "loan", P, fields("loan", P, id='"\\ud83d\\ude00"')),
    ("an id of 256 bytes", "loan", P, fields("loan", P, id=json.dumps("x" * 256))),
    ("an id in right-to-left script", "loan", P, fields("loan", P, id='"\u05d0\u05d1"')),
    ("an id of 20 digits", "loan", P, fields("loan", P, id="9" * 20)),
    ("an id of 7.0", "loan", P, fields("loan", P, id="7.0")),
    ("features left out", "loan", P, fields("loan", P, income=None, region=None)),
    ("features of null", "loan", P, fields("loan", P, income="null", region="null")),
    ("a feature of true", "loan", P, fields("loan", P, income="true")),
    ("a feature beyond 2^53", "loan", P, fields("loan", P, income="9007199254740993")),
    ("a feature of 30 digits", "loan", P, fields("loan", P, income="9" * 30)),
    ("a category of no characters", "loan", P, fields("loan", P, region='""')),
    ("a category of a number", "loan", P, fields("loan", P, region="7.0")),
    ("no version", "loan", P, fields("loan", P, model=None)),
    ("an empty version", "loan", P, fields("loan", P, model='""')),
    ("a version of a number", "loan", P, fields("loan", P, model="3")),
    ("a score of 0 as an integer", "loan", P, fields("loan", P, p="0")),
    ("a score of -0.0", "loan", P, fields("loan", P, p="-0.0")),
    ("a score of 1e-400", "loan", P, fields("loan", P, p="1e-400")),
    ("a class of true", "loan", P, fields("loan", P, y="true")),
    ("a class of text", "loan", P, fields("loan", P, y='"1"')),
    ("a class of 1.0", "loan", L, fields("loan", L, repaid="1.0")),
    ("an object that is null", "wine", P, fields("wine", P, **{"in": "null"})),
    (
        "a number where an object with features should be",
        "wine",
        P,
        fields("wine", P, **{"in": "5"}),
    ),
    ("a time of 1970", "loan", P, fields("loan", P, at='"1970-01-01T00:00:00Z"')),
    ("a time five minutes ahead", "loan", P, fields("loan", P, at='"2026-01-31T08:05:00Z"')),
    ("a time of a date", "loan", P, fields("loan", P, at='"2026-01-30"')),
    ("a time of nanoseconds", "loan", P, fields("loan", P, at='"2026-01-30T08:00:00.123456789Z"')),
    ("a time with an offset", "loan", P, fields("loan", P, at='"2026-01-31T13:29:00+0530"')),
    ("a time without seconds", "loan", P, fields("loan", P, at='"2026-01-30 08:00"')),
    ("a time with a comma", "loan", P, fields("loan", P, at='"2026-01-30T08:00:00,5Z"')),
    ("a time in small letters", "loan", P, fields("loan", P, at='"2026-01-30t08:00:00z"')),
    (
        "an epoch with a fraction",
        "wine",
        P,
        fields("wine", P, meta='{"id": 1, "ts": 1769846399000.25}'),
    ),
)
GOOD_INPUTS: Final = tuple(
    _input(name, stream, role, value, None) for name, stream, role, value in _LOOKS_BAD
)
