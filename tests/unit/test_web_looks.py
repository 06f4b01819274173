"""What the API shows of a stream is what is stored of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from driftline.app.connections import Connections
from driftline.app.status.report import StatusReport
from driftline.app.status.streams import StoredStream, build_stream
from driftline.app.web.reports import Reports
from driftline.app.web.signals import list_signals, load_view, load_windows, require_signal
from driftline.app.web.summaries import detail_stream, summarise_health, summarise_stream
from driftline.config.deployment import Deployment, Stream
from driftline.config.profiles import Profile
from driftline.config.streams import StreamSpec
from driftline.errors import UnavailableError
from driftline.intake import SourceRange, TopicReader
from driftline.model import SECOND, Role, SourcePartition
from driftline.monitor.partition import PartitionMonitor
from driftline.monitor.partition_state import PartitionState
from driftline.notify.refusals import NotFoundError
from driftline.store.connect import RedisAddress
from driftline.store.memory import MemoryStore
from driftline.transport.address import KafkaAddress
from driftline.web.models.streams import WindowQuery

if TYPE_CHECKING:
    from driftline.app.status.report import StreamStatus
    from driftline.app.status.streams import InstanceView

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
HOURS: Final = 60
PER_HOUR: Final = 4


@dataclass(frozen=True)
class Sent:
    """A record of a source."""

    offset: int
    value: bytes | None
    timestamp: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def declared() -> Stream:
    spec = StreamSpec.model_validate(
        {
            "task": "regression",
            "description": "What will it cost?",
            "owner": "pricing",
            "tags": ["eu"],
            "predictions": {"topic": "p", "id": "id", "prediction": "y", "features": ["a/b"]},
            "windows": [{"size": "1h", "keep": "30d"}, {"size": "1d", "keep": "30d"}],
            "watch": {"feature.a/b": {"detector": "adwin", "severity": "warning"}},
        }
    )
    profile = Profile.from_json(json.dumps({"name": "adwin", "spec": {"kind": "adwin"}}))
    return Stream.build("prices", spec, {"adwin": profile})


def records() -> tuple[Sent, ...]:
    """Four values an hour, 0 to 3 above the hour's number."""
    found = []
    for offset in range(HOURS * PER_HOUR):
        hour, place = divmod(offset, PER_HOUR)
        at = BEGIN + timedelta(hours=hour, minutes=10 * place)
        row = {"id": offset, "y": 1.0, "a/b": float(hour + place)}
        found.append(Sent(offset, json.dumps(row).encode(), int(at.timestamp() * 1_000)))
    return tuple(found)


async def lived() -> MemoryStore:
    """What is stored once all were read."""
    store, stream = MemoryStore(), declared()
    monitor = PartitionMonitor(0, [stream], deployment="d", digest="x")
    sent = records()
    passed = SourceRange(SourcePartition("p", 0, "i"), 0, len(sent), 0, len(sent))
    now = int((BEGIN + timedelta(hours=HOURS)).timestamp()) * SECOND
    reading = TopicReader([(stream, Role.PREDICTIONS)], partitions=1).read(
        passed, sent, seen_at=now
    )
    for _, message in reading.messages:
        monitor.apply(monitor.offset, message, {})
    step = monitor.checkpoint()
    await store.write_instances(step.instances)
    await store.write_partition(step.partition)
    return store


async def view_of(store: MemoryStore) -> InstanceView:
    view = await load_view(store, "prices")
    assert view is not None
    return view


async def status_of(store: MemoryStore) -> StreamStatus:
    stored = await store.load_partition(0)
    assert stored is not None
    return build_stream(
        StoredStream(
            "prices",
            declared=True,
            views=[await view_of(store)],
            states=[PartitionState.decode(stored.blob).states["prices"]],
            suspended={"prices/x": "a detector panicked"},
            owners={0: "host-1"},
            log_read=True,
        )
    )


def query(**given: Any) -> WindowQuery:
    return WindowQuery.model_validate({"signal": "feature.a/b", **given})


async def test_windows_are_shown_newest_first_and_page_by_page() -> None:
    """Each hour once, with what its four values come to."""
    store = await lived()
    view = await view_of(store)
    starts, cursor = [], None
    while True:
        page = await load_windows(store, view, query(limit=25, cursor=cursor))
        for window in page.items:
            assert window.start is not None
            hour = (window.start - BEGIN) // timedelta(hours=1)
            assert (window.count, window.min, window.max) == (4, hour, hour + 3)
            assert window.mean == pytest.approx(hour + 1.5)
            assert window.sd == pytest.approx(1.2909944)
            starts.append(hour)
        cursor = page.next
        if cursor is None:
            break
    assert starts == list(reversed(range(HOURS)))


async def test_windows_are_chosen_by_size_and_time() -> None:
    """Of the smallest size unless another is named; the histogram has every value."""
    store = await lived()
    view = await view_of(store)
    days = await load_windows(store, view, query(size_seconds=86_400, bins=5))
    assert [window.count for window in days.items] == [48, 96, 96]
    for window in days.items:
        assert window.histogram is not None
        assert len(window.histogram.edges) == 6
        assert sum(window.histogram.counts) == window.count
    since = (BEGIN + timedelta(hours=5)).isoformat()
    until = (BEGIN + timedelta(hours=8)).isoformat()
    some = await load_windows(store, view, query(since=since, until=until))
    assert [window.min for window in some.items] == [7, 6, 5]
    for nothing in (query(signal="none"), query(size_seconds=7)):
        assert (await load_windows(store, view, nothing)).items == ()


async def test_a_signal_that_there_is_not_is_named_with_those_there_are() -> None:
    """A typing error has no empty answer; what is declared has windows, if none yet."""
    view = await view_of(await lived())
    for signal in ("feature.a/b", "predictions", "prediction"):
        require_signal(view, declared(), signal)
    require_signal(view, None, "feature.a/b")
    said = "'prices' has no signal 'feature.a/c' \\(did you mean 'feature.a/b'\\?\\); there are: "
    with pytest.raises(NotFoundError, match=said) as raised:
        require_signal(view, declared(), "feature.a/c")
    assert "predictions" in str(raised.value)


async def test_signals_are_shown_with_what_watches_them_and_their_windows() -> None:
    """Those that are watched first; predictions are counted without being watched."""
    store = await lived()
    watched, *counted = list_signals(await view_of(store))
    assert (watched.signal, watched.severity, watched.detectors) == (
        "feature.a/b",
        "warning",
        ("adwin",),
    )
    assert watched.values_seen == HOURS * PER_HOUR
    assert {one.size_seconds: one.windows for one in watched.series} == {3_600: 60, 86_400: 3}
    assert {one.first for one in watched.series} == {BEGIN}
    assert "predictions" in {one.signal for one in counted}
    assert not any(one.watched for one in counted)
    assert await load_view(store, "prices/none") is None


async def test_a_stream_is_shown_with_its_declaration_and_its_books() -> None:
    """Also one that is stored and not declared any more."""
    status = await status_of(await lived())
    detail = detail_stream(status, declared())
    assert (detail.owner, detail.tags, detail.task) == ("pricing", ("eu",), "regression")
    assert [watch.signal for watch in detail.watches] == ["feature.a/b"]
    assert (detail.books.rows, detail.books.difference) == (HOURS * PER_HOUR, 0)
    assert {"predictions", "joined", "expired"} <= detail.join.keys()
    assert [one.instance for one in detail.suspended_instances] == ["prices/x"]
    left = summarise_stream(status, None)
    assert (left.owner, left.tags, left.instances, left.suspended) == (None, (), 1, 1)
    report = StatusReport("d", "a", None, (), (), (), (status,))
    assert summarise_health(report, "why").suspended == 1


async def test_a_report_serves_all_who_ask_and_a_failure_too() -> None:
    """However many ask at once, the servers are asked once."""
    asked: list[str] = []

    class Away(MemoryStore):
        async def list_instances(self, stream: str | None = None) -> Any:
            asked.append("list_instances")
            msg = f"redis is away ({stream})"
            raise UnavailableError(msg)

    connections = Connections(KafkaAddress("127.0.0.1:1"), RedisAddress("redis://127.0.0.1:1"))
    reports = Reports(Deployment(Path()), connections, Away())
    found = await asyncio.gather(*(reports.get() for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in found} == {UnavailableError}
    assert asked == ["list_instances"]
