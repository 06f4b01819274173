"""Equality: the alarms of driftline are those of River called directly on the same values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from driftline.config.deployment import Stream
from driftline.config.profiles import KINDS
from driftline.config.streams import StreamSpec
from driftline.model import Role
from driftline.recorded import build_timeline
from driftline.replay import Replay
from support.pipeline import Pipeline, Sent, WorkerProcess
from support.recorded_streams import (
    LABEL_DELAY,
    RECORDINGS,
    SHORT,
    Alarms,
    Recording,
    detector_files,
    expected_alarms,
    profile,
)
from support.verifier import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from driftline.config.deployment import Deployment
    from driftline.model import Alarm, InstanceKey
    from support.kafka_broker import KafkaBroker


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

    found = collect(alarm for effects in replay.run(timeline) for alarm in effects.alarms)
    assert replay.records == len(recording.rows) + len(recording.label_rows)
    assert found == expected_alarms([recording])
    assert found


@dataclass(frozen=True)
class Attached:
    """A deployment with a stream for each recording, whose topics hold all of it."""

    pipeline: Pipeline
    deployment: Deployment


@pytest.fixture
def attach(
    kafka: KafkaBroker, redis_url: str, make_topic: Callable[..., str], tmp_path: Path
) -> Callable[[Sequence[Recording]], Attached]:
    """One partition for each source topic, so that there is one order."""

    def attach(recordings: Sequence[Recording]) -> Attached:
        # Under its own name a killed worker comes back at once, without waiting for its session.
        settings = {"group_instance_id": "only"}
        pipeline = Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url, worker=settings)
        streams = {}
        for one in recordings:
            topics = [make_topic(f"{one.name}.predictions")]
            pipeline.send(topics[0], map(Sent, one.prediction_values()))
            if one.labels is not None:
                topics.append(make_topic(f"{one.name}.labels"))
                pipeline.send(topics[1], map(Sent, one.label_values()))
            streams[one.name] = one.declared(*topics)
        return Attached(pipeline, pipeline.declare(streams, detector_files()))

    return attach


async def test_alarms_through_kafka_and_redis_are_those_of_river(
    attach: Callable[[Sequence[Recording]], Attached],
) -> None:
    """Everything, with a clean stop and a restart in the middle: each alarm is raised just once."""
    attached = attach(RECORDINGS)
    pipeline, deployment = attached.pipeline, attached.deployment
    worker = WorkerProcess(deployment.directory)
    await worker.start()
    await pipeline.drained(deployment, share=0.4, watch=worker.ended)
    await worker.stop()
    await worker.start()
    await pipeline.drained(deployment, watch=worker.ended)
    await worker.stop()
    assert said(worker) == expected_alarms()


async def test_after_a_kill_alarms_are_those_of_river_and_the_state_is_that_of_the_log(
    attach: Callable[[Sequence[Recording]], Attached],
) -> None:
    """With a kill -9 in the middle: no alarm is missing, and none is there that River has not.

    What the events log comes to when it is applied anew, undisturbed, has to be River's word too,
    and, byte for byte, what is stored and published.
    """
    attached = attach(SHORT)
    pipeline, deployment = attached.pipeline, attached.deployment
    worker = WorkerProcess(deployment.directory)
    await worker.start()
    await pipeline.drained(deployment, share=0.3, watch=worker.ended)
    await worker.kill()
    await worker.start()
    await pipeline.read_again(deployment, watch=worker.ended)
    await worker.stop()

    expected = expected_alarms(SHORT)
    assert {profile(detector).spec.kind for _, _, detector in expected} == set(KINDS)
    # What was not yet stored is done again, and comes to the same.
    assert {key: sorted(set(values)) for key, values in said(worker).items()} == expected
    verified = await verify(pipeline, deployment)
    assert collect(verified.alarms) == expected


def said(worker: WorkerProcess) -> Alarms:
    """The alarms that a worker logged, as the oracle gives them."""
    found: Alarms = {}
    for line in worker.said("alarm"):
        key = (line["instance"], line["signal"], line["profile"])
        found.setdefault(key, []).append(line["values_seen"])
    return found


def collect(alarms: Iterable[tuple[InstanceKey, Alarm]]) -> Alarms:
    """The alarms as the oracle gives them."""
    found: Alarms = {}
    for instance, alarm in alarms:
        key = (instance.name, alarm.signal, alarm.profile)
        found.setdefault(key, []).append(alarm.values_seen)
    return found
