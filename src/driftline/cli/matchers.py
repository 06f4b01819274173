"""KEY=VALUE on the command line: what an alert is, or which alerts are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer
from pydantic import ValidationError

from driftline.config.alerting import Matchers
from driftline.config.problems import find_problems
from driftline.errors import nearest
from driftline.logs import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.yaml import Data

MatchersArgument: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=PATTERN",
        help="stream, instance, signal, severity, kind, owner, tag; all must match. * and ? stand"
        " for other characters; of a key that is there several times any may match.",
    ),
]


def read_pairs(texts: Sequence[str]) -> dict[str, list[str]]:
    """All values by key, in their order; wrong usage if a key is none of an alert's."""
    pairs: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            message = f"'{printable(text)}' should be KEY=VALUE, such as stream=car-loan"
            raise typer.BadParameter(message)
        if key not in Matchers.model_fields:
            near = nearest(key, Matchers.model_fields)
            hint = f"did you mean '{near}'?" if near else ", ".join(Matchers.model_fields)
            message = f"'{printable(key)}' is no key of an alert ({hint})"
            raise typer.BadParameter(message)
        pairs.setdefault(key, []).append(value)
    return pairs


def read_matchers(texts: Sequence[str]) -> Matchers:
    """Which alerts are meant; wrong usage if something is wrong about it."""
    data: Data = {key: [*patterns] for key, patterns in read_pairs(texts).items()}
    try:
        return Matchers.model_validate(data)
    except ValidationError as error:
        found = find_problems(error, Matchers, data)
        message = "; ".join(f"{key[0]}: {said}" for key, said in found if key)
        raise typer.BadParameter(message) from None
