"""Who takes part: how each is started, and what may be expected of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import driftline

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[1]
PEERS: Final = ROOT / "bench" / "peers"
OURS: Final = "driftline"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way of doing the work."""

    name: str
    command: Sequence[str]
    pairs: int
    """How many pairs a run has: enough to be measured, and not more than there is time for."""
    quick_pairs: int
    promises: str
    """What of its work survives a crash."""


def contestants(only: Sequence[str] = ()) -> list[Contestant]:
    """All, or those named, in the order in which they run."""
    every = [
        Contestant(OURS, (), 500_000, 100_000, "state and alerts as if nothing had died"),
        Contestant(
            "unsafe loop", _python("unsafe_loop"), 500_000, 100_000, "none: loses and repeats"
        ),
        Contestant(
            "Kafka Streams, at least once",
            _java("at_least_once"),
            500_000,
            200_000,
            "the join, with repeats; no detectors",
        ),
        Contestant(
            "Kafka Streams, exactly once",
            _java("exactly_once_v2"),
            500_000,
            200_000,
            "the join and its output; no detectors",
        ),
        Contestant(
            "Quix Streams", _python("quix_streams"), 200_000, 50_000, "the join; no detectors"
        ),
        Contestant("Bytewax", _bytewax(), 200_000, 50_000, "none without a recovery store"),
        Contestant(
            "plain Faust",
            (*_python("plain_faust"), "worker", "--loglevel=WARN"),
            40_000,
            20_000,
            "the join; no detectors",
        ),
    ]
    unknown = set(only) - {one.name for one in every}
    if unknown:
        message = f"no such contestant: {', '.join(sorted(unknown))}"
        raise ValueError(message)
    return [one for one in every if not only or one.name in only]


def _environment(name: str) -> Path:
    """The Python of a peer with dependencies of its own, made by `make bench`."""
    return ROOT / ".bench" / name / "bin" / "python"


def _python(module: str) -> tuple[str, ...]:
    own = _environment(module)
    python = str(own) if own.exists() else sys.executable
    return (python, "-m", f"bench.peers.{module}")


def _bytewax() -> tuple[str, ...]:
    return (str(_environment("bytewax")), "-m", "bytewax.run", "bench.peers.bytewax_flow")


def _java(guarantee: str) -> tuple[str, ...]:
    built = ROOT / ".bench" / "kafka-streams"
    classpath = f"{built / 'classes'}:{built / 'jars'}/*"
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return ("java", "-Xmx1g", quiet, "-cp", classpath, "bench.Peer", guarantee)


def start(
    command: Sequence[str], environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Run a contestant; what it prints goes to its log. driftline is the one that we run on."""
    ours = Path(driftline.__file__).parents[1]
    environ = {**os.environ, "PYTHONPATH": f"{ours}:{ROOT}:{ROOT / 'tests'}", **environment}
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command), env=environ, cwd=log.parent, stdout=output, stderr=output
        )
