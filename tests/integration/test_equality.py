"""Equality: the alarms of driftline are those of River called directly on the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.deployment import Stream
from driftline.config.profiles import KINDS
from driftline.config.streams import StreamSpec
from driftline.model import Role
from driftline.recorded import build_timeline
from driftline.replay import Replay
from support.recorded_streams import (
    LABEL_DELAY,
    RECORDINGS,
    Alarms,
    Recording,
    detector_files,
    expected_alarms,
    profile,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_every_kind_of_detector_alarms_in_the_recordings() -> None:
    """Equality of empty lists would prove nothing."""
    alarmed = {profile(detector).spec.kind for _, _, detector in expected_alarms()}
    assert alarmed == set(KINDS)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda one: one.name)
def test_alarms_of_a_replay_are_those_of_river(recording: Recording, tmp_path: Path) -> None:
    """All of them, of every detector on every signal, by the values it had been given."""
    profiles = {name: profile(name) for name in detector_files()}
    spec = StreamSpec.model_validate(recording.declared())
    stream = Stream.build(recording.name, spec, profiles)
    predictions, labels = recording.write_csv(tmp_path)
    names = {Role.PREDICTIONS: predictions.name}
    if labels is not None:
        names[Role.LABELS] = labels.name
    replay = Replay(stream, names, on_refused=lambda refused: pytest.fail(str(refused[0])))
    delay = LABEL_DELAY if labels is not None else None
    timeline = build_timeline(stream, predictions, labels, label_delay=delay)

    found: Alarms = {}
    for effects in replay.run(timeline):
        for instance, alarm in effects.alarms:
            key = (instance.name, alarm.signal, alarm.profile)
            found.setdefault(key, []).append(alarm.values_seen)
    assert replay.records == len(recording.rows) + len(recording.label_rows)
    assert found == expected_alarms([recording])
    assert found
