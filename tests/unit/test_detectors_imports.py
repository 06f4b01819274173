"""What importing driftline brings with it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import driftline.app.process
assert "scipy.stats._stats_py" not in sys.modules
assert "river.datasets" not in sys.modules
from river.drift import KSWIN
detector = KSWIN(seed=1)
for number in range(1_000):
    detector.update(float(number >= 500) + number % 7 / 10)
    if detector.drift_detected:
        print(number)
assert "scipy.stats._stats_py" in sys.modules
import river.drift.datasets
print(river.drift.datasets.AirlinePassengers.__name__)
"""


def test_what_river_imports_beside_is_there_when_it_is_used() -> None:
    """A worker starts without it, and whoever needs it finds it as ever."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    *drifts, name = done.stdout.split()
    assert drifts
    assert name == "AirlinePassengers"
