"""From pydantic's errors to problems that name the key and what would have been right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel

from driftline.config.spec import PROBLEMS
from driftline.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from driftline.config.yaml import Data, Key

Found: TypeAlias = "tuple[Key, str]"
"""A key and what is wrong there."""

_ECHOES: Final = frozenset({"default_factory_not_called"})
"""Errors that only follow from another one."""

UNKNOWN_KEY: Final = "extra_forbidden"

_TAGS: Final = frozenset({"union_tag_not_found", "union_tag_invalid"})
"""Nothing, or nothing that is known, says of which kind the part of a declaration is."""

_TEXTS: Final = {
    "missing": "is required",
    "string_type": "should be text; quote it if it looks like a number, true or false",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_parsing": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "dict_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
    "model_attributes_type": "should be a mapping of keys to values",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "string_pattern_mismatch": "should match {pattern}",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "greater_than": "should be greater than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "too_short": "should have at least {min_length} entries",
    "too_long": "should have at most {max_length} entries",
}


def _find(error: ValidationError, model: Any, data: Data) -> Iterator[Found]:
    for details in error.errors(include_url=False, include_input=False):
        key = _in_data(details["loc"], data, missing=details["type"] == "missing")
        if details["type"] in _ECHOES:
            continue
        if details["type"] == PROBLEMS:
            for relative, message in details["ctx"]["found"]:
                parts = relative.split(".") if isinstance(relative, str) else relative
                yield (*key, *parts), message
        elif details["type"] == UNKNOWN_KEY:
            yield key, _unknown(key, model, data)
        elif details["type"] in _TAGS:
            yield (*key, "kind"), _say_kind(details, (*key, "kind"), data)
        else:
            yield key, _say(details, key, data)


def find_problems(error: ValidationError, model: Any, data: Data) -> list[Found]:
    """Every problem of a failed validation of `data`, without a word of the values that were given.

    `model` is what was validated against: a model, or an annotation that holds models.
    """
    found = list(_find(error, model, data))
    # Without its kind it is not known what else belongs there.
    kind = [one for one in found if one[0] == ("kind",)]
    return kind or found


def _in_data(loc: Sequence[str | int], data: Data, *, missing: bool) -> Key:
    """The error's place as a key of the file.

    pydantic puts names of union members in between, which stand nowhere in the file.
    """
    key: list[str | int] = []
    node: Data = data
    for n, part in enumerate(loc):
        if isinstance(node, dict) and part in node:
            node = node[str(part)]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        elif not (missing and n == len(loc) - 1):
            continue
        key.append(part)
    return tuple(key)


def _say(details: ErrorDetails, key: Key, data: Data) -> str:
    context = details.get("ctx", {})
    kind = details["type"]
    if kind in {"enum", "literal_error"}:
        return _choose(str(context["expected"]), value_at(key, data))
    if kind == "value_error":
        return str(context["error"])
    text = _TEXTS.get(kind)
    return details["msg"] if text is None else text.format_map(context)


def _say_kind(details: ErrorDetails, key: Key, data: Data) -> str:
    if details["type"] == "union_tag_not_found":
        return "is required"
    return _choose(str(details["ctx"]["expected_tags"]), value_at(key, data))


def _choose(expected: str, given: Data) -> str:
    names = expected.replace("'", "").replace(" or ", ", ").split(", ")
    # Of a name that begins several, as slack does, all are meant.
    several = [name for name in names if name.startswith(f"{given}-")]
    near = " or ".join(several) or nearest(str(given), names)
    return f"should be {expected.replace(chr(39), '')}" + (
        f"; did you mean {near}?" if near else ""
    )


def value_at(key: Key, data: Data) -> Any:
    """What stands at a key, as far as the key goes."""
    node = data
    for part in key:
        if isinstance(node, dict):
            node = node.get(str(part))
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
    return node


def say_unknown(loc: Sequence[str | int], model: Any, data: Data) -> str:
    """What is said of an unknown key, where `UNKNOWN_KEY` was found: the nearest one there is."""
    return _unknown(_in_data(loc, data, missing=False), model, data)


def _unknown(key: Key, model: Any, data: Data) -> str:
    given = value_at(key[:-1], data)
    known = list(_known_keys(key[:-1], model, given if isinstance(given, dict) else {}))
    near = nearest(str(key[-1]), known)
    return "is no key here " + (
        f"(did you mean '{near}'?)" if near else f"(there are: {', '.join(known)})"
    )


def _known_keys(key: Key, model: Any, given: dict[str, Data]) -> Iterable[str]:
    """The fields of the models that may stand at a key."""
    models = list(_models(model))
    for part in key:
        fields = [one.model_fields[part] for one in models if part in one.model_fields]
        if fields:
            models = [found for one in fields for found in _models(one.annotation)]
    kinds = [one for one in models if given.get("kind") in _kinds(one)]
    kinds = kinds or [one for one in models if not _kinds(one)]
    return dict.fromkeys(
        field.alias or name for one in kinds for name, field in one.model_fields.items()
    )


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models named in an annotation, however deep in unions, lists and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """The values of `kind` that choose this model; none if nothing or any other value does."""
    field = model.model_fields.get("kind")
    if field is None or get_origin(field.annotation) is not Literal:
        return ()
    return get_args(field.annotation)
