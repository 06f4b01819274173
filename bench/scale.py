"""`python -m bench.scale`: driftline alone, as instances, waiting predictions, signals grow."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.__main__ import prog_prefix, say
from bench.attached import Attached, Used
from bench.machine import describe_machine
from bench.servers import Servers, Topics, running
from bench.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAIRS: Final = 150_000
SIGNALS: Final = 10


def main() -> None:
    """Run the measurements asked for, or all."""
    every: Mapping[str, Callable[[Servers, Path], None]] = {
        "instances": instances,
        "waiting": waiting,
        "signals": signals,
        "workers": workers,
        "idle": idle,
    }
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(every), default=[])
    chosen = parser.parse_args()
    say(describe_machine())
    for name in chosen.only or every:
        # New servers for each, so that none finds another's topics and keys.
        with tempfile.TemporaryDirectory(prog_prefix()) as place, running(Path(place)) as servers:
            every[name](servers, Path(place))


def instances(servers: Servers, directory: Path) -> None:
    """The same rate over more and more instances of a split stream."""
    for models in (1, 100, 10_000):
        workload = Workload(PAIRS, models=models)
        topics = servers.write(f"instances-{models}", workload)
        with Attached(servers, directory, f"instances-{models}", topics) as attached:
            attached.start()
            cost = attached.until_done()
            attached.settle()
            per_instance = attached.redis_bytes() / models
        say(
            f"{models:,} instances: {_each(cost, workload):.1f} CPU us an event, worker"
            f" {cost.peak_bytes / 1e6:,.0f} MB, Redis {per_instance:,.0f} bytes an instance"
        )


def waiting(servers: Servers, directory: Path) -> None:
    """The same work beside more and more predictions that wait for a label."""
    for count in (10_000, 1_000_000):
        backlog, work = Workload(count, seed=2), Workload(PAIRS)
        topics = Topics(
            servers.make_topic(f"waiting-{count}.predictions"),
            servers.make_topic(f"waiting-{count}.labels"),
        )
        servers.send(topics.predictions, backlog.predictions(prefix="w"))
        changes = {"max_waiting": 10_000_000}
        with Attached(servers, directory, f"waiting-{count}", topics, changes=changes) as attached:
            attached.start()
            attached.until_done()
            attached.settle()
            each = attached.redis_bytes() / count
            attached.stop()
            servers.send(topics.predictions, work.predictions())
            servers.send(topics.labels, work.labels())
            attached.start()
            cost = attached.until_done()
        say(
            f"{count:,} waiting: {_each(cost, work):.1f} CPU us an event,"
            f" worker {cost.peak_bytes / 1e6:,.0f} MB, Redis {each:.0f} bytes a prediction"
        )


def signals(servers: Servers, directory: Path) -> None:
    """What each further numeric signal with ADWIN costs."""
    workload = Workload(PAIRS, features=SIGNALS)
    topics = servers.write("signals", workload)
    found = {}
    for count in (0, SIGNALS):
        names = [f"f{number}" for number in range(count)]
        changes: dict[str, Any] = {
            "watch": {
                name: {"detector": "adwin"}
                for name in ("error", *(f"feature.{name}" for name in names))
            }
        }
        with Attached(
            servers, directory, f"signals-{count}", topics, changes=changes, features=names
        ) as attached:
            attached.start()
            found[count] = attached.until_done().cpu_seconds
    each = (found[SIGNALS] - found[0]) / SIGNALS / workload.pairs * 1e6
    say(f"each further signal: {each:.2f} CPU us a prediction")


def workers(servers: Servers, directory: Path) -> None:
    """The same work by one worker process and by two."""
    workload = Workload(2 * PAIRS)
    topics = servers.write("workers", workload)
    for count in (1, 2):
        with ExitStack() as stack:
            attached = stack.enter_context(Attached(servers, directory, f"workers-{count}", topics))
            for _ in range(count):
                attached.start()
            cost = attached.until_done()
        say(
            f"{count} worker processes: {_each(cost, workload):.1f} CPU us an"
            f" event, {workload.records / cost.seconds:,.0f} events/s"
        )


def idle(servers: Servers, directory: Path) -> None:
    """What a worker uses that has nothing to do."""
    topics = servers.write("idle", Workload(8_000))
    with Attached(servers, directory, "idle", topics) as attached:
        attached.start()
        attached.until_done()
        attached.settle()
        share = attached.idle_share(seconds=20.0)
    say(f"an idle worker: {100 * share:.1f} % of a core")


def _each(cost: Used, workload: Workload) -> float:
    """Microseconds of CPU for an event."""
    return cost.cpu_seconds / workload.records * 1e6


if __name__ == "__main__":
    main()
