"""What the models have in common."""

import re
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class Asked(BaseModel):
    """A part of a request's body: unknown keys are refused, and nothing given is repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def example(**values: Any) -> ConfigDict:
    """What a model's schema shows; a class that inherits from it shows another."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Page(Answer, Generic[Item]):
    """A part of a list."""

    items: tuple[Item, ...]
    next: Annotated[
        str | None,
        Field(description="Handed in as `cursor` it gives the next page; null on the last one."),
    ]


Limit: TypeAlias = Annotated[int, Field(ge=1, le=200, description="Items of a page at most.")]
_CURSOR: Final = "`next` of the page before; left out: the first."
Cursor: TypeAlias = Annotated[str | None, Field(max_length=1_200, description=_CURSOR)]


class PageQuery(Asked):
    """Which page of a list."""

    limit: Limit = 50
    cursor: Cursor = None


def cursor_like(pattern: str) -> Any:
    """What a page's parameter says of a `next` that has a form."""
    return Field(pattern=pattern, max_length=100, description=_CURSOR)


def _written(value: object) -> object:
    """A time is text: what looks like a number of seconds, or of milliseconds, is neither."""
    if not isinstance(value, str) or re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}T", value) is None:
        msg = "should be a time in ISO 8601 with its zone, such as 2026-03-04T09:00:00Z"
        raise ValueError(msg)
    return value


Moment: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_written)]
"""A time that is given."""
