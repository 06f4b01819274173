"""`python -m bench.scale`: driftline alone, as instances, waiting predictions, signals grow."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.__main__ import prog_prefix
from bench.machine import describe_load, describe_machine
from bench.measures import idle, instances, latency, replay, signals, start, waiting, workers
from bench.say import say
from bench.servers import running
from bench.verdict import render_verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.servers import Servers
    from bench.verdict import Verdict


def main() -> None:
    """Run the measurements asked for, or all."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(MEASURES), default=[])
    chosen = parser.parse_args()
    say(f"{describe_machine()}; {describe_load()}")
    verdicts: list[Verdict] = []
    for name in chosen.only or MEASURES:
        with tempfile.TemporaryDirectory(prog_prefix()) as place:
            verdicts += MEASURES[name](Path(place))
    say(f"in the end {describe_load()}")
    say(render_verdicts(verdicts))


def _served(
    measure: Callable[[Servers, Path], Sequence[Verdict]],
) -> Callable[[Path], Sequence[Verdict]]:
    """With servers of its own, so that it finds no other's topics and keys."""

    def run(directory: Path) -> Sequence[Verdict]:
        with running(directory) as servers:
            return measure(servers, directory)

    return run


MEASURES: Final[Mapping[str, Callable[[Path], Sequence[Verdict]]]] = {
    "workers": _served(workers.measure),
    "instances": _served(instances.measure),
    "signals": _served(signals.measure),
    "waiting": _served(waiting.measure),
    "latency": _served(latency.measure),
    "start": _served(start.measure),
    "replay": replay.measure,
    "idle": _served(idle.measure),
}


if __name__ == "__main__":
    main()
