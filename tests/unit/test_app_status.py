"""The books that `status` shows add up, over events partitions and instances."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from driftline.app.status.report import EventsPartition, PartitionLag, StatusReport, WorkerStatus
from driftline.app.status.streams import InstanceView, StoredStream, build_stream
from driftline.app.status.windows import newest_windows
from driftline.app.topic_check import Difference, compare
from driftline.cli.common import write_json
from driftline.cli.status_text import status_page
from driftline.cli.wording import figure, span, when_millis
from driftline.config.deployment import Stream
from driftline.config.profiles import Profile
from driftline.config.streams import StreamSpec
from driftline.eventlog.routing import events_partition
from driftline.intake import SourceRange, TopicReader
from driftline.model import SECOND, InstanceKey, Role, SourcePartition
from driftline.monitor.partition import PartitionMonitor
from driftline.monitor.partition_state import PartitionState
from driftline.store.memory import MemoryStore
from driftline.transport.topics import TopicDescription, TopicSpec

if TYPE_CHECKING:
    import pytest

    from driftline.app.status.report import StreamStatus
    from driftline.decode import Record

PARTITIONS = 3
NOW = 1_700_000_000 * SECOND


@dataclass(frozen=True)
class Sent:
    """A record of a source."""

    offset: int
    value: bytes | None
    timestamp: int = NOW // 1_000
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def declared() -> Stream:
    """A stream of one instance per region, of which it takes two."""
    spec = StreamSpec.model_validate(
        {
            "task": "binary",
            "positive": 1,
            "predictions": {"topic": "p", "id": "id", "prediction": "y", "features": ["x"]},
            "labels": {"topic": "l", "id": "id", "label": "t"},
            "split_by": "region",
            "max_instances": 2,
            "where": {"model": "m"},
            "watch": {"error": {"detector": "adwin"}, "feature.x": {"detector": "adwin"}},
        }
    )
    profile = Profile.from_json(json.dumps({"name": "adwin", "spec": {"kind": "adwin"}}))
    return Stream.build("loans", spec, {"adwin": profile})


def sent(offset: int, **fields: object) -> Sent:
    row = {"id": offset, "y": 1, "x": 0.5, "region": "eu", "model": "m"} | fields
    return Sent(offset, json.dumps(row).encode())


RECORDS: tuple[Sent, ...] = (
    *(sent(number, region="eu" if number % 2 else "us") for number in range(10)),
    sent(10, id=3, region="eu"),  # the id of before: a duplicate
    Sent(11, b"{oops"),
    sent(12, model="another"),
    # 13 and 14 are missing: a gap
    *(sent(number, region=f"a{number}") for number in range(15, 40)),
)


@dataclass
class World:
    """What is stored after these records were read."""

    store: MemoryStore
    monitors: list[PartitionMonitor]


async def lived(*, suspended: InstanceKey | None = None) -> World:
    stream = declared()
    store = MemoryStore()
    monitors = [
        PartitionMonitor(number, [stream], deployment="d", digest="x")
        for number in range(PARTITIONS)
    ]
    if suspended is not None:
        owner = monitors[events_partition(suspended, PARTITIONS)]
        owner.suspend(suspended, "a detector panicked \x1b[31m")
    for role, topic in ((Role.PREDICTIONS, "p"), (Role.LABELS, "l")):
        records: tuple[Record, ...] = RECORDS if role is Role.PREDICTIONS else ()
        end = 40 if records else 0
        passed = SourceRange(SourcePartition(topic, 0, "i"), 0, end, 0, end)
        reading = TopicReader([(stream, role)], partitions=PARTITIONS).read(
            passed, records, seen_at=NOW
        )
        for partition, message in reading.messages:
            monitor = monitors[partition]
            monitor.apply(monitor.offset, message, {})
    for monitor in monitors:
        step = monitor.checkpoint()
        await store.write_instances(step.instances)
        await store.write_partition(step.partition)
    return World(store, monitors)


async def status_of(world: World, *, log_read: bool = True) -> StreamStatus:
    states = []
    for number in range(PARTITIONS):
        stored = await world.store.load_partition(number)
        assert stored is not None
        states.append(PartitionState.decode(stored.blob))
    suspended: dict[str, str] = {}
    for state in states:
        suspended |= state.suspended
    return build_stream(
        StoredStream(
            "loans",
            declared=True,
            views=await views_of(world),
            states=[state.states["loans"] for state in states],
            suspended=suspended,
            owners={0: "host-1"},
            log_read=log_read,
        )
    )


async def views_of(world: World) -> list[InstanceView]:
    keys = await world.store.list_instances("loans")
    views = []
    for key in keys:
        stored = await world.store.load_instance(key)
        assert stored is not None
        views.append(InstanceView.read(key, events_partition(key, PARTITIONS), stored))
    return views


async def test_every_offset_that_was_passed_is_accounted_for() -> None:
    """Offsets = rows + dead-lettered + filtered + gaps; rows = applied + duplicates + refused."""
    status = await status_of(await lived())
    (source,) = [one for one in status.sources if one.role == "predictions"]
    assert (source.passed, source.rows) == (40, 36)
    assert (source.dead_lettered, source.filtered, source.gaps) == (1, 1, {"absent": 2})
    balance = status.balance
    assert balance.rows == 36
    assert (balance.applied + balance.duplicates, balance.duplicates) == (
        36 - balance.over_max_instances,
        1,
    )
    assert balance.over_max_instances > 0
    assert (balance.difference, balance.verdict, balance.sound) == (0, "balanced", True)
    assert status.join.predictions == balance.applied
    assert status.waiting == balance.applied


async def test_rows_of_a_suspended_instance_are_accounted_for() -> None:
    """They are passed over, counted, and the reason is there to be read."""
    status = await status_of(await lived(suspended=InstanceKey("loans", "us")))
    assert status.balance.suspended == 5
    assert status.balance.difference == 0
    assert [one.instance for one in status.suspended] == ["loans/us"]


async def test_what_is_missing_is_said() -> None:
    """On its way while the log is not read to its end; not accounted for when it is."""
    world = await lived()
    assert await world.store.forget(InstanceKey("loans", "eu")) == 1
    status = await status_of(world)
    assert (status.balance.difference, status.balance.sound) == (6, False)
    assert "6 rows are not accounted for" in status.balance.verdict
    reading = (await status_of(world, log_read=False)).balance
    assert reading.sound
    assert "6 rows on their way" in reading.verdict


async def test_the_newest_window_of_each_signal_is_told() -> None:
    """With how many values it holds and their mean."""
    world = await lived()
    (view,) = [one for one in await views_of(world) if one.key.value == "us"]
    windows = {one.signal: one for one in await newest_windows(world.store, view)}
    assert (windows["feature.x"].count, windows["feature.x"].mean) == (5, 0.5)
    assert windows["feature.x"].size_seconds == 86_400
    assert view.windows_stored == len(windows)


async def report() -> StatusReport:
    status = await status_of(await lived(suspended=InstanceKey("loans", "us")))
    return StatusReport(
        deployment="d",
        digest="a" * 64,
        current_digest="b" * 64,
        workers=(WorkerStatus("host-1", "host", 1, ("decode",), (0,), None, "0.1"),),
        events_log=(
            EventsPartition(0, "host-1", 10, 10, 0),
            EventsPartition(1, None, 10, None, 10, "it does not decode"),
        ),
        sources=(PartitionLag("p", 0, 0, 40, None, None),),
        streams=(status,),
    )


async def test_a_page_tells_all_and_fools_no_terminal() -> None:
    """Reasons and names come from data: their control characters are escaped."""
    console = Console(file=io.StringIO(), width=140, color_system=None)
    console.print(status_page(await report(), detailed=True))
    assert isinstance(console.file, io.StringIO)
    page = console.file.getvalue()
    assert "\x1b" not in page
    for text in (
        r"suspended: loans/us: a detector panicked \x1b[31m",
        "what runs is another one, bbbbbbbbbbbb",
        "2 (absent 2)",
        "over max_instances",
        "balanced",
        "nobody",
        "it does not decode",
    ):
        assert text in page


async def test_the_json_has_the_fields_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain values only, with a version."""
    write_json(await report())
    written = json.loads(capsys.readouterr().out)
    assert written["schema_version"] == 1
    (stream,) = written["streams"]
    assert stream["balance"]["difference"] == 0
    assert stream["join"]["predictions"] == stream["balance"]["applied"]
    assert stream["watermark"].endswith("Z")


def test_a_topic_is_held_against_what_it_needs() -> None:
    """What differs is named, and whether driftline can work with it."""
    wanted = TopicSpec("d.events", 4, 3, {"cleanup.policy": "delete", "retention.ms": "5"})
    found = TopicDescription("d.events", 2, 3, "")
    config = {"cleanup.policy": "delete", "retention.ms": "4", "other": "1"}
    assert compare(wanted, found, config) == (
        Difference("partitions", "4", "2"),
        Difference("retention.ms", "5", "4"),
    )
    assert [one.vital for one in compare(wanted, found, config)] == [True, False]
    assert compare(wanted, TopicDescription("d.events", 4, 1, ""), {}) == (
        Difference("replication", "3", "1"),
    )


def test_numbers_are_written_as_people_read_them() -> None:
    """Four digits, thousands set apart, a power of ten only where nothing else is readable."""
    written = [figure(value) for value in (0.05153, 29_591.4, -29_591.4, 1e-7, 3e15, 0.0, None)]
    assert written == ["0.05153", "29,591", "-29,591", "1e-07", "3e+15", "0", "-"]
    assert [span(value) for value in (3e-6, 90, 5_400, 2_592_000)] == [
        "3e-06 s",
        "1.5 min",
        "1.5 h",
        "30 days",
    ]
    assert when_millis(-1) == when_millis(1 << 62) == "-"
