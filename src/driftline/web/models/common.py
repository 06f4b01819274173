"""What the models have in common."""

from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

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
Cursor: TypeAlias = Annotated[
    str | None, Field(max_length=500, description="`next` of the page before; left out: the first.")
]
