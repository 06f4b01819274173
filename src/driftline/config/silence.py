"""How long a source may be silent before it is an alert."""

from datetime import timedelta
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from driftline.config.durations import format_duration, parse_duration
from driftline.config.spec import Spec, refuse
from driftline.model import Severity

USUAL: Final = "usual"
OFF: Final = "off"
_LEAST: Final = timedelta(seconds=1)
_MOST: Final = timedelta(days=3_650)


def _read(value: object) -> object:
    if value in (USUAL, OFF):
        return value
    try:
        limit = parse_duration(value) if isinstance(value, str) else value
    except ValueError:
        limit = None
    if not isinstance(limit, timedelta) or not _LEAST <= limit <= _MOST:
        refuse("should be usual, off, or a duration between 1s and 3650d")
    return limit


def _write(value: object) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)


SilenceLimit: TypeAlias = Annotated[
    Literal["usual", "off"] | timedelta,
    BeforeValidator(_read),
    PlainSerializer(_write, return_type=str),
    WithJsonSchema({"type": "string", "examples": [USUAL, OFF, "2h", "2d"]}),
]
"""How long a source may be silent: as long as is usual for the hour of the week, or a duration."""


class SilenceSpec(Spec):
    """When it is an alert that nothing comes."""

    predictions: SilenceLimit = "usual"
    labels: SilenceLimit = "usual"
    severity: Severity = Severity.WARNING
