"""What all declarations have in common.

They are frozen models that refuse unknown keys and never print what was given.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

PROBLEMS: Final = "problems"
"""The error type of a rule over several keys; its context lists (key, message) pairs."""


class Spec(BaseModel):
    """A declaration: immutable, without unknown keys, silent about its input when it is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def wrong(message: str) -> PydanticCustomError:
    """The error for one value.

    The message says what would have been right, and never repeats what was given.
    """
    return PydanticCustomError("wrong", "{message}", {"message": message})


def refuse(message: str) -> NoReturn:
    """Raise `wrong(message)`."""
    raise wrong(message)


def refuse_all(found: Sequence[tuple[str | tuple[str | int, ...], str]]) -> None:
    """Raise one error that carries every (key, message) found, or do nothing if there is none.

    Keys are relative to the model whose rule it is: dotted, or with their parts in a tuple.
    """
    if found:
        text = "; ".join(f"{key}: {message}" for key, message in found)
        raise PydanticCustomError(PROBLEMS, "{text}", {"text": text, "found": found})


def canonical(value: str | float | bool) -> str:  # noqa: FBT001 - a class may be a boolean
    """A class, or a value to compare with, as text: 1, 1.0 and "1" are one, true is "true".

    A text stays as it is, so "1.0" is not "1".
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(text: str) -> str:
    if not text.strip():
        refuse("should not be empty")
    if not text.isprintable():
        refuse("should be printable text in one line")
    return text


_TOPIC_CHARACTERS: Final = r"[a-zA-Z0-9._-]+"


def _topic(name: str) -> str:
    if re.fullmatch(_TOPIC_CHARACTERS, name) is None:
        refuse("should hold only the letters a-z and A-Z, digits, '.', '_' and '-'")
    if name in {".", ".."}:
        refuse("is no name for a topic")
    return name


Line: TypeAlias = Annotated[str, Field(max_length=500), AfterValidator(_plain)]
"""One line of printable text."""

Topic: TypeAlias = Annotated[
    str,
    Field(max_length=249, json_schema_extra={"pattern": f"^{_TOPIC_CHARACTERS}$"}),
    AfterValidator(_topic),
]
"""The name of a Kafka topic."""

Whole: TypeAlias = Annotated[int, Strict()]
"""A whole number, not a boolean, a text or 3.0."""

Flag: TypeAlias = Annotated[bool, Strict()]
"""true or false, and nothing that merely looks like it."""
