"""The same batches for all micro-benchmarks: of the comparison's own workload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from bench.micro.material import Material, build_material

if TYPE_CHECKING:
    from pathlib import Path

PAIRS: Final = 16_000


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Batches of records, and what each step makes of them."""
    directory: Path = tmp_path_factory.mktemp("deployment")
    return build_material(directory, PAIRS)
