"""How to reach a Kafka cluster, for both clients: aiokafka moves records, librdkafka is admin."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from aiokafka.abc import AbstractTokenProvider

Mechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
TokenSource: TypeAlias = Callable[[], tuple[str, float]]
"""Gives a bearer token and the Unix time at which it expires. May block: it is called in a
thread."""


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS to the brokers, by paths of PEM files; without `ca_file` the system's roots count."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)
    check_hostname: bool = True

    def context(self) -> ssl.SSLContext:
        """What aiokafka takes. Raises `OSError` (so does ssl) where a file is missing or wrong."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.check_hostname = self.check_hostname
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file, self.key_password)
        return context


@dataclass(frozen=True, slots=True)
class Sasl:
    """Who we are to the brokers: a name and password, or for OAUTHBEARER a source of tokens."""

    mechanism: Mechanism
    username: str = ""
    password: str = field(default="", repr=False)
    token: TokenSource | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot work, before a broker does it without saying why."""
        if (self.mechanism == "OAUTHBEARER") != (self.token is not None):
            msg = "a token source belongs to OAUTHBEARER, a name and password to the others"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Where the brokers are and how to speak to them.

    Credentials over a connection that is not encrypted are refused with `ValueError`, unless
    `plaintext_credentials` says that it is meant.
    """

    bootstrap: str
    """`host:port`, several separated by commas."""
    tls: Tls | None = None
    sasl: Sasl | None = None
    plaintext_credentials: bool = False

    def __post_init__(self) -> None:
        """Refuse credentials in the clear."""
        if self.sasl is not None and self.tls is None and not self.plaintext_credentials:
            msg = "SASL without TLS would send the credentials in the clear"
            raise ValueError(msg)

    @property
    def protocol(self) -> str:
        """Kafka's name for the pair of choices, such as `SASL_SSL`."""
        secure = "SSL" if self.tls is not None else "PLAINTEXT"
        return f"SASL_{secure}" if self.sasl is not None else secure

    def aiokafka(self) -> dict[str, Any]:
        """Arguments for aiokafka's consumer and producer. Call it in the event loop's thread."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": self.protocol,
        }
        if self.tls is not None:
            options["ssl_context"] = self.tls.context()
        if self.sasl is not None:
            options["sasl_mechanism"] = self.sasl.mechanism
            if self.sasl.token is not None:
                options["sasl_oauth_token_provider"] = _Tokens(self.sasl.token)
            else:
                options["sasl_plain_username"] = self.sasl.username
                options["sasl_plain_password"] = self.sasl.password
        return options

    def librdkafka(self) -> dict[str, Any]:
        """Configuration for confluent-kafka's clients."""
        options: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.protocol,
        }
        if self.tls is not None:
            options |= _librdkafka_tls(self.tls)
        if self.sasl is not None:
            options["sasl.mechanism"] = self.sasl.mechanism
            if (token := self.sasl.token) is not None:
                options["oauth_cb"] = lambda _config: token()
            else:
                options["sasl.username"] = self.sasl.username
                options["sasl.password"] = self.sasl.password
        return options


def _librdkafka_tls(tls: Tls) -> dict[str, Any]:
    named = {
        "ssl.ca.location": tls.ca_file,
        "ssl.certificate.location": tls.cert_file,
        "ssl.key.location": tls.key_file,
        "ssl.key.password": tls.key_password,
    }
    present: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    algorithm = "https" if tls.check_hostname else "none"
    return present | {"ssl.endpoint.identification.algorithm": algorithm}


class _Tokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """Hands aiokafka the tokens of a source that may block."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        token, _expires = await asyncio.to_thread(self._source)
        return token
