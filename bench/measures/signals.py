"""What each further numeric signal with ADWIN costs."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.attached import Attached
from bench.machine import bare_adwin_microseconds
from bench.say import say
from bench.targets import SIGNAL
from bench.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.servers import Servers
    from bench.verdict import Verdict

ROUNDS: Final = 3
PAIRS: Final = 150_000
SIGNALS: Final = 10


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """The same records, with none of their features watched and with all of them: the median."""
    workload = Workload(PAIRS, features=SIGNALS)
    found = [_further(servers, directory, workload, number) for number in range(ROUNDS)]
    return [SIGNAL.measured(median(found))]


def _further(servers: Servers, directory: Path, workload: Workload, number: int) -> float:
    """Microseconds for each signal and prediction."""
    seconds = {
        count: _cpu_seconds(servers, directory, f"signals-{number}-{count}", workload, count)
        for count in (SIGNALS, 0)
    }
    each = (seconds[SIGNALS] - seconds[0]) / SIGNALS / workload.pairs * 1e6
    say(
        f"each further signal: {each:.2f} CPU us a prediction;"
        f" River's ADWIN alone takes {bare_adwin_microseconds():.2f}"
    )
    return each


def _cpu_seconds(
    servers: Servers, directory: Path, name: str, workload: Workload, count: int
) -> float:
    names = [f"f{number}" for number in range(count)]
    signals = ("error", *(f"feature.{name}" for name in names))
    changes: dict[str, Any] = {"watch": {name: {"detector": "adwin"} for name in signals}}
    topics = servers.make_topics(name)
    with Attached(servers, directory, name, topics, changes=changes, features=names) as attached:
        attached.start()
        servers.pour(topics, workload)
        return attached.until_done().cpu_seconds
