"""A real Apache Kafka broker (KRaft, one node) for tests, from Maven Central's jars.

The jars are cached outside the tree, in `$XDG_CACHE_HOME/driftline/kafka/<version>`; a started
broker keeps its data and its log in the directory it is given, so it can be stopped, killed and
started again with all it holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from driftline.embedded.process import LOOPBACK, ChildProcess, free_port
from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NEWEST: Final = ("3.9.2", "4.4.0")
"""The newest releases of 3.9 and of 4 that Maven Central serves."""

CLUSTER_ID: Final = "ZHJpZnRsaW5lLXRlc3RzAA"
START_SECONDS: Final = 60.0
MAVEN_SECONDS: Final = 300.0

# Small and quick rather than fast: a test's broker shares two cores with what it tests.
JVM: Final = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)

POM: Final = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>driftline.tests</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""

SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # After a crash a broker may come back only when its old session has ended: 9 s by default.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    # Recorded data is stamped years ago: the default retention deletes it within minutes.
    "log.retention.ms": "-1",
    "log.message.timestamp.before.max.ms": "9223372036854775807",
    # Only what a test or driftline creates on purpose exists.
    "auto.create.topics.enable": "false",
}


class KafkaBroker:
    """One broker: `start`, `stop`, `kill`, and `start` again, same port, same data."""

    def __init__(
        self,
        version: str,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        jvm: Sequence[str] = JVM,
    ) -> None:
        self.version = version
        self._jvm = jvm
        self.port = free_port()
        self.bootstrap = f"{LOOPBACK}:{self.port}"
        self.log = directory / "kafka.log"
        self._directory = directory
        self._classpath = str(resolve_jars(version) / "*")
        self._properties = directory / "server.properties"
        self._write_properties(settings or {})
        self._format()
        self._child = ChildProcess(
            self._java("kafka.Kafka", str(self._properties)), directory=directory, log=self.log
        )

    @property
    def pid(self) -> int:
        """The broker's own process id."""
        return self._child.pid

    def start(self) -> None:
        """Start the broker and wait until it answers a client."""
        self._child.start()
        self._child.wait_reachable(self.port, seconds=START_SECONDS)
        wait_ready(self.bootstrap, seconds=START_SECONDS)

    def stop(self) -> None:
        """Stop the broker in order."""
        self._child.stop(grace_seconds=20)

    def kill(self) -> None:
        """End the broker as a crash would."""
        self._child.kill()

    def _write_properties(self, settings: Mapping[str, str]) -> None:
        controller = free_port()
        values = {
            **SETTINGS,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
            "log.dirs": str(self._directory / "data"),
            **settings,
        }
        lines = (f"{key}={value}\n" for key, value in values.items())
        self._properties.write_text("".join(lines), encoding="utf-8")

    def _format(self) -> None:
        command = self._java(
            "kafka.tools.StorageTool",
            *("format", "-t", CLUSTER_ID, "-c", str(self._properties)),
        )
        run(command, seconds=START_SECONDS)

    def _java(self, *arguments: str) -> tuple[str, ...]:
        return (executable("java"), *self._jvm, "-cp", self._classpath, *arguments)


class ExternalKafka:
    """A broker that was already there (DRIFTLINE_TEST_KAFKA): it is used, not stopped."""

    version = "external"

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """Wait until it answers a client."""
        wait_ready(self.bootstrap, seconds=10)

    def stop(self) -> None:
        """Refuse: it is not ours."""
        message = "the broker of DRIFTLINE_TEST_KAFKA is not ours to stop"
        raise UnavailableError(message)

    kill = stop


def wait_ready(bootstrap: str, *, seconds: float) -> None:
    """Return as soon as the broker answers a client; UnavailableError when it does not."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    deadline = time.monotonic() + seconds
    while True:
        try:
            if admin.list_topics(timeout=1.0).brokers:
                return
        except KafkaException as error:
            if time.monotonic() > deadline:
                message = f"no Kafka at {bootstrap} after {seconds:g} s: {error}"
                raise UnavailableError(message) from error


def resolve_jars(version: str) -> Path:
    """The directory with this version's jars, brought from Maven Central the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jars = cache / "driftline" / "kafka" / version
    if jars.is_dir():
        return jars
    jars.parent.mkdir(parents=True, exist_ok=True)
    # Moved into place in one step: a run that is cut short leaves no half-filled directory behind.
    with tempfile.TemporaryDirectory(dir=jars.parent) as scratch:
        pom = Path(scratch) / "pom.xml"
        pom.write_text(POM.format(version=version), encoding="utf-8")
        brought = Path(scratch) / "jars"
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        options = ("-q", "-B", "-f", str(pom), f"-DoutputDirectory={brought}")
        run((executable("mvn"), *options, goal), seconds=MAVEN_SECONDS)
        try:
            brought.rename(jars)
        except OSError:
            # Another run has brought them meanwhile.
            if not jars.is_dir():
                raise
    return jars


def executable(name: str) -> str:
    """Path of a program on the PATH; UnavailableError when it is missing."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not on the PATH: a real Kafka broker needs Java 17 and Maven"
        raise UnavailableError(message)
    return found


def run(command: tuple[str, ...], *, seconds: float) -> None:
    """Run a command to its end; UnavailableError with what it printed when it fails."""
    try:
        subprocess.run(
            command, check=True, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        printed = (error.stdout or b"") + (error.stderr or b"")
        message = f"{Path(command[0]).name} failed: {printed.decode(errors='replace')[-2000:]}"
        raise UnavailableError(message) from error
