"""Typed shapes for msgspec, made from declared paths: only what is declared is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from driftline.config.fields import FieldPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Tree: TypeAlias = dict[str, "Tree | FieldPath"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A type of JSON object, and its fields in order: places of values, or objects themselves."""

    type: type[msgspec.Struct]
    fields: tuple[FieldPath | Shape, ...]

    def columns(self, came: Sequence[Sequence[Any]]) -> dict[FieldPath, Sequence[Any]]:
        """What is found at each place, or None, given the type's fields as columns."""
        found: dict[FieldPath, Sequence[Any]] = {}
        for field, column in zip(self.fields, came, strict=True):
            if isinstance(field, FieldPath):
                found[field] = column
            else:
                absent = (None,) * len(field.fields)
                inner = (absent if each is None else astuple(each) for each in column)
                found |= field.columns(list(zip(*inner, strict=True)))
        return found


def build_shape(types: Mapping[FieldPath, Any]) -> Shape | None:
    """The shape with a value of the given type, or None, at each place.

    None if there is no such type: a path leads through a place that is itself a value.
    """
    tree: Tree = {}
    for place in types:
        branch = tree
        for name in place.path[:-1]:
            below = branch.setdefault(name, {})
            if not isinstance(below, dict):
                return None
            branch = below
        if place.path[-1] in branch:
            return None
        branch[place.path[-1]] = place
    return _build(tree, types)


def _build(tree: Tree, types: Mapping[FieldPath, Any]) -> Shape:
    fields = tuple(
        _build(each, types) if isinstance(each, dict) else each for each in tree.values()
    )
    made = msgspec.defstruct(
        "Fields",
        [
            (
                f"f{number}",
                (field.type if isinstance(field, Shape) else types[field]) | None,
                msgspec.field(name=name, default=None),
            )
            for number, (name, field) in enumerate(zip(tree, fields, strict=True))
        ],
        gc=False,
    )
    return Shape(made, fields)
