"""What a row costs the join, by what it meets and by how many come at a time.

Times are of all rows together; `rows` in a result's `extra_info` says how many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from driftline.eventlog.messages import Rows
from driftline.join import Join
from driftline.model import SECOND, InstanceKey, Role, SourcePartition
from driftline.monitor.state import InstanceCheckpoint
from driftline.store.plans import build_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.join import JoinDelta
    from driftline.store.commands import Plan

HOUR: Final = 3_600 * SECOND
BEGIN: Final = 1_700_000_000 * SECOND
STEP: Final = SECOND // 1_000
AT_A_TIME: Final = [1, 5, 500]
CHECKPOINT: Final = 5_000


def messages(role: Role, size: int, *, shift: int = 0) -> list[Rows]:
    """Messages of so many rows each; labels are five seconds behind their predictions."""
    rng = np.random.default_rng(1)
    delay = 5 * SECOND if role is Role.LABELS else 0
    made = []
    for first in range(shift, shift + (10_000 if size > 1 else 2_000), size):
        numbers = np.arange(first, first + size, dtype=np.int64)
        made.append(
            Rows(
                stream="s",
                role=role,
                source=SourcePartition(role.value, 0),
                first=first,
                next=first + size,
                seen_at=None,
                instances=(None,),
                instance_codes=np.zeros(size, np.int32),
                offsets=numbers,
                ids=tuple(f"00-{number:09d}" for number in numbers),
                times=BEGIN + numbers * STEP + delay,
                numbers={role.value.removesuffix("s"): rng.integers(0, 2, size).astype(float)},
            )
        )
    return made


def taken(*parts: Sequence[Rows]) -> Join:
    """A join that has been given these messages."""
    join = Join(horizon=HOUR, max_waiting=1_000_000)
    for part in parts:
        for rows in part:
            if rows.role is Role.PREDICTIONS:
                join.on_predictions(rows, {})
            else:
                join.on_labels(rows, {})
    return join


def measure(benchmark: Any, before: Sequence[Rows], rows: Sequence[Rows]) -> Join:
    """Time what these rows take in a join that has been given others before."""

    def prepare() -> tuple[tuple[Join], dict[str, Any]]:
        return (taken(before),), {}

    def run(join: Join) -> Join:
        take = join.on_predictions if rows[0].role is Role.PREDICTIONS else join.on_labels
        for one in rows:
            take(one, {})
        return join

    benchmark.extra_info["rows"] = sum(map(len, rows))
    join: Join = benchmark.pedantic(run, setup=prepare, rounds=30)
    return join


@pytest.mark.parametrize("size", AT_A_TIME)
def test_new_predictions(benchmark: Any, size: int) -> None:
    rows = messages(Role.PREDICTIONS, size)
    assert measure(benchmark, [], rows).waiting == sum(map(len, rows))


@pytest.mark.parametrize("size", AT_A_TIME)
def test_labels_of_what_waits(benchmark: Any, size: int) -> None:
    rows = messages(Role.LABELS, size)
    join = measure(benchmark, messages(Role.PREDICTIONS, size), rows)
    assert join.totals.joined == sum(map(len, rows))


@pytest.mark.parametrize("size", AT_A_TIME)
def test_early_labels(benchmark: Any, size: int) -> None:
    rows = messages(Role.LABELS, size)
    assert measure(benchmark, [], rows).early == sum(map(len, rows))


@pytest.mark.parametrize("size", AT_A_TIME)
def test_predictions_whose_labels_came_early(benchmark: Any, size: int) -> None:
    rows = messages(Role.PREDICTIONS, size)
    join = measure(benchmark, messages(Role.LABELS, size), rows)
    assert join.totals.joined == sum(map(len, rows))


def test_labels_half_of_which_come_early(benchmark: Any) -> None:
    rows = messages(Role.LABELS, 500, shift=5_250)
    join = measure(benchmark, messages(Role.PREDICTIONS, 500), rows)
    assert join.totals.joined == 4_750


def test_delta_and_plan(benchmark: Any) -> None:
    rows = messages(Role.PREDICTIONS, 500)[: CHECKPOINT // 500]

    def prepare() -> tuple[tuple[Join], dict[str, Any]]:
        return (taken(rows),), {}

    def run(join: Join) -> Plan:
        return build_plan(checkpoint(join.delta()))

    benchmark.extra_info["rows"] = CHECKPOINT
    plan = benchmark.pedantic(run, setup=prepare, rounds=50)
    assert plan.size > CHECKPOINT


def checkpoint(delta: JoinDelta) -> InstanceCheckpoint:
    """What is stored of an instance in which nothing but its join has changed."""
    return InstanceCheckpoint(
        instance=InstanceKey("s"),
        from_offset=1,
        to_offset=2,
        fields={"join": delta.state},
        entries=delta.entries,
        groups=delta.groups,
        groups_removed=delta.groups_removed,
    )
