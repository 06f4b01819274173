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

ROUNDS: Final = 3
"""The least of them counts, as a busy host only adds."""
PAIRS: Final = 150_000
SIGNALS: Final = 10


def measure(servers: Servers, directory: Path) -> Sequence[Verdict]:
    """The same records, with none of their features watched and with all of them."""
    workload = Workload(PAIRS, features=SIGNALS)
    rounds = [_round(servers, directory, workload, number) for number in range(ROUNDS)]
    without, watched = map(min, zip(*rounds, strict=True))
    return [SIGNAL.measured((watched - without) / SIGNALS)]


def _round(
    servers: Servers, directory: Path, workload: Workload, number: int
) -> tuple[float, float]:
    """Microseconds for each prediction, with none of its features watched and with all."""
    without, watched = (
        _cpu_seconds(servers, directory, f"signals-{number}-{count}", workload, count)
        / workload.pairs
        * 1e6
        for count in (0, SIGNALS)
    )
    say(
        f"{without:.1f} CPU us a prediction, {watched:.1f} with {SIGNALS} further signals: each"
        f" {(watched - without) / SIGNALS:.2f}; River's ADWIN alone takes"
        f" {bare_adwin_microseconds():.2f}"
    )
    return without, watched


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
