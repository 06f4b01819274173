"""The steps of an event's way, each over the same batches. Times are of all records together."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.workload import DELTA
from driftline.config.profiles import AdwinSpec, PageHinkleySpec, Profile
from driftline.detectors import Witness
from driftline.eventlog.codec import decode, encode
from driftline.eventlog.messages import Rows
from driftline.join import Join
from driftline.model import SECOND, Role, SignalKind
from driftline.store.plans import build_plan

if TYPE_CHECKING:
    from bench.micro.material import Material
    from driftline.monitor.partition import PartitionMonitor
    from driftline.monitor.state import Step

HOUR = 3_600 * SECOND


def test_decode(benchmark: Any, material: Material) -> None:
    readers = {role: material.reader(role) for role in Role}

    def run() -> int:
        return sum(
            readers[batch.role].read(batch.passed, batch.records, seen_at=material.seen_at).rows
            for batch in material.batches
        )

    assert benchmark(run) == material.records


def test_events_log_encode(benchmark: Any, material: Material) -> None:
    messages = [one for part in material.messages for one in part]
    assert len(benchmark(lambda: [encode(one) for one in messages])) == len(messages)


def test_events_log_decode(benchmark: Any, material: Material) -> None:
    assert len(benchmark(lambda: [decode(one) for one in material.blobs])) == len(material.blobs)


def test_join(benchmark: Any, material: Material) -> None:
    rows = [one for part in material.messages for one in part if isinstance(one, Rows)]

    def run() -> int:
        join = Join(horizon=HOUR, max_waiting=1_000_000)
        for one in rows:
            if one.role is Role.PREDICTIONS:
                join.on_predictions(one, {})
            else:
                join.on_labels(one, {})
        return join.totals.joined

    assert benchmark(run) == material.records // 2


def test_monitor(benchmark: Any, material: Material) -> None:
    assert benchmark(lambda: sum(_applied(material, part)[0] for part in range(4))) > 0


def test_checkpoint(benchmark: Any, material: Material) -> None:
    def prepare() -> tuple[tuple[PartitionMonitor], dict[str, Any]]:
        return (_applied(material, 0)[1],), {}

    def run(monitor: PartitionMonitor) -> Step:
        step = monitor.checkpoint()
        for one in step.instances:
            build_plan(one)
        return step

    step = benchmark.pedantic(run, setup=prepare, rounds=20)
    assert sum(len(one.entries) for one in step.instances) > 0


def _applied(material: Material, partition: int) -> tuple[int, PartitionMonitor]:
    monitor = material.monitor(partition)
    monitor.apply_all(enumerate(material.messages[partition]))
    return monitor.pending_rows, monitor


@pytest.mark.parametrize("kind", ["adwin", "page-hinkley"])
def test_detector(benchmark: Any, kind: str) -> None:
    adwin = AdwinSpec(kind="adwin", delta=DELTA, clock=1)
    spec = adwin if kind == "adwin" else PageHinkleySpec(kind="page-hinkley")
    values = np.random.default_rng(1).normal(size=20_000)

    def run() -> int:
        witness = Witness(Profile(kind, spec), SignalKind.UNBOUNDED)
        witness.feed(values)
        return witness.seen

    assert benchmark(run) == len(values)


def test_witness_state(benchmark: Any) -> None:
    profile = Profile("adwin", AdwinSpec(kind="adwin", delta=DELTA, clock=1))
    witness = Witness(profile, SignalKind.BINARY)
    witness.feed((np.random.default_rng(1).random(20_000) < 0.1).astype(np.float64))
    assert len(benchmark(witness.snapshot)) > struct.calcsize("<d")
