"""`python -m bench`: everyone does the same work in turn, several times, and a table says how."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contestants import contestants
from bench.heat import Cost, DisqualifiedError, run
from bench.machine import describe_load, describe_machine
from bench.say import say
from bench.servers import running
from bench.table import judge, render
from bench.verdict import render_verdicts
from bench.workload import Workload

if TYPE_CHECKING:
    from bench.contestants import Contestant
    from bench.servers import Servers, Topics


def main() -> None:
    """Run the rounds, print the table."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round over less data")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="a contestant; repeatable")
    chosen = parser.parse_args()
    entrants = contestants(chosen.only)
    say(f"{describe_machine()}; {describe_load()}")
    results: dict[Contestant, list[Cost]] = {one: [] for one in entrants}
    with tempfile.TemporaryDirectory(prog_prefix()) as scratch, running(Path(scratch)) as servers:
        data = Data(servers, chosen.seed)
        for number in range(1 if chosen.quick else chosen.rounds):
            for one in entrants:
                pairs = one.quick_pairs if chosen.quick else one.pairs
                try:
                    cost = data.run(one, pairs, Path(scratch))
                except DisqualifiedError as error:
                    say(f"round {number + 1}: {one.name} is disqualified: {error}")
                    continue
                results[one].append(cost)
                say(
                    f"round {number + 1}: {one.name}: {cost.records / cost.seconds:,.0f} events/s,"
                    f" {cost.own_cpu / cost.records * 1e6:.1f} CPU s per million"
                )
    say(f"in the end {describe_load()}")
    say(render(results))
    say(render_verdicts(judge(results)))


class Data:
    """The workloads, each written once."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self._servers = servers
        self._seed = seed
        self._written: dict[int, tuple[Workload, Topics]] = {}

    def run(self, contestant: Contestant, pairs: int, directory: Path) -> Cost:
        """One heat over so many pairs."""
        if pairs not in self._written:
            workload = Workload(pairs, seed=self._seed)
            self._written[pairs] = (workload, self._servers.write(f"data-{pairs}", workload))
        workload, topics = self._written[pairs]
        return run(contestant, self._servers, topics, workload, directory)


def prog_prefix() -> str:
    """What the scratch directory's name ends with."""
    return "-driftline-bench"


if __name__ == "__main__":
    main()
