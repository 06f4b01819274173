"""`driftline web` as a process of its own, on a real broker and a real Redis."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from driftline.alerts.event import as_record
from driftline.config.deployment import load_deployment
from driftline.embedded.process import LOOPBACK, free_port
from driftline.eventlog.codec import decode
from driftline.eventlog.messages import Command, CommandKind
from support.alert_events import drift_event, resolved_event
from support.commands import Driftline
from support.fake_webhook import FakeWebhook
from support.sse import Reader

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from driftline.alerts.schema import AlertEnvelope
    from support.kafka_broker import ExternalKafka, KafkaBroker
    from support.redis_server import RedisServer

SECONDS: Final = 90.0
STREAM: Final = """\
task: binary
positive: 1
predictions: {topic: loans, id: id, prediction: y, features: [x]}
watch: {feature.x: {detector: adwin, severity: warning}}
"""
CANARY: Final = "CANARYpath5512"


class Web:
    """A deployment with its API's process."""

    def __init__(self, driftline: Driftline, port: int) -> None:
        self.driftline = driftline
        self.url = f"http://{LOOPBACK}:{port}"
        self.settings = load_deployment(driftline.directory).settings
        self.process: subprocess.Popen[str] | None = None
        self._log = driftline.directory / "web.log"
        # One client: each new one reads all certificates of the system.
        self.client = httpx.Client(base_url=self.url, timeout=SECONDS)
        self._producer = Producer(
            {"bootstrap.servers": driftline.kafka, "linger.ms": 5, "log_level": 2}
        )

    def start(self) -> None:
        """See that it runs and has read all alerts."""
        if self.process is not None:
            return
        with self._log.open("w") as log:
            self.process = self.driftline.start("web", output=log)
        deadline = time.monotonic() + SECONDS
        while not self.ready():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "not ready in time"
            time.sleep(0.1)

    def ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, number: int) -> tuple[int, str]:
        """End it by a signal; its exit code, and all that it logged."""
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(SECONDS), self._log.read_text()

    def token(self, name: str, scope: str) -> dict[str, str]:
        """A new token, as a header."""
        made = self.driftline.json("tokens", "create", name, "--scope", scope)
        return {"Authorization": f"Bearer {made['token']}"}

    def publish(self, *events: AlertEnvelope) -> None:
        """Put events on the alerts topic."""
        for event in events:
            record = as_record(event.data)
            self._producer.produce(
                self.settings.alerts_topic, record.value, record.key, headers=list(record.headers)
            )
        assert self._producer.flush(30) == 0


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory,
    kafka: KafkaBroker | ExternalKafka,
    redis_server: RedisServer,
) -> Iterator[Web]:
    """A deployment whose own topics are there; one process of its API serves several tests."""
    directory = tmp_path_factory.mktemp("web")
    for folder in ("config", "streams", "detectors"):
        (directory / folder).mkdir()
    name = f"web-{os.getpid()}-{kafka.version}".replace(".", "-").lower()
    port = free_port()
    (directory / "config" / "driftline.yaml").write_text(
        f"name: {name}\nweb: {{port: {port}}}\nlogs: {{level: debug, format: json}}\n"
    )
    (directory / "config" / "alerting.yaml").write_text("subscriptions: {allow_private: true}\n")
    (directory / "detectors" / "adwin.yaml").write_text("kind: adwin\n")
    (directory / "streams" / "loans.yaml").write_text(STREAM)
    driftline = Driftline(directory, kafka.bootstrap, redis_server.url)
    driftline.run("topics", "--create", expect=1)
    web = Web(driftline, port)
    yield web
    if web.process is not None:
        web.stop(signal.SIGKILL)


def alert(number: int, **given: Any) -> AlertEnvelope:
    return drift_event(alert_id=f"{number:020x}", **given)


@contextmanager
def following(web: Web, token: dict[str, str], last_id: str | None) -> Iterator[Iterator[Reader]]:
    """A stream of alerts: the reader after each chunk that came."""
    headers = token if last_id is None else token | {"Last-Event-ID": last_id}
    with web.client.stream("GET", "/v1/alerts/stream", headers=headers) as got:
        assert got.status_code == 200, got.read()
        reader = Reader()

        def chunks() -> Iterator[Reader]:
            for chunk in got.iter_raw():
                reader.feed(chunk)
                yield reader

        yield chunks()


def read_events(web: Web, token: dict[str, str], last_id: str | None, wanted: int) -> Reader:
    """What a client saw that goes once it has got so many events."""
    with following(web, token, last_id) as chunks:
        for reader in chunks:
            if len(reader.events) >= wanted and reader.last_id is not None:
                return reader
    msg = f"the stream ended before event {wanted}"
    raise AssertionError(msg)


def soon() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3_600))


class Said:
    """What one client changed, and how each was answered."""

    def __init__(self, web: Web, token: dict[str, str]) -> None:
        self._client = web.client
        self._token = token
        self.done: list[str] = []

    def ask(self, method: str, path: str, status: int, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body, headers=self._token)
        assert answer.status_code == status, answer.text
        self.done.append(f"{method} {path} {status}")
        return answer.json() if answer.content else None

    def wait_for(self, path: str) -> None:
        """Wait until there is such a thing."""
        deadline = time.monotonic() + SECONDS
        while self._client.get(path, headers=self._token).status_code != 200:
            assert time.monotonic() < deadline, path
            time.sleep(0.1)

    def audit(self) -> list[Any]:
        """The audit log, oldest first."""
        params = {"limit": 100}
        page = self._client.get("/v1/audit", params=params, headers=self._token).json()
        return list(reversed(page["items"]))


def stop_while_followed(web: Web, token: dict[str, str]) -> tuple[int, str]:
    """End it while a client follows alerts, whose stream ends too."""
    with following(web, token, None) as chunks:
        next(chunks)
        ended = web.stop(signal.SIGTERM)
        assert not any(reader.events for reader in chunks)
    return ended


def find_command(web: Web, command_id: str) -> Command:
    """A command of the events log."""
    consumer = Consumer({"bootstrap.servers": web.driftline.kafka, "group.id": "looks"})
    topic = web.settings.events_topic
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(4)])
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            record = consumer.poll(1)
            message = None if record is None or record.error() else decode(record.value() or b"")
            if isinstance(message, Command) and message.id == command_id:
                return message
    finally:
        consumer.close()
    msg = "the command is not in the log"
    raise AssertionError(msg)


def test_a_token_opens_what_its_scope_says_until_it_is_revoked(web: Web) -> None:
    """Made, listed and revoked by commands; stored is nothing that would open anything."""
    web.start()
    reader, writer = web.token("reader", "read"), web.token("writer", "write")
    client = web.client
    assert client.get("/v1/streams", headers=reader).status_code == 200
    silence = {"matchers": {"stream": ["loans"]}, "comment": "x", "ends_at": "2099-01-01T00:00:00Z"}
    assert client.post("/v1/silences", headers=reader, json=silence).status_code == 403
    refused = client.post("/v1/silences", headers=writer, json=silence)
    assert refused.status_code == 422  # for 73 years
    listed = web.driftline.json("tokens", "list")
    assert [(one["name"], one["scope"]) for one in listed] == [
        ("reader", "read"),
        ("writer", "write"),
    ]
    assert (
        "already"
        in web.driftline.run("tokens", "create", "reader", "--scope", "admin", expect=1).err
    )
    with redis.Redis.from_url(web.driftline.redis) as server:
        stored = b"".join(server.hvals(f"{{{web.settings.name}}}:web:tokens"))
    for header in (reader, writer):
        assert header["Authorization"].split("_")[-1].encode() not in stored
    with following(web, reader, None) as chunks:
        next(chunks)
        web.driftline.run("tokens", "revoke", "reader")
        assert client.get("/v1/streams", headers=reader).status_code == 401
    web.driftline.run("tokens", "revoke", "reader", expect=1)
    short = {
        "Authorization": "Bearer "
        + web.driftline.json("tokens", "create", "short", "--scope", "read", "--expires-in", "1s")[
            "token"
        ]
    }
    deadline = time.monotonic() + SECONDS
    while client.get("/v1/streams", headers=short).status_code != 401:
        assert time.monotonic() < deadline, "it does not expire"
        time.sleep(0.1)


async def test_what_is_asked_for_is_done_and_no_secret_is_logged(web: Web) -> None:
    """A command is in the log, a silence holds, a test message arrives; all of it is audited.

    At debug level no token, URL or secret is logged. A client that follows does not hold up the
    end, and whoever takes the port twice is told so.
    """
    first, ended = f"{1_001:020x}", f"{1_002:020x}"
    run = asyncio.to_thread
    await run(web.publish, alert(1_001), alert(1_002), resolved_event(alert_id=ended))
    await run(web.start)
    token = await run(web.token, "ada", "admin")
    second = await run(web.driftline.start, "web")
    _, err = await run(second.communicate, timeout=SECONDS)
    assert (second.returncode, "Traceback" in err) == (1, False), err
    assert "cannot be served at 127.0.0.1" in err
    target, said = FakeWebhook(), Said(web, token)
    async with target.running():
        await run(said.wait_for, f"/v1/alerts/{ended}")
        done = await run(said.ask, "POST", f"/v1/alerts/{first}/acknowledge", 202, {"note": "mine"})
        await run(said.ask, "POST", f"/v1/alerts/{ended}/accept", 409, {})
        body = {"matchers": {"stream": ["loans"]}, "comment": "known", "ends_at": soon()}
        silence = await run(said.ask, "POST", "/v1/silences", 201, body)
        (listed,) = await run(web.driftline.json, "silences", "list")
        assert listed["id"] == silence["id"]
        await run(said.ask, "DELETE", f"/v1/silences/{silence['id']}", 200)
        body = {"target": {"kind": "webhook", "url": f"{target.url}/{CANARY}"}}
        made = await run(said.ask, "POST", "/v1/subscriptions", 201, body)
        one = f"/v1/subscriptions/{made['id']}"
        sent = await run(said.ask, "POST", f"{one}/test", 200)
        assert target.ids == [sent["notification_id"]]
        await run(said.ask, "POST", f"{one}/pause", 200)
        await run(said.ask, "DELETE", one, 204)
        await run(said.ask, "POST", "/v1/receivers/none/test", 404)
    audit = [entry for entry in await run(said.audit) if entry["by"] == "ada"]
    assert [
        f"{one['action'].split()[0]} {one['target']} {one['status']}" for one in audit
    ] == said.done
    command = await run(find_command, web, done["command_id"])
    assert (command.kind, command.by) == (CommandKind.ACKNOWLEDGE, "ada")
    assert command.arguments == {"alert_id": first, "note": "mine"}
    code, log = await run(stop_while_followed, web, token)
    assert code == 0, log
    lines = [json.loads(line) for line in log.splitlines()]
    assert [one["by"] for one in lines if one["event"] == "api_write"].count("ada") == len(audit)
    ours = [one for one in lines if one["logger"].startswith(("driftline", "uvicorn"))]
    assert not [one for one in ours if one["level"] in {"error", "critical"}]
    for secret in (token["Authorization"].split()[-1], made["secret"], CANARY):
        assert secret not in log


def test_100_disconnects_and_a_restart_lose_no_alert_and_repeat_none(web: Web) -> None:
    """Each comes exactly once by its id, though the process is killed and started anew."""
    web.start()
    token = web.token("follower", "read")
    last_id = web.client.get("/v1/alerts", headers=token).json()["position"] or "0"
    web.publish(*(alert(number) for number in range(30)))
    got: list[str] = []
    published = 30
    for lost in range(100):
        if lost == 50:
            web.stop(signal.SIGKILL)
            web.start()
        if lost % 2:
            web.publish(alert(published), alert(published), alert(published, revision=2))
            published += 1
        reader = read_events(
            web, token, last_id, wanted=min(1, 30 + 2 * (published - 30) - len(got))
        )
        got += [event.alert for event in reader.events]
        last_id = reader.last_id or last_id
    first = [f"{number:020x}.1" for number in range(30)]
    rest = [f"{number:020x}.{revision}" for number in range(30, published) for revision in (1, 2)]
    remaining = len(first) + len(rest) - len(got)
    if remaining:
        reader = read_events(web, token, last_id, wanted=remaining)
        got += [event.alert for event in reader.events]
    assert got == first + rest
