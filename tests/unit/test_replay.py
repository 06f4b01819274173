"""A replay drives the same monitor over files: the same alarms, by event time alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from driftline.model import SECOND, Role, SignalKind
from driftline.monitor.effects import Effects
from driftline.recorded.timeline import build_timeline
from driftline.replay import Replay
from support.monitor_log import PROFILES, START, World, build_stream
from support.river_oracle import river_alarms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from driftline.intake import Refused

STREAM = build_stream()


def write(path: Path, values: Iterable[Mapping[str, Any]]) -> Path:
    """The values as JSON lines."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def replayed(
    predictions: Path, labels: Path | None, refused: list[Refused] | None = None
) -> tuple[Replay, Effects]:
    """A replay that has run."""

    def keep(some: Sequence[Refused]) -> None:
        if refused is not None:
            refused.extend(some)

    names = {Role.PREDICTIONS: predictions.name}
    if labels is not None:
        names[Role.LABELS] = labels.name
    replay, effects = Replay(STREAM, names, on_refused=keep), Effects()
    for one in replay.run(build_timeline(STREAM, predictions, labels)):
        effects.add(one)
    return replay, effects


@pytest.fixture(scope="module")
def world() -> World:
    """What is replayed."""
    return World()


@pytest.fixture
def files(tmp_path: Path, world: World) -> tuple[Path, Path]:
    """The world's predictions and labels."""
    return (
        write(tmp_path / "said.jsonl", world.predictions),
        write(tmp_path / "known.jsonl", world.labels),
    )


def test_alarms_are_those_of_river_and_name_the_row(files: tuple[Path, Path], world: World) -> None:
    """The topic is the file's name, the offset the row."""
    replay, effects = replayed(*files)
    values = [one["amount"] for one in world.predictions if "amount" in one]
    rows = [row for row, one in enumerate(world.predictions) if "amount" in one]
    ours = [alarm for _, alarm in effects.alarms if alarm.signal == "feature.amount"]
    for profile in ("adwin", "page"):
        mine = [alarm for alarm in ours if alarm.profile == profile]
        seen = [alarm.values_seen for alarm in mine]
        assert seen == river_alarms(PROFILES[profile], SignalKind.UNBOUNDED, values) != []
        for alarm in mine:
            row = rows[alarm.values_seen - 1]
            trigger = alarm.trigger
            assert (trigger.topic, trigger.partition, trigger.offset) == ("said.jsonl", 0, row)
    assert {alarm.trigger.topic for _, alarm in effects.alarms if alarm.signal == "error"} == {
        "known.jsonl"
    }
    (instance,) = replay.monitor.instances
    assert instance.outcomes["joined"] == len(world.labels)
    assert replay.records == len(world.predictions) + len(world.labels)


def test_the_end_of_the_files_is_the_end_of_time(files: tuple[Path, Path], world: World) -> None:
    """Event time is that of the newest record, though labels go on longer than predictions."""
    replay, _ = replayed(*files)
    newest = max(one["at"] for one in world.labels)
    assert replay.monitor.watermark("churn") > START + (world.count - 1) * SECOND
    assert newest > max(one["at"] for one in world.predictions)


def test_two_runs_tell_the_same(files: tuple[Path, Path]) -> None:
    """To the byte."""
    (_, one), (_, other) = replayed(*files), replayed(*files)
    assert one.events == other.events != []
    assert one.alarms == other.alarms


def test_a_file_in_any_order_is_replayed_in_the_order_of_time(
    tmp_path: Path, files: tuple[Path, Path], world: World
) -> None:
    """Sorted by event time first."""
    turned = write(tmp_path / "turned.jsonl", reversed(world.predictions))
    (_, one), (_, other) = replayed(*files), replayed(turned, files[1])
    seen = [[(a.signal, a.profile, a.values_seen) for _, a in run.alarms] for run in (one, other)]
    assert seen[0] == seen[1]


def test_without_labels_time_does_not_wait_for_them(files: tuple[Path, Path]) -> None:
    """What needs no label is watched all the same, and predictions expire."""
    replay, effects = replayed(files[0], None)
    assert {alarm.signal for _, alarm in effects.alarms} >= {"feature.amount", "feature.country"}
    assert replay.monitor.watermark("churn") >= START


def test_what_is_refused_is_handed_out_and_the_rest_goes_on(
    tmp_path: Path, files: tuple[Path, Path], world: World
) -> None:
    """With the row that was bad."""
    spoilt = [dict(one) for one in world.predictions]
    spoilt[700]["said"] = {"no": "class"}
    refused: list[Refused] = []
    replay, _ = replayed(write(tmp_path / "spoilt.jsonl", spoilt), files[1], refused)
    assert [one.record.offset for one in refused] == [700]
    (instance,) = replay.monitor.instances
    assert instance.row_fates[Role.PREDICTIONS, "applied"] == world.count - 1


def test_an_event_tells_the_moment_it_was_decided_at(files: tuple[Path, Path]) -> None:
    """Labels are counted up to the record that set it off; a file has no reader's clock."""
    _, effects = replayed(*files)
    events = [json.loads(event.value)["data"] for event in effects.events]
    firing = [one for one in events if one["signal"] == "error" and one["revision"] == 1]
    assert firing
    for one in firing:
        assert one["labels"]["joined"] == one["trigger"]["values_seen"]
    assert all(one["seen_at"] is None for one in events)
