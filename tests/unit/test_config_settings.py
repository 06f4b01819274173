"""How a deployment runs: defaults, addresses from the environment, and secrets that stay secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from driftline.config.credentials import SecretSource, fetch_secret
from driftline.config.servers import KafkaSettings, RedisSettings
from driftline.config.settings import Settings, with_environment
from driftline.errors import DeploymentError, DriftlineError

SASL: dict[str, Any] = {"mechanism": "PLAIN", "username": "me", "password": {"env": "PW"}}


def test_everything_has_a_default() -> None:
    """Without a file driftline runs on embedded servers, quietly."""
    settings = Settings()
    assert (settings.kafka, settings.redis) == ("embedded", "embedded")
    names = ("events", "dead-letters", "alerts", "retrain")
    assert settings.own_topics == tuple(f"driftline.{name}" for name in names)
    assert settings.topics.events_partitions == 4
    assert settings.metrics.port is None
    assert settings.metrics.host == "127.0.0.1"


def test_the_name_prefixes_the_own_topics() -> None:
    """Two deployments on one cluster never meet, unless alerts are sent to one topic on purpose."""
    assert Settings(name="shop").alerts_topic == "shop.alerts"
    settings = Settings.model_validate({"name": "shop", "topics": {"alerts": "all.alerts"}})
    assert settings.own_topics == ("shop.events", "shop.dead-letters", "all.alerts", "shop.retrain")


def test_the_environment_overrides_addresses() -> None:
    """Embedded servers give way to the named ones."""
    environ = {"DRIFTLINE_KAFKA": "a:1,b:2", "DRIFTLINE_REDIS": "redis://r:6379/1"}
    settings = with_environment(Settings(name="shop"), environ)
    assert isinstance(settings.kafka, KafkaSettings)
    assert isinstance(settings.redis, RedisSettings)
    assert settings.kafka.bootstrap == "a:1,b:2"
    assert settings.redis.url == "redis://r:6379/1"
    assert settings.name == "shop"


def test_an_empty_environment_changes_nothing() -> None:
    """A variable that is set to nothing is as one that is not set."""
    settings = Settings()
    assert with_environment(settings, {}) is settings
    assert with_environment(settings, {"DRIFTLINE_KAFKA": "", "DRIFTLINE_REDIS": ""}) is settings


def test_credentials_hold_for_an_address_from_the_environment() -> None:
    """What is declared beside an address is kept; what the URL itself says replaces it."""
    settings = Settings.model_validate(
        {
            "kafka": {"brokers": "a:1", "tls": True, "sasl": SASL},
            "redis": {"url": "rediss://a", "tls": {"ca": "ca.pem"}, "password": {"env": "PW"}},
        },
    )
    moved = with_environment(
        settings, {"DRIFTLINE_KAFKA": "b:2", "DRIFTLINE_REDIS": "rediss://u:p%40ss@b:1/2"}
    )
    assert isinstance(moved.kafka, KafkaSettings)
    assert isinstance(settings.kafka, KafkaSettings)
    assert (moved.kafka.brokers, moved.kafka.sasl) == (("b:2",), settings.kafka.sasl)
    assert isinstance(moved.redis, RedisSettings)
    assert (moved.redis.url, moved.redis.username) == ("rediss://b:1/2", "u")
    assert moved.redis.password == SecretStr("p@ss")
    assert moved.redis.tls is not None
    plain = with_environment(settings, {"DRIFTLINE_REDIS": "redis://c"})
    assert isinstance(plain.redis, RedisSettings)
    assert plain.redis.tls is None
    assert plain.redis.password == SecretSource(env="PW")


def test_a_password_from_the_environment_is_never_printed() -> None:
    """Neither by repr nor by str nor in JSON nor when the address is wrong."""
    settings = with_environment(Settings(), {"DRIFTLINE_REDIS": "redis://:hunter2@r"})
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    for wrong in (
        "redis://:hunter2@r:port",
        "http://:hunter2@r",
        "redis://[:hunter2@r",
        ":hunter2@",
    ):
        with pytest.raises(
            DeploymentError, match="environment: DRIFTLINE_REDIS: should be"
        ) as caught:
            with_environment(Settings(), {"DRIFTLINE_REDIS": wrong})
        assert "hunter2" not in str(caught.value)


def test_wrong_addresses_are_told_together() -> None:
    """Both variables are looked at before anything is said."""
    with pytest.raises(DeploymentError) as caught:
        with_environment(Settings(), {"DRIFTLINE_KAFKA": "nowhere", "DRIFTLINE_REDIS": "r:6379"})
    assert [(problem.key, problem.message[:19]) for problem in caught.value.problems] == [
        ("DRIFTLINE_KAFKA", "should be host:port"),
        ("DRIFTLINE_REDIS", "should be such as r"),
    ]


@pytest.mark.parametrize(
    "brokers", ["a:9092", "a:1, b:2", "[::1]:9092", "10.0.0.1:9092", ["a:1", "b-c.d:2"]]
)
def test_brokers_are_hosts_with_ports(brokers: Any) -> None:
    """As one text or a list."""
    assert KafkaSettings(brokers=brokers).brokers


@pytest.mark.parametrize(
    "brokers",
    ["", "a", "a:", ":1", "a:x", "a:99999", "a:1,", "http://a:1", "a:1/x", "a b:1", [], [1]],
)
def test_what_is_no_broker_is_refused(brokers: Any) -> None:
    """A typo is found here and not by a client that retries for ever."""
    with pytest.raises(ValidationError):
        KafkaSettings(brokers=brokers)


def test_credentials_go_in_the_clear_only_when_that_is_meant() -> None:
    """Kafka's client would send them without a word."""
    with pytest.raises(ValidationError, match="in the clear"):
        KafkaSettings.model_validate({"brokers": "a:1", "sasl": SASL})
    KafkaSettings.model_validate({"brokers": "a:1", "sasl": {**SASL, "allow_plaintext": True}})
    KafkaSettings.model_validate({"brokers": "a:1", "tls": True, "sasl": SASL})
    with pytest.raises(ValidationError, match="in the clear"):
        KafkaSettings.model_validate({"brokers": "a:1", "tls": False, "sasl": SASL})


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """A file is relative to the deployment; its line end is not part of the secret."""
    (tmp_path / "pw").write_text("from file \n")
    assert fetch_secret(SecretSource(env="PW"), tmp_path, {"PW": "from env"}) == "from env"
    assert fetch_secret(SecretSource(file="pw"), tmp_path, {}) == "from file "
    assert fetch_secret(SecretSource(file=str(tmp_path / "pw")), Path(), {}) == "from file "
    assert fetch_secret(SecretStr("from code"), tmp_path, {}) == "from code"


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    """By its variable or file, before a server refuses us for another reason."""
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(DriftlineError, match="environment variable PW is not set or empty"):
        fetch_secret(SecretSource(env="PW"), tmp_path, {})
    with pytest.raises(DriftlineError, match="file empty is not set or empty"):
        fetch_secret(SecretSource(file="empty"), tmp_path, {})
    with pytest.raises(DriftlineError, match="file none cannot be read: No such file"):
        fetch_secret(SecretSource(file="none"), tmp_path, {})
