"""Whatever messages come: nothing crashes, every offset is booked once, detectors see numbers.

`make fuzz-messages` makes a million of them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from support.generated_messages import install_finite, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SEED: Final = int(os.environ.get("DRIFTLINE_FUZZ_SEED") or 1)
MESSAGES: Final = 5_000


async def test_generated_messages_are_all_booked_and_harm_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DRIFTLINE_FUZZ_SEED tries others."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    install_finite(tmp_path)
    one, fates = await run(MESSAGES, SEED)
    assert one.ends.total() >= MESSAGES
    assert min(fates[name] for name in ("rows", "dead-lettered", "joined", "values")) > 200
