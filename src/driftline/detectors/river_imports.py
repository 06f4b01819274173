"""River's drift detectors without what they import and few of them use.

`river.drift` imports SciPy's statistics, of which KSWIN calls one function, and the readers of its
example data sets: together a third of the time that a worker takes to import everything. They are
put off until something of theirs is asked for. Whoever imports River in driftline imports this
before it.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

PUT_OFF: Final = frozenset({"scipy.stats", "river.drift.datasets"})


class PuttingOff:
    """Finds these modules as everyone does, and has them executed at their first use."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Python's hook: None leaves a module to the finders behind."""
        if name not in PUT_OFF:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def import_river() -> None:
    """Import `river.drift` so; nothing else is put off, and nobody else's imports are."""
    if "river.drift" not in sys.modules:
        finder = PuttingOff()
        sys.meta_path.insert(0, finder)
        try:
            __import__("river.drift")
        finally:
            sys.meta_path.remove(finder)


import_river()
