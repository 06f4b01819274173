"""The embedded Kafka: librdkafka's mock cluster, the real protocol over TCP, all in memory.

It has no CreateTopics (a topic exists, with 4 partitions, once it is named) and keeps only the last
records of a partition, some megabytes: it serves a demo and a first look, not promises.
"""

from __future__ import annotations

from typing import Final

import structlog
from confluent_kafka import KafkaException, Producer

from driftline.errors import UnavailableError

START_SECONDS: Final = 10.0
PARTITIONS: Final = 4
"""How many partitions each of its topics has; librdkafka offers no choice."""

log = structlog.get_logger()


class EmbeddedKafka:
    """A one-node mock cluster inside this process, on a free port of the loopback address."""

    def __init__(self) -> None:
        self._cluster: Producer | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """The cluster's host:port; empty before `start`."""
        return self._bootstrap

    def start(self) -> str:
        """Start the cluster and return its host:port; UnavailableError when it does not answer."""
        # The cluster lives as long as the client that asked for it. Only errors are logged: it
        # would print a warning that it is a mock, which our own line says in better words.
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        try:
            brokers = self._cluster.list_topics(timeout=START_SECONDS).brokers
        except KafkaException as error:
            self._cluster = None
            message = f"the embedded Kafka did not start: {error}"
            raise UnavailableError(message) from error
        broker = next(iter(brokers.values()))
        self._bootstrap = f"{broker.host}:{broker.port}"
        log.warning(
            "embedded_kafka_started",
            address=self._bootstrap,
            note="not for production: it is in memory and ends with this process",
        )
        return self._bootstrap

    def stop(self) -> None:
        """End the cluster and all it holds; it is fine when it was never started."""
        # Dropping the last reference destroys the client, and the cluster with it.
        self._cluster = None
        self._bootstrap = ""
