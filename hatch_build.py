"""Builds the compiled driftline: what works on each row as machine code, made of the same source.

mypyc makes C of the modules that pyproject.toml names. It wants a C compiler, Python's headers, and
all that driftline needs, as it reads their types.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class CompilingHook(BuildHookInterface[Any]):
    """Adds to a wheel an extension module beside each module that is compiled."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the install is to show each change of the source.

        Raises:
            CompileError: there is no compiler, or no headers.
            SystemExit: mypy has found an error, and printed it.
            ValueError: a module has come out uncompiled.
        """
        if version == "editable":
            return
        self._work = tempfile.TemporaryDirectory(prefix="driftline-")
        sources = [f"src/{name.replace('.', '/')}.py" for name in self.config["modules"]]
        libraries = list(_compile(sources, Path(self._work.name)))
        # One for each, and one that has what they share.
        if len(libraries) != len(sources) + 1:
            msg = f"of {len(sources)} modules came {len(libraries)} libraries: {libraries}"
            raise ValueError(msg)
        build_data["force_include"] |= {str(library): place for library, place in libraries}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is written: what it was made of can go."""
        del build_data, artifact_path
        if version != "editable":
            self._work.cleanup()


def _compile(sources: Iterable[str], work: Path) -> Iterator[tuple[Path, str]]:
    """The extension modules, and where in the wheel they belong."""
    extensions = mypycify(list(sources), group_name="driftline", target_dir=str(work / "c"))
    for one in extensions:
        # No fused multiplications: on every machine the same bits, and those of Python and numpy.
        one.extra_compile_args = [*one.extra_compile_args, "-ffp-contract=off"]
    command = build_ext(Distribution({"name": "driftline", "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(work / "lib"), str(work / "objects")
    command.parallel = True
    command.ensure_finalized()
    command.run()
    for library in sorted((work / "lib").rglob("*.so")):
        yield library, str(library.relative_to(work / "lib"))
