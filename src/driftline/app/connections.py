"""Where Kafka and Redis are for a deployment: declared, from the environment, or embedded."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from driftline.config.credentials import fetch_secret
from driftline.config.servers import EMBEDDED, KafkaSettings, RedisSettings
from driftline.embedded.kafka import EmbeddedKafka
from driftline.embedded.redis import EmbeddedRedis
from driftline.embedded.registry import announce, find_embedded, withdraw
from driftline.store.connect import RedisAddress
from driftline.transport.address import KafkaAddress, Sasl, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from driftline.config.credentials import Secret
    from driftline.config.deployment import Deployment
    from driftline.config.servers import TlsSettings

TOKEN_LIFETIME_SECONDS: Final = 300.0
"""After so long a bearer token is read again from where it is declared to be."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Where a deployment's servers are."""

    kafka: KafkaAddress
    redis: RedisAddress
    kafka_embedded: bool = False
    """Its topics appear when they are first named."""
    redis_embedded: bool = False
    """It is not expected to outlive its worker."""


def find_connections(deployment: Deployment, environ: Mapping[str, str]) -> Connections:
    """The servers to use from a second command: for `embedded` those of a running worker.

    Raises:
        UnavailableError: a server is embedded, and no worker runs.
        DriftlineError: a secret cannot be read.
    """
    settings = deployment.settings
    kafka = redis = None
    if EMBEDDED in (settings.kafka, settings.redis):
        running = find_embedded(deployment.directory.resolve(), settings.name)
        kafka, redis = running.kafka, running.redis
    return _connections(deployment, environ, kafka, redis)


def find_redis(deployment: Deployment, environ: Mapping[str, str]) -> RedisAddress:
    """The Redis to use from a second command that needs no Kafka.

    Raises:
        UnavailableError: it is embedded, and no worker runs.
        DriftlineError: a secret cannot be read.
    """
    settings = deployment.settings
    embedded = None
    if settings.redis == EMBEDDED:
        embedded = find_embedded(deployment.directory.resolve(), settings.name).redis
    return _redis(deployment, environ, embedded)


@contextmanager
def serve(deployment: Deployment, environ: Mapping[str, str]) -> Iterator[Connections]:
    """The servers to use from a worker: embedded ones are started, and stopped in the end.

    Raises:
        UnavailableError: an embedded server does not start, or another worker has them already.
        DriftlineError: a secret cannot be read.
    """
    settings = deployment.settings
    directory = deployment.directory.resolve()
    kafka = EmbeddedKafka() if settings.kafka == EMBEDDED else None
    redis = EmbeddedRedis() if settings.redis == EMBEDDED else None
    try:
        kafka_address = kafka.start() if kafka is not None else None
        redis_address = redis.start() if redis is not None else None
        connections = _connections(deployment, environ, kafka_address, redis_address)
        if kafka is None and redis is None:
            yield connections
            return
        announce(directory, settings.name, kafka=kafka_address, redis=redis_address)
        try:
            yield connections
        finally:
            withdraw(directory, settings.name)
    finally:
        if redis is not None:
            redis.stop()
        if kafka is not None:
            kafka.stop()


def _connections(
    deployment: Deployment,
    environ: Mapping[str, str],
    kafka: str | None,
    redis: str | None,
) -> Connections:
    settings, directory = deployment.settings, deployment.directory
    return Connections(
        kafka=KafkaAddress(kafka or "")
        if not isinstance(settings.kafka, KafkaSettings)
        else _kafka_address(settings.kafka, directory, environ),
        redis=_redis(deployment, environ, redis),
        kafka_embedded=settings.kafka == EMBEDDED,
        redis_embedded=settings.redis == EMBEDDED,
    )


def _redis(
    deployment: Deployment, environ: Mapping[str, str], embedded: str | None
) -> RedisAddress:
    declared = deployment.settings.redis
    if not isinstance(declared, RedisSettings):
        return RedisAddress(embedded or "")
    return _redis_address(declared, deployment.directory, environ)


def _kafka_address(
    settings: KafkaSettings, directory: Path, environ: Mapping[str, str]
) -> KafkaAddress:
    sasl = None
    declared = settings.sasl
    if declared is not None:

        def secret(source: Secret | None) -> str:
            return fetch_secret(source, directory, environ) if source is not None else ""

        if declared.mechanism == "OAUTHBEARER":
            sasl = Sasl(
                declared.mechanism,
                token=lambda: (secret(declared.token), time.time() + TOKEN_LIFETIME_SECONDS),
            )
        else:
            sasl = Sasl(declared.mechanism, declared.username or "", secret(declared.password))
    return KafkaAddress(
        settings.bootstrap,
        tls=_tls(settings.tls, directory, environ) if settings.tls is not None else None,
        sasl=sasl,
        plaintext_credentials=declared is not None and declared.allow_plaintext,
    )


def _tls(settings: TlsSettings, directory: Path, environ: Mapping[str, str]) -> Tls:
    def below(file: str | None) -> str | None:
        return str(directory / file) if file is not None else None

    password = settings.key_password
    return Tls(
        ca_file=below(settings.ca),
        cert_file=below(settings.cert),
        key_file=below(settings.key),
        key_password=fetch_secret(password, directory, environ) if password is not None else None,
        check_hostname=settings.check_hostname,
    )


def _redis_address(
    settings: RedisSettings, directory: Path, environ: Mapping[str, str]
) -> RedisAddress:
    password = settings.password
    tls = _tls(settings.tls, directory, environ) if settings.tls is not None else Tls()
    return RedisAddress(
        settings.url,
        username=settings.username,
        password=fetch_secret(password, directory, environ) if password is not None else None,
        tls_ca=tls.ca_file,
        tls_cert=tls.cert_file,
        tls_key=tls.key_file,
        tls_key_password=tls.key_password,
        tls_check_hostname=tls.check_hostname,
    )
