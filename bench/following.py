"""Reading a topic as it grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator


def values_of(bootstrap: str, topic: str) -> Iterator[bytes | None]:
    """The values of a topic as they can be read, from its start; None now and then.

    A topic that is not there yet is waited for.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench.watch",
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
    )
    try:
        while not (partitions := consumer.list_topics(topic, timeout=10).topics[topic].partitions):
            yield None
            time.sleep(0.05)
        consumer.assign([TopicPartition(topic, one, 0) for one in partitions])
        while True:
            message = consumer.poll(0.05)
            yield None if message is None or message.error() else message.value()
    finally:
        consumer.close()
