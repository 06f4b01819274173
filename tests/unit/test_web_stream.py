"""The stream of alerts: what goes over the wire, and when it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from driftline.errors import UnavailableError
from driftline.web import sse
from driftline.web.entries import Filter
from driftline.web.feed import MOST_LISTENERS
from driftline.web.listeners import QUEUED
from driftline.web.tokens import Scope
from support.alert_events import drift_event
from support.fake_backend import Api
from support.injections import INJECTIONS
from support.recorder import until
from support.sse import StreamClient

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertEnvelope

PATH: Final = "/v1/alerts/stream"


def alert(number: int, **given: Any) -> AlertEnvelope:
    return drift_event(alert_id=f"{number:020x}", **given)


def stream(api: Api, *, query: str = "", last_id: str | None = None) -> StreamClient:
    headers = {"Authorization": "Bearer read"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    return StreamClient(api.app, PATH, query=query, headers=headers)


async def test_alerts_come_as_they_are_published() -> None:
    """Each as one event, whose data is the CloudEvent, with a place to resume from."""
    api = Api()
    api.publish(alert(0))
    async with stream(api) as client:
        await until(lambda: client.reader.last_id is not None)
        assert client.status == 200
        assert client.headers["content-type"].startswith("text/event-stream")
        assert client.headers["cache-control"] == "no-store"
        assert "content-length" not in client.headers
        for number in range(1, 4):
            api.publish(alert(number))
        await until(lambda: len(client.reader.events) == 3)
    events = client.reader.events
    assert [one.alert for one in events] == [f"{number:020x}.1" for number in (1, 2, 3)]
    assert [(one.name, one.id) for one in events] == [
        ("alert", "2"),
        ("alert", "3"),
        ("alert", "4"),
    ]
    await until(lambda: api.feed.listeners == 0)


async def test_100_lost_connections_lose_no_alert_and_repeat_none() -> None:
    """Each comes exactly once by its id, whatever was published while nobody listened."""
    api = Api()
    got: list[str] = []
    last_id: str | None = "0"
    published = 0
    api.publish(alert(published))
    for lost in range(100):
        async with stream(api, last_id=last_id) as client:
            for _ in range(lost % 3):
                published += 1
                api.publish(alert(published))
            wanted = min(published + 1 - len(got), 1 + lost % 4)
            await until(lambda: len(client.reader.events) >= wanted)  # noqa: B023 - used at once
        # What came later than that was lost with the connection: the client saw this much.
        seen = client.reader.events[:wanted]
        got += [event.alert for event in seen]
        last_id = seen[-1].id if seen else client.reader.last_id or last_id
        published += 1
        api.publish(alert(published))
    async with stream(api, last_id=last_id) as client:
        await until(lambda: len(got) + len(client.reader.events) > published)
        got += [event.alert for event in client.reader.events]
    assert got == [f"{number:020x}.1" for number in range(published + 1)]


async def test_no_name_out_of_data_gets_out_of_its_string() -> None:
    """Not into an id, an event's name or a field of its own; and each arrives whole."""
    api = Api()
    async with stream(api) as client:
        await until(lambda: bool(client.reader.comments))
        for number, name in enumerate(INJECTIONS):
            given = {"instance": f"car-loan/{name}", "signal": f"feature.{name}", "tags": [name]}
            api.publish(alert(number, **given))
        await until(lambda: len(client.reader.events) == len(INJECTIONS))
    for number, (event, name) in enumerate(zip(client.reader.events, INJECTIONS, strict=True)):
        assert (event.name, event.id) == ("alert", str(number + 1)), repr(name)
        assert event.json["data"]["signal"] == f"feature.{name}"
        assert event.json["data"]["tags"] == [name]


async def test_only_what_is_wanted_comes() -> None:
    """The filters of the list hold for the stream."""
    api = Api()
    async with stream(api, query="severity=warning&severity=info&kind=drift") as client:
        await until(lambda: bool(client.reader.comments))
        for number, severity in enumerate(("critical", "warning", "critical", "info")):
            api.publish(alert(number, severity=severity))
        await until(lambda: len(client.reader.events) == 2)
    assert [event.json["data"]["severity"] for event in client.reader.events] == ["warning", "info"]


async def test_it_says_that_it_lives_and_moves_the_place_on() -> None:
    """A comment when nothing comes, with the place behind all that was not wanted."""
    api = Api(heartbeat_seconds=0.05)
    async with stream(api, query="severity=info") as client:
        await until(lambda: bool(client.reader.comments))
        for number in range(5):
            api.publish(alert(number))
        await until(lambda: client.reader.last_id == "5")
        await until(lambda: client.reader.comments.count("heartbeat") >= 2)
    assert client.reader.events == []


async def test_who_came_before_the_first_alert_misses_none() -> None:
    """The beginning of an empty topic is a place too: to a stream, and in a list."""
    api = Api()
    async with stream(api) as client:
        await until(lambda: client.reader.last_id == "0")
    async with api.client() as asking:
        listed = await asking.get("/v1/alerts")
    assert listed.json()["position"] == "0"
    api.publish(alert(1))
    async with stream(api, last_id=client.reader.last_id) as again:
        await until(lambda: len(again.reader.events) == 1)


@pytest.mark.parametrize(
    ("last_id", "status"),
    [
        ("x", 422),
        ("1\n2", 422),
        ("99", 422),
        ("-1", 422),
        ("0", 410),
        ("4", 410),
        ("12", 200),
        ("", 200),
    ],
)
async def test_the_place_to_resume_from_is_checked(last_id: str, status: int) -> None:
    """What was never a place is refused, and so is one that cannot be gone on from."""
    api = Api()
    api.feed._most_recent = 5
    for number in range(12):
        api.publish(alert(number))
    async with stream(api, last_id=last_id) as client:
        await until(lambda: client.status is not None)
    assert client.status == status


async def test_a_slow_reader_is_dropped_and_nobody_waits_for_it() -> None:
    """While sending to it stands still, the others get everything; then it has to go."""
    api = Api()
    async with stream(api) as slow, stream(api) as quick:
        await until(lambda: bool(slow.reader.comments and quick.reader.comments))
        slow.paused.set()
        for number in range(QUEUED + 20):
            api.publish(alert(number))
            await asyncio.sleep(0)
            await until(lambda: len(quick.reader.events) > number)  # noqa: B023 - used at once
        await until(lambda: slow.ended)
        assert not quick.ended
    assert len(quick.reader.events) == QUEUED + 20
    dropped = api.metrics.registry.get_sample_value("driftline_web_dropped_listeners_total")
    assert dropped == 1


async def test_a_reader_that_takes_nothing_is_dropped_though_little_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A send that does not get through in time ends it as well."""
    monkeypatch.setattr(sse, "SEND_SECONDS", 0.1)
    api = Api()
    async with stream(api) as client:
        await until(lambda: bool(client.reader.comments))
        client.paused.set()
        api.publish(alert(1))
        await until(lambda: client.ended)
    assert api.feed.listeners == 0


async def test_a_revoked_token_ends_its_streams_with_the_next_heartbeat() -> None:
    """Whoever has a stream open has no right to it for ever."""
    api = Api(heartbeat_seconds=0.05)
    async with stream(api) as client:
        await until(lambda: client.reader.comments.count("heartbeat") >= 1)
        del api.tokens.known[Scope.READ]
        await until(lambda: client.ended)


async def test_a_redis_that_is_away_ends_no_stream() -> None:
    """Alerts come from Kafka; whether the token still holds is asked again later."""
    api = Api(heartbeat_seconds=0.05)
    async with stream(api) as client:
        await until(lambda: bool(client.reader.comments))
        api.tokens.failing = UnavailableError("redis is away")
        await until(lambda: client.reader.comments.count("heartbeat") >= 3)
        api.publish(alert(1))
        await until(lambda: len(client.reader.events) == 1)
        assert not client.ended


async def test_the_end_of_the_process_ends_all_streams() -> None:
    """None holds it up."""
    api = Api()
    async with stream(api) as one, stream(api) as other:
        await until(lambda: api.feed.listeners == 2)
        api.feed.close()
        await until(lambda: one.ended and other.ended)


async def test_no_more_are_let_in_than_may() -> None:
    """503 tells them to come back later."""
    api = Api()
    for _ in range(MOST_LISTENERS):
        api.feed.listen(Filter(), None)
    async with stream(api) as client:
        await until(lambda: client.status is not None)
    assert client.status == 503
    assert "retry-after" in client.headers
