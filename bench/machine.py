"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe_machine() -> str:
    """Processor, cores, memory, and the versions that matter, in a line."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Python {platform.python_version()},"
        f" River {version('river')}"
    )


def describe_load() -> str:
    """How busy the machine is: of a quiet one the first figure is that of the benchmark alone."""
    return "load over 1, 5, 15 minutes " + ", ".join(f"{one:.1f}" for one in os.getloadavg())
