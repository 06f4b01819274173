"""Fixtures that every test may use: a real Kafka broker, a real Redis, names nobody else uses.

`DRIFTLINE_TEST_KAFKA=host:port` uses a broker that is already there;
`DRIFTLINE_TEST_KAFKA_VERSIONS=4.4.0` (a comma list) starts others than the newest ones. Where a
server cannot be had its tests are skipped with the reason; under CI=true that is a failure.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest
import redis
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import HealthCheck, settings

from driftline.errors import UnavailableError
from support.kafka_broker import NEWEST, ExternalKafka, KafkaBroker
from support.redis_server import AT_EVERY_WRITE, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

# A shell starts what runs in the background with SIGINT ignored, and children inherit that: those
# that a test interrupts would not notice.
signal.signal(signal.SIGINT, signal.default_int_handler)

KAFKA_OF_TEST = "DRIFTLINE_TEST_KAFKA"
VERSIONS_OF_TEST = "DRIFTLINE_TEST_KAFKA_VERSIONS"
SERVER_FIXTURES = frozenset({"kafka", "redis_server"})
EXTERNAL = "external"

_serial = itertools.count()

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile(
    "driftline",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# CI tries the same examples each time: what it refuses is the change, and no new luck.
settings.register_profile("ci", settings.get_profile("driftline"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "driftline")


def kafka_versions() -> list[str]:
    """The Kafka versions to test against, in the order in which they are started."""
    if os.environ.get(KAFKA_OF_TEST):
        return [EXTERNAL]
    chosen = os.environ.get(VERSIONS_OF_TEST, ",".join(NEWEST))
    return [version.strip() for version in chosen.split(",") if version.strip()]


@pytest.fixture(scope="session", params=kafka_versions())
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaBroker | ExternalKafka]:
    """A running Kafka broker: `.bootstrap`, `.version`, `.stop()`, `.kill()`, `.start()`.

    Tests that use it run once for each version, one broker at a time. It creates no topic unasked.
    """
    version: str = request.param
    try:
        broker: KafkaBroker | ExternalKafka
        if version == EXTERNAL:
            broker = ExternalKafka(os.environ[KAFKA_OF_TEST])
        else:
            broker = KafkaBroker(version, tmp_path_factory.mktemp(f"kafka-{version}"))
        broker.start()
    except UnavailableError as error:
        pytest.skip(f"no Kafka {version}: {error}")
    yield broker
    if isinstance(broker, KafkaBroker):
        broker.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A running redis-server with AOF: `.url`, `.port`, `.stop()`, `.kill()`, `.start()`."""
    try:
        server = RedisServer(tmp_path_factory.mktemp("redis"), settings=AT_EVERY_WRITE)
        server.start()
    except UnavailableError as error:
        pytest.skip(f"no Redis: {error}")
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of a Redis that is empty when the test begins."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def unique_name(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Names for topics, groups and deployments that no other test of this machine uses."""
    test = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:60].strip("-")

    def name(suffix: str) -> str:
        return f"{test}-{os.getpid()}-{next(_serial)}.{suffix}"

    return name


@pytest.fixture
def make_topic(
    kafka: KafkaBroker | ExternalKafka, unique_name: Callable[[str], str]
) -> Callable[..., str]:
    """`make_topic("predictions", partitions=2) -> name`: a topic for this test alone."""

    def make(suffix: str, *, partitions: int = 1, config: dict[str, str] | None = None) -> str:
        name = unique_name(suffix)
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.create_topics([topic])[name].result(timeout=20)
        return name

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, by what it asks for: `-m "not server"` leaves it out."""
    for item in items:
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI=true a test that needs a server and is skipped has failed."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and item.get_closest_marker("server"):
        excuse = call.excinfo.exconly() if call.excinfo else "skipped"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs a server, and CI has to have it: {excuse}"
    return report
