"""One run of one contestant over one workload: what it took, and that its answer was right."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench import ours
from bench.contestants import OURS, start
from bench.following import values_of
from bench.processes import usage
from bench.workload import DELTA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.contestants import Contestant
    from bench.servers import Servers, Topics
    from bench.workload import Workload

PATIENCE_SECONDS: Final = 300.0
_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Cost:
    """What the records between the first alarm and the last one took."""

    records: int
    seconds: float
    own_cpu: float
    kafka_cpu: float
    redis_cpu: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at a moment."""

    seconds: float
    own_cpu: float
    kafka_cpu: float
    redis_cpu: float
    peak_bytes: int


class DisqualifiedError(Exception):
    """A contestant did not give the right answer, or none in time."""


def run(
    contestant: Contestant, servers: Servers, topics: Topics, workload: Workload, directory: Path
) -> Cost:
    """Run a contestant until it has said the last alarm.

    Raises:
        DisqualifiedError: its alarms are not those of River.
    """
    name = f"bench-{os.getpid()}-{next(_serial)}"
    place = directory / name
    place.mkdir()
    servers.empty_redis()
    is_ours = contestant.name == OURS
    alarms = f"{name}.alerts" if is_ours else servers.make_topic(f"{name}.alarms", partitions=1)
    command = contestant.command
    if is_ours:
        ours.declare(place, name, servers, topics, delta=DELTA)
        command = ours.command(place)
    environment = {
        "BENCH_KAFKA": servers.kafka.bootstrap,
        "BENCH_REDIS": servers.redis.url,
        "BENCH_PREDICTIONS": topics.predictions,
        "BENCH_LABELS": topics.labels,
        "BENCH_ALARMS": alarms,
        "BENCH_GROUP": name,
        "BENCH_DIRECTORY": str(place),
        "BENCH_DELTA": str(DELTA),
    }
    process = start(command, environment, place / "output.log")
    watch = Watch(process, servers, workload, place / "output.log", is_ours=is_ours)
    try:
        found = watch.until_last(alarms)
    finally:
        _end(process)
    if is_ours:
        ours.check(ours.stored_alarms(servers.redis.url, name), workload.alarms)
    elif found != {model: list(alarms) for model, alarms in workload.alarms.items()}:
        message = f"{contestant.name}: alarms {found}, and should be {workload.alarms}"
        raise DisqualifiedError(message)
    return watch.cost()


class Watch:
    """Looks on while a contestant works, and reads the clocks at the first and the last alarm."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        servers: Servers,
        workload: Workload,
        log: Path,
        *,
        is_ours: bool,
    ) -> None:
        self._process = process
        self._servers = servers
        self._workload = workload
        self._log = log
        self._is_ours = is_ours
        self._begin: Reading | None = None
        self._end: Reading | None = None

    def until_last(self, topic: str) -> dict[str, list[int]]:
        """The alarms by model, as soon as each model's last one is there."""
        found: dict[str, list[int]] = {}
        missing = {(model, alarms[-1]) for model, alarms in self._workload.alarms.items()}
        deadline = time.monotonic() + PATIENCE_SECONDS
        for value in values_of(self._servers.kafka.bootstrap, topic):
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-3000:]
                message = f"ended, or not done in time; {found}, still missing {missing}:\n{tail}"
                raise DisqualifiedError(message)
            alarm = None
            if value is not None:
                alarm = ours.opened_by(value) if self._is_ours else _alarm(json.loads(value))
            if alarm is not None:
                self._begin = self._begin or self._read()
                found.setdefault(alarm[0], []).append(alarm[1])
                missing.discard(alarm)
            if not missing:
                break
        self._end = self._read()
        return found

    def _read(self) -> Reading:
        used = usage(self._process.pid)
        return Reading(
            time.monotonic(), used.cpu_seconds, *self._servers.cpu_seconds(), used.peak_bytes
        )

    def cost(self) -> Cost:
        """What it took from the first alarm to the last one."""
        begin, end = self._begin, self._end
        assert begin is not None  # noqa: S101 - asked after `until_last`
        assert end is not None  # noqa: S101
        return Cost(
            self._workload.records_between,
            end.seconds - begin.seconds,
            end.own_cpu - begin.own_cpu,
            end.kafka_cpu - begin.kafka_cpu,
            end.redis_cpu - begin.redis_cpu,
            end.peak_bytes,
        )


def _alarm(said: Mapping[str, Any]) -> tuple[str, int]:
    return said["model"], said["values_seen"]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def rates(costs: Sequence[Cost]) -> list[float]:
    """Events per second of each."""
    return [cost.records / cost.seconds for cost in costs]
