"""What is relied on of redis-py beyond its documentation."""

from __future__ import annotations

from redis._parsers import _AsyncHiredisParser

from driftline.store.connect import RedisAddress, build_redis


async def test_answers_are_read_by_hiredis() -> None:
    """It is taken where it is installed; the parser in Python takes ten times as long."""
    connection = build_redis(RedisAddress("redis://127.0.0.1:1")).connection_pool.make_connection()
    assert isinstance(connection._parser, _AsyncHiredisParser)
