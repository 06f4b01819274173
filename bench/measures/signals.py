"""What each further numeric signal with ADWIN costs."""

from __future__ import annotations

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

PAIRS: Final = 150_000
SIGNALS: Final = 10


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """The same records, with none of their features watched and with all of them."""
    workload = Workload(PAIRS, features=SIGNALS)
    each = (
        _cpu_seconds(servers, directory, workload, SIGNALS)
        - _cpu_seconds(servers, directory, workload, 0)
    ) / SIGNALS
    say(
        f"each further signal: {each / workload.pairs * 1e6:.2f} CPU us a prediction;"
        f" River's ADWIN alone takes {bare_adwin_microseconds():.2f}"
    )
    return [SIGNAL.measured(each / workload.pairs * 1e6)]


def _cpu_seconds(servers: Servers, directory: Path, workload: Workload, count: int) -> float:
    names = [f"f{number}" for number in range(count)]
    signals = ("error", *(f"feature.{name}" for name in names))
    changes: dict[str, Any] = {"watch": {name: {"detector": "adwin"} for name in signals}}
    topics = servers.make_topics(f"signals-{count}")
    with Attached(
        servers, directory, f"signals-{count}", topics, changes=changes, features=names
    ) as attached:
        attached.start()
        servers.pour(topics, workload)
        return attached.until_done().cpu_seconds
