"""What the rounds came to, as a table."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from bench.contestants import OURS
from bench.heat import rates
from bench.targets import COMPARED, CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.contestants import Contestant
    from bench.heat import Cost
    from bench.verdict import Verdict


_HEAD: Final = (
    "who",
    "events/s",
    "least to most",
    "driftline is",
    "CPU s per million events",
    "broker",
    "Redis",
    "MB",
    "survives a crash",
)


def render(results: Mapping[Contestant, Sequence[Cost]]) -> str:
    """Medians over the rounds, the spread, and how driftline compares, as Markdown."""
    own = next((median(rates(costs)) for one, costs in results.items() if one.name == OURS), None)
    lines = [
        f"| {' | '.join(_HEAD)} |",
        "|---" * len(_HEAD) + "|",
    ]
    for contestant, costs in results.items():
        if not costs:
            lines.append(f"| {contestant.name} | disqualified | | | | | | | |")
            continue
        speed = rates(costs)
        ratio = "" if own is None or contestant.name == OURS else f"{own / median(speed):.2f} x"
        cells = [
            contestant.name,
            f"{median(speed):,.0f}",
            f"{min(speed):,.0f} to {max(speed):,.0f}",
            ratio,
            *(
                _per_million(costs, part)
                for part in (_own_cpu, lambda cost: cost.kafka_cpu, lambda cost: cost.redis_cpu)
            ),
            f"{max(cost.peak_bytes for cost in costs) / 1e6:,.0f}",
            contestant.promises,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def judge(results: Mapping[Contestant, Sequence[Cost]]) -> list[Verdict]:
    """What was to be reached against each of the others that ran, by medians over the rounds."""
    named = {one.name: costs for one, costs in results.items() if costs}
    own = named.get(OURS)
    if own is None:
        return []
    speed = median(rates(own))
    against = [
        target.measured(speed / median(rates(named[name])))
        for name, target in COMPARED.items()
        if name in named
    ]
    return [*against, CPU.measured(median(one.own_cpu / one.records * 1e6 for one in own))]


def _own_cpu(cost: Cost) -> float:
    return cost.own_cpu


def _per_million(costs: Sequence[Cost], part: Callable[[Cost], float]) -> str:
    return f"{median(part(cost) / cost.records * 1e6 for cost in costs):.1f}"
