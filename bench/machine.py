"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from river.drift import ADWIN

from bench.workload import DELTA
from driftline.compiled import COMPILED

VALUES: Final = 100_000


def describe_machine() -> str:
    """Processor, cores, memory, and the versions that matter, in a line."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    compiled = "compiled" if COMPILED else "not compiled"
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Python {platform.python_version()},"
        f" River {version('river')}, driftline {compiled}"
    )


def describe_load() -> str:
    """How busy the machine is, and how fast at present: others may share what is below it.

    Of a quiet one the first figure is that of the benchmark alone.
    """
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"load over 1, 5, 15 minutes {load}; River's ADWIN alone takes"
        f" {bare_adwin_microseconds():.2f} us a value"
    )


def bare_adwin_microseconds() -> float:
    """What a value costs River's detector with nothing around it, at best of three: CPU us."""
    return min(_time_adwin() for _ in range(3))


def _time_adwin() -> float:
    values = np.random.default_rng(1).normal(size=VALUES).tolist()
    detector = ADWIN(delta=DELTA, clock=1)
    begun = time.process_time()
    for value in values:
        detector.update(value)
    return (time.process_time() - begun) / VALUES * 1e6
