"""What is relied on of redis-py beyond its documentation."""

from __future__ import annotations

from redis._parsers import _AsyncHiredisParser

from driftline.store.connect import RedisAddress, build_redis


async def test_answers_are_read_by_hiredis() -> None:
    """It is taken where it is installed; the parser in Python takes ten times as long."""
    pool = build_redis(RedisAddress("redis://127.0.0.1:1")).connection_pool
    connection = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it so
    assert isinstance(connection._parser, _AsyncHiredisParser)
