"""The servers that other tests stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from confluent_kafka import Consumer, Producer

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.kafka_broker import KafkaBroker
    from support.redis_server import RedisServer


def test_a_broker_keeps_records_stamped_years_ago_over_a_crash(
    kafka: KafkaBroker, make_topic: Callable[..., str], unique_name: Callable[[str], str]
) -> None:
    """A record stamped in 2019 is read back after the broker was killed and started again."""
    topic = make_topic("old", partitions=1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, b"old", timestamp=1_546_300_800_000)
    assert producer.flush(20) == 0
    if kafka.version != "external":
        kafka.kill()
        kafka.start()
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": unique_name("group"),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.value() == b"old"


def test_a_redis_keeps_what_it_acknowledged_over_a_crash(
    redis_server: RedisServer, redis_url: str
) -> None:
    """A key that was written is there after SIGKILL and a new start."""
    with redis.Redis.from_url(redis_url) as client:
        client.set("key", "value")
    redis_server.kill()
    with pytest.raises(redis.ConnectionError), redis.Redis.from_url(redis_url) as client:
        client.ping()
    redis_server.start()
    with redis.Redis.from_url(redis_url) as client:
        assert client.get("key") == b"value"
