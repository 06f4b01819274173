# ruff: noqa: INP001, T201 - a script, which prints
"""Measures the shipped detector profiles: false alarms, delays and cost, as a Markdown table.

    python scripts/false_alarms.py                 # all, some ten minutes
    python scripts/false_alarms.py adwin ddm       # some
    python scripts/false_alarms.py --river         # River's own defaults, not the shipped ones

False alarms are counted on stationary series (standard normal values, watched as an unbounded
signal; Bernoulli values with p = .1 and .3, watched as a binary one), each cut into runs of 100,000
values that begin with a new detector. Delays are mean numbers of values from a change to the first
alarm after it; a share in brackets says how many of the runs alarmed at all within as many values
as came before the change, when not all did.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.config.profiles import DETECTOR_SPEC, SHIPPED, Profile
from driftline.detectors import Witness
from driftline.detectors.shipped import shipped_profile
from driftline.model import Level, SignalKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Series = Callable[[np.random.Generator, int], NDArray[np.float64]]

RUN: Final = 100_000
SEED: Final = 20_260_101


def normal(mean: float) -> Series:
    """Normal values with deviation 1."""
    return lambda rng, count: rng.normal(mean, 1.0, count)


def bernoulli(share: float) -> Series:
    """So large a share of 1 among 0."""
    return lambda rng, count: (rng.random(count) < share).astype(np.float64)


STATIONARY: Final = {
    "N(0,1)": (SignalKind.UNBOUNDED, normal(0.0)),
    "p=.1": (SignalKind.BINARY, bernoulli(0.1)),
    "p=.3": (SignalKind.BINARY, bernoulli(0.3)),
}
CHANGES: Final = {
    "N +1 sd": (SignalKind.UNBOUNDED, normal(0.0), normal(1.0)),
    ".1 to .2": (SignalKind.BINARY, bernoulli(0.1), bernoulli(0.2)),
    ".2 to .5": (SignalKind.BINARY, bernoulli(0.2), bernoulli(0.5)),
}


RIVER: Final[dict[str, dict[str, Any]]] = {
    "adwin": {"clock": 32},
    "page-hinkley": {"delta": 0.005, "threshold": 50.0, "alpha": 0.9999},
    "kswin": {"alpha": 0.005, "window_size": 100, "stat_size": 30},
    "ddm": {"warm_start": 30},
    "eddm": {"warm_start": 30, "alpha": 0.95, "beta": 0.9},
    "hddm-a": {"drift_confidence": 0.001, "warning_confidence": 0.005},
    "hddm-w": {"drift_confidence": 0.001, "warning_confidence": 0.005, "lambda_val": 0.05},
    "fhddm": {"sliding_window_size": 100, "confidence_level": 1e-6},
}
"""River's own defaults where they differ from the shipped profiles."""


def rivers_profile(name: str) -> Profile:
    """A profile with the parameters that River's constructor has by default."""
    return Profile(name, DETECTOR_SPEC.validate_python({"kind": name, **RIVER[name]}))


def takes(profile: Profile, kind: SignalKind) -> bool:
    """Whether the detector may watch such a signal."""
    return kind is SignalKind.BINARY or not profile.spec.binary_only


def drifts(profile: Profile, kind: SignalKind, values: NDArray[np.float64]) -> Iterator[int]:
    """The ordinals of the values at which a new detector alarms."""
    for found in Witness(profile, kind).feed(values):
        if found.level is Level.DRIFT:
            yield found.values_seen


def false_alarms(profile: Profile, kind: SignalKind, series: Series, runs: int) -> str:
    """How many alarms per 100,000 values, and from how many that is known."""
    alarms = 0
    for run in range(runs):
        rng = np.random.default_rng([SEED, run])
        alarms += sum(1 for _ in drifts(profile, kind, series(rng, RUN)))
    return f"{alarms / runs:.2f} ({alarms} in {runs * RUN // 1000:,}k)"


def delay(
    profile: Profile, kind: SignalKind, before: Series, after: Series, *, runs: int, at: int
) -> str:
    """The mean number of values from the change to the first alarm at or after it."""
    delays = []
    for run in range(runs):
        rng = np.random.default_rng([SEED, 1, run])
        values = np.concatenate((before(rng, at), after(rng, at)))
        first = next((seen - at for seen in drifts(profile, kind, values) if seen > at), None)
        if first is not None:
            delays.append(first)
    if not delays:
        return "none"
    share = "" if len(delays) == runs else f" ({len(delays) / runs:.1f})"
    return f"{np.mean(delays):,.0f}{share}"


def cost(profile: Profile, count: int) -> str:
    """Microseconds per value, all of the witness's work included; the best of three."""
    kind, series = STATIONARY["p=.1" if profile.spec.binary_only else "N(0,1)"]
    values = series(np.random.default_rng(SEED), count)
    best = float("inf")
    for _ in range(3):
        witness = Witness(profile, kind)
        start = time.perf_counter()
        witness.feed(values)
        best = min(best, time.perf_counter() - start)
    return f"{best / count * 1e6:.2f}"


def row(profile: Profile, runs: int) -> str:
    """One profile's line of the table."""
    slow = profile.spec.kind == "kswin"
    runs = max(1, runs // 10) if slow else runs
    cells = [
        false_alarms(profile, kind, series, runs) if takes(profile, kind) else ""
        for kind, series in STATIONARY.values()
    ]
    cells += [
        delay(profile, kind, before, after, runs=3 if slow else 10, at=2_000 if slow else 10_000)
        if takes(profile, kind)
        else ""
        for kind, before, after in CHANGES.values()
    ]
    return f"| {profile.name} | {' | '.join(cells)} | {cost(profile, 2_000 if slow else RUN)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profiles", nargs="*", default=SHIPPED, help="shipped profiles")
    parser.add_argument("--runs", type=int, default=30, help="of 100,000 values; kswin a tenth")
    parser.add_argument("--river", action="store_true", help="River's own defaults")
    arguments = parser.parse_args()
    heads = [*STATIONARY, *(f"delay {name}" for name in CHANGES), "us/value"]
    print(f"| profile | {' | '.join(heads)} |")
    print(f"|---{'|---' * len(heads)}|")
    for name in arguments.profiles:
        profile = rivers_profile(name) if arguments.river else shipped_profile(name)
        print(row(profile, arguments.runs), flush=True)


if __name__ == "__main__":
    main()
