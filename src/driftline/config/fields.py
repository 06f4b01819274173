"""Where in a record a field is found, and how a time is written there.

A field is written in one of these ways:

    id: a.b.c                    a path into the JSON value: names of nested objects and dots
    id: [a.b, c]                 the same with names that hold dots themselves
    id: {header: x-request-id}   a header of the Kafka record, as UTF-8 text
    id: {key: true}              the Kafka record's key, whole, as UTF-8 text

A time is a field of ISO 8601 text, or an epoch number with its unit:

    time: scored_at
    time: {path: meta.ts, unit: ms}
    time: {path: [a.ts], unit: us}
    time: {header: x-time, unit: s}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from driftline.config.spec import refuse, wrong

_MAX_DEPTH: Final = 16
_MAX_LENGTH: Final = 200


class FieldSource(StrEnum):
    """Which part of a Kafka record holds a field."""

    VALUE = "value"
    HEADER = "header"
    KEY = "key"


class TimeUnit(StrEnum):
    """The unit of an epoch number."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where a field is found."""

    path: tuple[str, ...]
    """Names of nested objects in the value; the header's name alone; empty for the key."""
    source: FieldSource = FieldSource.VALUE

    @classmethod
    def parse(cls, text: str) -> "FieldPath":
        """A dotted path into the value."""
        return cls(tuple(text.split(".")))

    def __str__(self) -> str:
        match self.source:
            case FieldSource.VALUE:
                return ".".join(self.path)
            case FieldSource.HEADER:
                return f"header {self.path[0]}"
            case FieldSource.KEY:
                return "the key"

    def as_declared(self) -> str | list[str] | dict[str, Any]:
        """The shortest way to write it down; reading that gives an equal field."""
        match self.source:
            case FieldSource.HEADER:
                return {"header": self.path[0]}
            case FieldSource.KEY:
                return {"key": True}
            case FieldSource.VALUE if any("." in name for name in self.path):
                return list(self.path)
            case FieldSource.VALUE:
                return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class TimeField:
    """Where a time is found and how it is written."""

    field: FieldPath
    unit: TimeUnit | None = None
    """The unit of an epoch number; None: ISO 8601 text."""

    def as_declared(self) -> str | list[str] | dict[str, Any]:
        """The shortest way to write it down; reading that gives an equal field."""
        declared = self.field.as_declared()
        if self.unit is None:
            return declared
        place = declared if isinstance(declared, dict) else {"path": declared}
        return {**place, "unit": self.unit.value}


_FIELD: Final = "should be a path such as a.b.c or [a, b.c], {header: NAME} or {key: true}"
_TIME: Final = (
    "should be a path such as a.b.c, or {path: a.b.c, unit: ms} with a unit of s, ms, us or ns"
)


def _names(path: object, expected: str) -> tuple[str, ...]:
    names = path.split(".") if isinstance(path, str) else path
    if not isinstance(names, list | tuple) or not names:
        refuse(expected)
    for name in names:
        if not isinstance(name, str):
            refuse(expected)
        if not name.strip() or not name.isprintable():
            refuse(f"{expected}; here a name between dots is empty or not printable")
    if len(names) > _MAX_DEPTH or sum(map(len, names)) > _MAX_LENGTH:
        refuse(f"should have at most {_MAX_DEPTH} names and {_MAX_LENGTH} characters")
    return tuple(names)


def _place(value: Mapping[str, object], expected: str) -> FieldPath:
    match dict(value):
        case {"path": path, **rest} if not rest:
            return FieldPath(_names(path, expected))
        case {"header": str(header), **rest} if not rest:
            return FieldPath(_names([header], expected), FieldSource.HEADER)
        case {"key": True, **rest} if not rest:
            return FieldPath((), FieldSource.KEY)
    raise wrong(expected)


def _read_field(value: object) -> FieldPath:
    if isinstance(value, FieldPath):
        return value
    if isinstance(value, Mapping):
        return _place(value, _FIELD)
    return FieldPath(_names(value, _FIELD))


def _read_time(value: object) -> TimeField:
    if isinstance(value, TimeField):
        return value
    if isinstance(value, FieldPath):
        return TimeField(value)
    if not isinstance(value, Mapping):
        return TimeField(FieldPath(_names(value, _TIME)))
    place = {name: part for name, part in value.items() if name != "unit"}
    unit = value.get("unit")
    if unit is not None and (not isinstance(unit, str) or unit not in set(TimeUnit)):
        refuse(_TIME)
    return TimeField(_place(place, _TIME), None if unit is None else TimeUnit(unit))


_NAMES_SCHEMA: Final[dict[str, Any]] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_PATH_SCHEMA: Final[dict[str, Any]] = {"anyOf": [{"type": "string", "minLength": 1}, _NAMES_SCHEMA]}
_UNIT_SCHEMA: Final[dict[str, Any]] = {"enum": [unit.value for unit in TimeUnit]}


def _object_schema(name: str, of: dict[str, Any], **optional: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: of, **optional},
        "required": [name],
        "additionalProperties": False,
    }


RecordField: TypeAlias = Annotated[
    FieldPath,
    BeforeValidator(_read_field),
    PlainSerializer(FieldPath.as_declared),
    WithJsonSchema(
        {
            "anyOf": [
                *_PATH_SCHEMA["anyOf"],
                _object_schema("path", _PATH_SCHEMA),
                _object_schema("header", {"type": "string", "minLength": 1}),
                _object_schema("key", {"const": True}),
            ],
        },
    ),
]
"""A `FieldPath` in a declaration."""

RecordTime: TypeAlias = Annotated[
    TimeField,
    BeforeValidator(_read_time),
    PlainSerializer(TimeField.as_declared),
    WithJsonSchema(
        {
            "anyOf": [
                *_PATH_SCHEMA["anyOf"],
                _object_schema("path", _PATH_SCHEMA, unit=_UNIT_SCHEMA),
                _object_schema("header", {"type": "string", "minLength": 1}, unit=_UNIT_SCHEMA),
            ],
        },
    ),
]
"""A `TimeField` in a declaration."""
