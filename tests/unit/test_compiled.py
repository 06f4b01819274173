"""The compiled driftline is the same driftline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from driftline.compiled import COMPILED
from support.state_digest import digest

ROOT: Final = Path(__file__).parents[2]


@pytest.mark.skipif(not COMPILED, reason="this driftline is not compiled: make test-compiled")
def test_compiled_and_not_come_to_the_same_bytes() -> None:
    """Every event that is told, every byte that is stored: one goes on where the other ended."""
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}
    python = [sys.executable, "-m", "support.state_digest"]
    said = subprocess.run(python, env=environ, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == digest()
