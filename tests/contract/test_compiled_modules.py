"""What the compiler of Python asks of the modules that it is given, without compiling them."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
HOOKS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
    "targets"
]["wheel"]["hooks"]
MODULES: Final[list[str]] = HOOKS["custom"]["modules"]
READ_AT_RUN_TIME: Final = {"dataclass", "NamedTuple", "Struct", "State", "BaseModel", "TypedDict"}
"""Decorators and bases that read the annotations of a class."""


@pytest.mark.parametrize("name", MODULES)
def test_no_class_of_a_compiled_module_has_annotations_that_are_read(name: str) -> None:
    """The compiler keeps no more of `int | None` than that it is a type: msgspec refused all."""
    tree = ast.parse((ROOT / "src" / f"{name.replace('.', '/')}.py").read_text())
    for one in ast.walk(tree):
        if isinstance(one, ast.ClassDef):
            said = {_name(each) for each in (*one.decorator_list, *one.bases)}
            assert not said & READ_AT_RUN_TIME, f"{name}.{one.name}"


@pytest.mark.parametrize("name", MODULES)
def test_a_compiled_module_waits_for_nothing(name: str) -> None:
    """What is compiled is what is counted out for each row; the loop's own code stays Python."""
    tree = ast.parse((ROOT / "src" / f"{name.replace('.', '/')}.py").read_text())
    assert not [one for one in ast.walk(tree) if isinstance(one, ast.AsyncFunctionDef | ast.Await)]


def _name(said: ast.expr) -> str:
    """The last word of a decorator or a base, called or not."""
    said = said.func if isinstance(said, ast.Call) else said
    return said.attr if isinstance(said, ast.Attribute) else ast.unparse(said)
