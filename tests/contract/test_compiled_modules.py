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


@pytest.mark.parametrize("name", MODULES)
def test_no_class_of_a_compiled_module_has_annotations_that_are_read(name: str) -> None:
    """The compiler keeps no more of `int | None` than that it is a type: msgspec refused all."""
    for one in ast.walk(_tree(name)):
        if isinstance(one, ast.ClassDef):
            annotated = [each for each in one.body if isinstance(each, ast.AnnAssign)]
            assert not annotated, f"{name}.{one.name}: fields belong in a module of their own"
            assert not one.decorator_list, f"{name}.{one.name}"


@pytest.mark.parametrize("name", MODULES)
def test_a_compiled_module_waits_for_nothing(name: str) -> None:
    """What is compiled is what is counted out for each row; the loop's own code stays Python."""
    waits = ast.AsyncFunctionDef | ast.Await
    assert not [one for one in ast.walk(_tree(name)) if isinstance(one, waits)]


def _tree(name: str) -> ast.Module:
    return ast.parse((ROOT / "src" / f"{name.replace('.', '/')}.py").read_text())
