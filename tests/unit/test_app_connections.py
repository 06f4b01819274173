"""Where a deployment's servers are: what is declared of them reaches the clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.app.connections import find_connections, find_redis, serve
from driftline.config.deployment import Deployment
from driftline.config.settings import Settings
from driftline.errors import UnavailableError
from driftline.store.connect import build_redis

if TYPE_CHECKING:
    from pathlib import Path


def declare(directory: Path, **redis: object) -> Deployment:
    """A deployment whose servers are real ones, without any stream."""
    settings = {"kafka": {"brokers": "kafka:9092"}, "redis": {"url": "redis://redis", **redis}}
    return Deployment(directory, Settings.model_validate(settings))


def test_all_that_is_declared_of_tls_reaches_redis(tmp_path: Path) -> None:
    """Files are below the deployment; a host's name is checked unless that is declared away."""
    tls = {"ca": "ca.pem", "cert": "us.pem", "key": "us.key", "key_password": {"env": "KEY"}}
    for check in (True, False):
        deployment = declare(tmp_path, url="rediss://redis", tls=tls | {"check_hostname": check})
        address = find_connections(deployment, {"KEY": "s3cret"}).redis
        options = build_redis(address).connection_pool.connection_kwargs
        assert options["ssl_ca_certs"] == str(tmp_path / "ca.pem")
        assert options["ssl_certfile"] == str(tmp_path / "us.pem")
        assert options["ssl_keyfile"] == str(tmp_path / "us.key")
        assert options["ssl_password"] == "s3cret"  # noqa: S105 - not one that anybody has
        assert options["ssl_check_hostname"] is check
        assert "s3cret" not in repr(address)


def test_a_worker_of_real_servers_needs_no_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is announced, so nothing has to be withdrawn where nothing may be written."""
    (tmp_path / "full").write_text("no directory")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "driftline").write_text("nor this")
    with serve(declare(tmp_path), {}) as connections:
        assert connections.kafka.bootstrap == "kafka:9092"
        assert connections.redis.shown == "redis"


def test_what_needs_redis_alone_asks_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedded Kafka may be away while Redis is a real one; an embedded Redis may not."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    settings = {"kafka": "embedded", "redis": {"url": "redis://cache:6379/1"}}
    deployment = Deployment(tmp_path, Settings.model_validate(settings))
    assert find_redis(deployment, {}).shown == "cache:6379"
    with pytest.raises(UnavailableError, match="none was started"):
        find_connections(deployment, {})
    with pytest.raises(UnavailableError, match="none was started"):
        find_redis(Deployment(tmp_path, Settings(redis="embedded")), {})
