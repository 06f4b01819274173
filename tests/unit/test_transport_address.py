"""How a cluster is reached, in the terms of both clients."""

from __future__ import annotations

import pytest

from driftline.transport.address import KafkaAddress, Sasl, Tls


def test_credentials_in_the_clear_are_refused_unless_meant() -> None:
    """SASL without TLS needs a word that it is meant."""
    sasl = Sasl("PLAIN", "me", "secret")
    with pytest.raises(ValueError, match="in the clear"):
        KafkaAddress("k:9092", sasl=sasl)
    meant = KafkaAddress("k:9092", sasl=sasl, plaintext_credentials=True)
    assert meant.protocol == "SASL_PLAINTEXT"


def test_a_secret_is_not_shown() -> None:
    """Neither passwords nor tokens are in what a log or a traceback prints."""
    address = KafkaAddress(
        "k:9092",
        tls=Tls(None, None, None, "hidden-1"),
        sasl=Sasl("SCRAM-SHA-512", "me", "hidden-2"),
    )
    assert "hidden" not in repr(address)


def test_both_clients_are_given_the_same_address() -> None:
    """Brokers, protocol, mechanism and credentials reach aiokafka and librdkafka alike."""
    address = KafkaAddress("a:1,b:2", tls=Tls(), sasl=Sasl("SCRAM-SHA-256", "me", "secret"))
    ours, theirs = address.aiokafka(), address.librdkafka()
    assert ours["bootstrap_servers"] == ["a:1", "b:2"]
    assert theirs["bootstrap.servers"] == "a:1,b:2"
    assert ours["security_protocol"] == theirs["security.protocol"] == "SASL_SSL"
    assert ours["sasl_mechanism"] == theirs["sasl.mechanism"] == "SCRAM-SHA-256"
    assert (ours["sasl_plain_password"], theirs["sasl.password"]) == ("secret", "secret")
    assert ours["ssl_context"].check_hostname


async def test_bearer_tokens_come_from_their_source() -> None:
    """OAUTHBEARER takes a source that may block, and gives it to both clients."""
    address = KafkaAddress(
        "a:1", tls=Tls(), sasl=Sasl("OAUTHBEARER", token=lambda: ("token", 1e10))
    )
    assert await address.aiokafka()["sasl_oauth_token_provider"].token() == "token"
    assert address.librdkafka()["oauth_cb"]("") == ("token", 1e10)
    with pytest.raises(ValueError, match="OAUTHBEARER"):
        Sasl("OAUTHBEARER", "me", "secret")
