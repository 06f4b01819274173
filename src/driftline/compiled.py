"""Whether this is the compiled driftline."""

from __future__ import annotations

from pathlib import Path
from typing import Final

COMPILED: Final = Path(__file__).suffix != ".py"
