"""The main job through real Kafka and Redis: what comes in, what becomes of it, what is stored."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.alerts.event import read_event
from driftline.config.deployment import Stream
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.config.streams import StreamSpec
from driftline.decode import RejectCode
from driftline.decode.dead_letter import parse_dead_letter
from driftline.errors import SupersededError
from driftline.eventlog.routing import events_partition
from driftline.model import InstanceKey, Role, SignalKind
from driftline.monitor.summary import InstanceSummary, read_summary
from driftline.recorded import build_timeline
from driftline.replay import Replay
from driftline.transport.address import KafkaAddress
from driftline.transport.topics import TopicAdmin
from support.bad_inputs import BAD_INPUTS, NOW, STREAMS, Input, fields
from support.pipeline import Pipeline, Sent, WorkerProcess, stream_states
from support.river_oracle import river_alarms
from support.verifier import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from driftline.config.deployment import Deployment
    from driftline.store.protocol import Store
    from support.kafka_broker import KafkaBroker

DAY = 86_400_000
ADWIN = {"kind": "adwin"}
QUICK = {"kind": "adwin", "delta": 0.05, "warm_up": 50}
"""Alarms within few values."""
PREDICTIONS, LABELS = Role.PREDICTIONS, Role.LABELS


@pytest.fixture
def pipeline(kafka: KafkaBroker, redis_url: str, tmp_path: Path) -> Pipeline:
    """A deployment of this test's own."""
    return Pipeline(tmp_path / "deployment", kafka.bootstrap, redis_url)


def loans(topic: str, labels: str | None, **changes: Any) -> dict[str, Any]:
    """A stream whose records carry their event time in milliseconds."""
    spec: dict[str, Any] = {
        "task": "binary",
        "positive": 1,
        "predictions": {
            "topic": topic,
            "start": "earliest",
            "id": "id",
            "time": {"path": "at", "unit": "ms"},
            "prediction": "y",
            "score": "p",
            "features": ["x"],
        },
        "watch": {"score": {"detector": "quick"}},
    }
    if labels is not None:
        spec["labels"] = {
            "topic": labels,
            "start": "earliest",
            "id": "id",
            "time": {"path": "at", "unit": "ms"},
            "label": "truth",
            "horizon": "10d",
        }
        spec["watch"]["error"] = {"detector": "quick"}
    return spec | changes


def record(**fields: Any) -> Sent:
    """A JSON record; its `at` is event time, Kafka's own timestamp is now."""
    return Sent(json.dumps(fields).encode())


def prediction(id_: str, at: int = NOW, **more: Any) -> Sent:
    """A prediction of class 1."""
    return record(**{"id": id_, "at": at, "y": 1, "p": 0.5, "x": 1.0, **more})


def label(id_: str, at: int = NOW, truth: int = 1, **more: Any) -> Sent:
    """A label."""
    return record(id=id_, at=at, truth=truth, **more)


async def summary(store: Store, instance: str) -> InstanceSummary:
    """What is stored of an instance to be shown."""
    stored = await store.load_instance(InstanceKey.parse(instance))
    assert stored is not None
    return read_summary(stored.fields["summary"])


async def books_of(pipeline: Pipeline, deployment: Deployment) -> dict[str, Counter[str]]:
    """What became of every offset, by stream, added up from the stored books.

    Each source partition's balance is checked on the way, in every events partition.
    """
    count = deployment.settings.topics.events_partitions
    totals: dict[str, Counter[str]] = {}
    async with pipeline.store() as store:
        partitions = [await stream_states(store, partition) for partition in range(count)]
        for name, stream in deployment.streams.items():
            applied: Counter[tuple[str, str]] = Counter()
            total = totals[name] = Counter()
            for key in await store.list_instances(name):
                for source, one in (await summary(store, key.name)).books.items():
                    applied[source, "applied"] += one.applied
                    applied[source, "duplicate"] += one.duplicates
            total["suspended"] = sum(states[name].suspended_rows for states in partitions)
            total["refused"] = sum(states[name].refused for states in partitions)
            for role in Role:
                attached = stream.spec.source(role)
                topic = attached.topic if attached is not None else ""
                for partition, end in pipeline.ends(topic).items() if topic else ():
                    place = f"{topic}/{partition}"
                    books = [states[name].books.sources[role.value][place] for states in partitions]
                    assert all(one == books[0] for one in books)
                    assert books[0].passed == books[0].next_offset == end
                    total["dead-lettered"] += books[0].dead_lettered
                    total["filtered"] += books[0].filtered
                    total["gaps"] += sum(books[0].gaps.values())
                    total["passed"] += books[0].passed
            for (_, fate), rows in applied.items():
                total[fate] += rows
    for total in totals.values():
        parts = ("applied", "duplicate", "dead-lettered", "filtered", "suspended", "refused")
        assert total["passed"] == sum(total[part] for part in parts) + total["gaps"]
    return totals


# -- bad input --


def wrong_whenever_read() -> list[Input]:
    """The named bad inputs that do not depend on the reader's clock, nor on the broker's."""
    return [
        bad
        for bad in BAD_INPUTS
        if bad.timestamp == NOW
        and (bad.code is not RejectCode.TIME_TOO_FAR_AHEAD or "9999" in bad.name)
    ]


def good(stream: str, role: Role, number: int) -> Sent:
    """A good record with an id of its own."""
    id_ = f"good-{number}"
    if stream == "rent":
        header = ("rooms", b"3") if role is PREDICTIONS else ("paid", b"1769846390")
        return Sent(fields(stream, role), id_.encode(), (header,), NOW)
    if stream == "wine":
        meta = {"id": id_} | ({"ts": NOW - 1_000} if role is PREDICTIONS else {})
        return Sent(fields(stream, role, meta=json.dumps(meta)), timestamp=NOW)
    return Sent(fields(stream, role, id=json.dumps(id_)), timestamp=NOW)


def among_good_ones(stream: str, role: Role, count: int) -> Iterator[Sent]:
    """`count` good records, the stream's bad ones each between two of them."""
    bad = [one for one in wrong_whenever_read() if (one.stream, one.role) == (stream, role)]
    for number in range(count):
        yield good(stream, role, number)
        if number < len(bad):
            one = bad[number]
            yield Sent(one.value, one.key, one.headers, one.timestamp)


async def test_bad_records_are_set_aside_whole_and_the_others_go_on(
    pipeline: Pipeline, make_topic: Callable[..., str]
) -> None:
    """A named bad input is a dead letter with its bytes, key, headers and code; good ones join."""
    bad = wrong_whenever_read()
    assert len(bad) > 350
    count = 1 + max(Counter((one.stream, one.role) for one in bad).values())
    streams: dict[str, dict[str, Any]] = {}
    topics: dict[str, tuple[str, Role]] = {}
    for name, spec in STREAMS.items():
        written = spec.model_dump(mode="json", exclude_unset=True)
        for role in Role:
            topic = make_topic(f"{name}.{role}")
            topics[topic] = (name, role)
            written[role.value] |= {"topic": topic, "start": "earliest"}
            pipeline.send(topic, among_good_ones(name, role, count))
        signal = "loss.absolute" if name == "rent" else "error"
        streams[name] = written | {"watch": {signal: {"detector": "adwin"}}}
    deployment = pipeline.declare(streams, {"adwin": ADWIN})

    async with pipeline.running(pipeline.build_worker(deployment)) as task:
        await pipeline.drained(deployment, watch=task)

    letters: dict[tuple[str, Role], list[tuple[object, ...]]] = {}
    for one in pipeline.read(deployment.settings.dead_letters_topic):
        letter = parse_dead_letter(one.key, one.value, one.headers)
        assert topics[letter.source.topic] == (letter.stream, letter.role)
        assert letter.offset % 2 == 1, "bad ones stand between good ones"
        letters.setdefault((letter.stream, letter.role), []).append(
            (letter.offset, letter.code, letter.key, letter.value, letter.headers)
        )
    for stream, role in topics.values():
        ours = [one for one in bad if (one.stream, one.role) == (stream, role)]
        assert letters[stream, role] == [
            (2 * number + 1, one.code.value if one.code else None, one.key, one.value, one.headers)
            for number, one in enumerate(ours)
        ]
    totals = await books_of(pipeline, deployment)
    for name in STREAMS:
        assert totals[name]["dead-lettered"] == sum(one.stream == name for one in bad)
        assert totals[name]["applied"] == 2 * count
    async with pipeline.store() as store:
        for name in ("loan", "wine", "rent/Linz"):
            assert (await summary(store, name)).join.joined == count
    await verify(pipeline, deployment)


# -- the join --


async def test_every_label_has_the_outcome_that_its_time_gives_it(
    pipeline: Pipeline, make_topic: Callable[..., str]
) -> None:
    """Joined, early, duplicate, corrected, expired, orphaned: each is counted as what it is."""
    topic, labels = make_topic("predictions"), make_topic("labels")
    deployment = pipeline.declare({"loan": loans(topic, labels)}, {"quick": QUICK})
    later = NOW + 30 * DAY

    async with pipeline.running(pipeline.build_worker(deployment)) as task:

        async def then(topic: str, *records: Sent) -> None:
            pipeline.send(topic, records)
            await pipeline.drained(deployment, watch=task)

        await then(labels, label("early"), label("never predicted"))
        await then(topic, *map(prediction, ["plain", "early", "twice", "again", "mended"]))
        await then(topic, prediction("twice"), prediction("late"), prediction("unlabelled"))
        await then(labels, *map(label, ["plain", "twice", "again", "mended"]))
        await then(labels, label("again"), label("mended", truth=0))
        await then(labels, label("late", NOW + 11 * DAY))
        await then(topic, prediction("last", later))
        await then(labels, label("last", later))

    async with pipeline.store() as store:
        totals = (await summary(store, "loan")).join
    assert (totals.predictions, totals.labels) == (8, 10)
    assert totals.joined == 6
    assert totals.early == 2
    assert (totals.duplicate_predictions, totals.duplicate_labels, totals.corrected) == (1, 1, 1)
    # "late" and "unlabelled"; the label of "late", and the one never predicted.
    assert (totals.expired, totals.orphaned) == (2, 2)
    total = (await books_of(pipeline, deployment))["loan"]
    assert (total["passed"], total["applied"], total["duplicate"]) == (19, 17, 2)
    await verify(pipeline, deployment)


# -- many models, shared topics --


async def test_an_instance_of_a_split_stream_alarms_as_an_unsplit_stream_of_its_rows(
    pipeline: Pipeline, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    """50 models in one topic, over all events partitions: each is watched as if it were alone."""
    topic, labels = make_topic("predictions"), make_topic("labels")
    models = [f"model {number}" for number in range(50)]
    keys = [InstanceKey("loan", model) for model in models]
    assert {events_partition(key, pipeline.events_partitions) for key in keys} == {0, 1, 2, 3}
    rows = dict(zip(models, (shifting_rows(seed, 500) for seed in range(50)), strict=True))
    order = np.random.default_rng(50).permutation(np.repeat(np.arange(50), 500)).tolist()
    cursors = {model: iter(some) for model, some in rows.items()}
    merged = [{"model": models[at], **next(cursors[models[at]])} for at in order]
    # Some ids are those of all models: an instance has its own.
    pipeline.send(topic, (record(**one) for one in merged))
    pipeline.send(labels, (record(**one) for one in merged))
    spec = loans(topic, labels, split_by="model")
    spec["watch"]["feature.x"] = {"detector": "quick"}
    deployment = pipeline.declare({"loan": spec}, {"quick": QUICK})

    async with pipeline.running(pipeline.build_worker(deployment)) as task:
        await pipeline.drained(deployment, watch=task)

    found: dict[str, list[tuple[str, int]]] = {}
    for instance, alarm in (await verify(pipeline, deployment)).alarms:
        found.setdefault(str(instance.value), []).append((alarm.signal, alarm.values_seen))
    alone = Stream.build(
        "loan",
        StreamSpec.model_validate({**spec, "split_by": None}),
        {"quick": Profile("quick", DETECTOR_SPEC.validate_python(QUICK))},
    )
    for model in models:
        expected = replay_alarms(alone, tmp_path, rows[model])
        assert expected
        assert sorted(found[model]) == sorted(expected)
    total = (await books_of(pipeline, deployment))["loan"]
    assert total["applied"] == total["passed"] == 50_000


def shifting_rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Predictions with their truth, whose score, error and feature change somewhere."""
    print(f"seed {seed}")  # noqa: T201 - shown when a test fails
    rng = np.random.default_rng(seed)
    after = np.arange(count) >= rng.integers(150, 350)
    score = np.where(after, rng.beta(5, 2, count), rng.beta(2, 5, count)).round(4)
    truth = (rng.random(count) < np.where(after, 0.4, 0.9)).astype(int)
    x = (rng.normal(size=count) + 2 * after).round(4)
    return [
        {"id": str(n), "at": NOW + 1_000 * n, "y": 1, "p": p, "truth": t, "x": v}
        for n, (p, t, v) in enumerate(zip(score.tolist(), truth.tolist(), x.tolist(), strict=True))
    ]


def replay_alarms(
    stream: Stream, directory: Path, rows: Iterable[Mapping[str, Any]]
) -> list[tuple[str, int]]:
    """The alarms of a replay of these rows, as predictions and as labels."""
    file = directory / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    replay = Replay(stream, {PREDICTIONS: "p", LABELS: "l"})
    timeline = build_timeline(stream, file, file)
    return [
        (alarm.signal, alarm.values_seen)
        for effects in replay.run(timeline)
        for _, alarm in effects.alarms
    ]


async def test_streams_share_a_topic_that_also_carries_labels(
    pipeline: Pipeline, make_topic: Callable[..., str]
) -> None:
    """`where` picks a model's records; labels come in the same topic; one stream has none."""
    topic = make_topic("everything", partitions=2)
    sent: list[Sent] = []
    for number in range(300):
        sent += [
            prediction(f"{number}", NOW + number, model="left"),
            prediction(f"{number}", NOW + number, model="right", p=0.25),
            label(f"{number}", NOW + number, model="left", truth=number % 2),
            record(heartbeat=number),
        ]
    by_partition = [Sent(one.value, partition=n // 4 % 2) for n, one in enumerate(sent)]
    deployment = pipeline.declare(
        {
            "left": loans(topic, topic, where={"model": "left"}),
            "right": loans(topic, None, where={"model": "right"}),
        },
        {"quick": QUICK},
    )
    async with pipeline.running(pipeline.build_worker(deployment)) as task:
        pipeline.send(topic, by_partition)
        await pipeline.drained(deployment, watch=task)

    async with pipeline.store() as store:
        left, right = await summary(store, "left"), await summary(store, "right")
    assert left.join.joined == 300
    assert {one.signal: one.values_seen for one in left.signals} == {"error": 300, "score": 300}
    assert {one.signal: one.values_seen for one in right.signals} == {"score": 300}
    totals = await books_of(pipeline, deployment)
    # Left passes the topic twice, as predictions and as labels.
    assert (totals["left"]["passed"], totals["left"]["applied"]) == (2_400, 600)
    assert (totals["right"]["passed"], totals["right"]["filtered"]) == (1_200, 900)
    assert pipeline.read(deployment.settings.dead_letters_topic) == []
    await verify(pipeline, deployment)


async def test_a_topic_that_is_missing_is_waited_for_and_never_made(
    pipeline: Pipeline, make_topic: Callable[..., str], unique_name: Callable[[str], str]
) -> None:
    """The worker starts reading when the topic appears; by itself it makes none."""
    topic, labels = make_topic("predictions"), unique_name("labels")
    deployment = pipeline.declare({"loan": loans(topic, labels)}, {"quick": QUICK})
    admin = AdminClient({"bootstrap.servers": pipeline.kafka})
    worker, ready = pipeline.build_worker(deployment), asyncio.Event()
    task = asyncio.create_task(worker.run(ready.set))
    async with asyncio.timeout(60):
        # Once its own topics are there it looks for the attached ones.
        await TopicAdmin(KafkaAddress(pipeline.kafka)).wait_for(
            deployment.settings.own_topics, every=timedelta(milliseconds=50)
        )
        assert not ready.is_set()
        assert labels not in admin.list_topics(timeout=10).topics
        admin.create_topics([NewTopic(labels, 1, 1)])[labels].result(timeout=20)
        await ready.wait()
    pipeline.send(topic, [prediction("a")])
    pipeline.send(labels, [label("a")])
    await pipeline.drained(deployment, watch=task)
    worker.stop()
    await task
    async with pipeline.store() as store:
        assert (await summary(store, "loan")).join.joined == 1


# -- a changed declaration --


async def test_a_changed_declaration_takes_over_at_one_place_of_the_log(
    pipeline: Pipeline, make_topic: Callable[..., str]
) -> None:
    """The worker of before leaves with exit code 2; what is still watched alike goes on.

    A changed profile starts that detector anew; the alert of a watch that was removed is withdrawn.
    """
    topic, labels = make_topic("predictions"), make_topic("labels")
    first, second = shifting_rows(1, 600), shifting_rows(2, 600)
    for row in second:
        row.update(id=f"second {row['id']}", at=row["at"] + DAY)
    spec = loans(topic, labels)
    spec["watch"]["feature.x"] = {"detector": "steady"}
    steady = {"quick": QUICK, "steady": QUICK}
    before = pipeline.declare({"loan": spec}, steady)
    old = WorkerProcess(before.directory)
    await old.start()
    pipeline.send(topic, (record(**row) for row in first))
    pipeline.send(labels, (record(**row) for row in first))
    await pipeline.drained(before, watch=old.ended)

    del spec["watch"]["score"]
    changed = {**steady, "quick": {**QUICK, "delta": 0.1}}
    after = pipeline.declare({"loan": spec}, changed)
    async with pipeline.running(pipeline.build_worker(after)) as task:
        assert await asyncio.wait_for(old.ended, 60) == 2
        pipeline.send(topic, (record(**row) for row in second))
        pipeline.send(labels, (record(**row) for row in second))
        await pipeline.drained(after, watch=task)
    with pytest.raises(SupersededError):
        await pipeline.build_worker(before).run()

    verified = await verify(pipeline, before)
    found: dict[str, list[int]] = {}
    for _, alarm in verified.alarms:
        found.setdefault(alarm.signal, []).append(alarm.values_seen)
    old_quick, new_quick = (
        Profile("quick", DETECTOR_SPEC.validate_python(one["quick"])) for one in (steady, changed)
    )
    errors = [[float(row["truth"] != 1) for row in rows] for rows in (first, second)]
    assert found["error"] == [
        *river_alarms(old_quick, SignalKind.BINARY, errors[0]),
        *river_alarms(new_quick, SignalKind.BINARY, errors[1]),
    ]
    values = [row["x"] for row in first + second]
    assert found["feature.x"] == river_alarms(old_quick, SignalKind.UNBOUNDED, values)
    assert min(len(found["error"]), len(found["feature.x"])) > 1
    alerts = [read_event(one.value).data for one in verified.events.values()]
    of_score = [one for one in alerts if one.signal == "score"]
    assert [one.status.value for one in of_score][-1] == "resolved"
    assert of_score[-1].reason == "withdrawn"
