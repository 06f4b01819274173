"""Patterns of names: `*` stands for any characters, `?` for any one, the rest for itself."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from driftline.config.spec import Line

MOST: Final = 100
"""Patterns of one matcher."""
LINE: Final = {"type": "string", "minLength": 1, "maxLength": 500}


def as_list(value: object) -> object:
    """One name as a list of it: a declaration may leave out the brackets."""
    return [value] if isinstance(value, str) else value


def one_or_several(one: dict[str, object], most: int) -> WithJsonSchema:
    """The schema of what `as_list` reads."""
    return WithJsonSchema(
        {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]}
    )


Patterns: TypeAlias = Annotated[
    tuple[Line, ...],
    Field(min_length=1, max_length=MOST),
    BeforeValidator(as_list),
    one_or_several(LINE, MOST),
]
"""One or several patterns, of which any may match."""


def match_any(patterns: Iterable[str], name: str) -> bool:
    """Whether any of the patterns matches the whole name. Upper and lower case are not the same."""
    return any(_compiled(pattern).fullmatch(name) for pattern in patterns)


def covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether everything that `narrow` matches is surely matched by `wide` too.

    Each pattern of `narrow` has to be within one of `wide`; what only several of them cover
    together is not seen.
    """
    return all(any(_within(one, other) for other in wide) for one in narrow)


def _within(narrow: str, wide: str) -> bool:
    # As text, with its `*` and `?` taken for characters: `*` of the wide one may take any of them,
    # `?` any but a `*`.
    return _compiled(wide, one="[^*]").fullmatch(narrow) is not None


@lru_cache(maxsize=4_096)
def _compiled(pattern: str, one: str = ".") -> re.Pattern[str]:
    """The pattern as an expression that takes no time beyond names' and patterns' lengths.

    Each piece between two `*` is taken where it first fits, and never moved again (`(?>`): a name
    and a pattern that are made for it cannot keep us busy.
    """
    pieces = [_literal(piece, one) for piece in re.split(r"\*+", pattern)]
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    found = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(f"{first}{found}.*{last}", re.DOTALL)


def _literal(piece: str, one: str) -> str:
    return "".join(one if letter == "?" else re.escape(letter) for letter in piece)
