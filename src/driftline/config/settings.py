"""How a deployment runs: config/driftline.yaml, or the same in code. All of it has defaults."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError

from driftline.config.durations import Duration, between
from driftline.config.problems import find_problems
from driftline.config.servers import Kafka, KafkaSettings, Redis, RedisSettings
from driftline.config.spec import Line, Spec, Topic, Whole
from driftline.errors import DeploymentError, Problem

KAFKA_VARIABLE: Final = "DRIFTLINE_KAFKA"
REDIS_VARIABLE: Final = "DRIFTLINE_REDIS"


class TopicsSettings(Spec):
    """driftline's own topics."""

    alerts: Topic | None = None
    """The topic of alert events; None: `<name>.alerts`."""
    retrain: Topic | None = None
    """The topic of requests for a retraining; None: `<name>.retrain`."""
    events_partitions: Annotated[Whole, Field(ge=1, le=1_024)] = 4
    """Partitions of the events log: fixed once it is made, an instance's is its key's hash."""
    replication_factor: Annotated[Whole, Field(ge=1, le=15)] | None = None
    """Copies of each partition, 3 in production; None: what the brokers are set to."""
    min_insync_replicas: Annotated[Whole, Field(ge=1, le=15)] | None = None
    """Copies that must have a record before it counts, 2 in production; None: as brokers say."""
    events_retention: Annotated[Duration, between("1h", "3650d")] = timedelta(days=7)
    """Longer than the age of the oldest Redis backup that may ever be restored."""
    dead_letters_retention: Annotated[Duration, between("1h", "3650d")] = timedelta(days=30)
    alerts_retention: Annotated[Duration, between("1h", "3650d")] = timedelta(days=365)
    """Of the alerts and of the requests for a retraining."""


class WorkerSettings(Spec):
    """How a worker paces itself."""

    checkpoint_interval: Annotated[Duration, between("100ms", "1m")] = timedelta(seconds=1)
    """How old the oldest change that is not yet in Redis may become."""
    progress_interval: Annotated[Duration, between("100ms", "1m")] = timedelta(seconds=5)
    """How often a reader says how far it is when nothing comes."""
    max_batch: Annotated[Whole, Field(ge=1, le=50_000)] = 8_000
    """Records of one fetch, at most."""
    session_timeout: Annotated[Duration, between("1s", "30m")] = timedelta(seconds=6)
    """After how long without a sign of life a worker's partitions and receivers go to another."""
    stall_after: Annotated[Duration, between("10s", "1h")] = timedelta(minutes=2)
    """A worker with records to read that gets nothing done for so long ends, to be started anew."""
    group_instance_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")] | None = None
    """Stays with this worker over restarts, so that a quick one causes no rebalance."""


class MetricsSettings(Spec):
    """Prometheus metrics, and the health pages beside them."""

    port: Annotated[Whole, Field(ge=1, le=65_535)] | None = None
    """None: off."""
    host: Line = "127.0.0.1"


Origin: TypeAlias = Annotated[str, Field(max_length=300, pattern=r"^https?://[a-zA-Z0-9.\[\]:-]+$")]
"""Where a web page comes from, as browsers say it: scheme, host and port, and nothing behind."""


class WebSettings(Spec):
    """The HTTP API: `driftline web`."""

    host: Line = "127.0.0.1"
    port: Annotated[Whole, Field(ge=1, le=65_535)] = 8460
    cors_origins: Annotated[tuple[Origin, ...], Field(max_length=100)] = ()
    """Sites whose pages may read answers; none by default."""
    max_body_bytes: Annotated[Whole, Field(ge=1_000, le=10_000_000)] = 65_536
    requests_per_minute: Annotated[Whole, Field(ge=1, le=1_000_000)] = 600
    """Of one token, in one process; all of them may come at once."""


class HealthSettings(Spec):
    """When the monitor's own state is an alert."""

    lag: Annotated[Duration, between("10s", "30d")] = timedelta(minutes=5)
    """How far a role may be behind in a topic, for longer than a minute."""
    dead_letter_share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """How many of a stream's latest 1,000 records may be refused."""


class LogsSettings(Spec):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    """auto: console on a terminal, else JSON."""


class Settings(Spec):
    """How this deployment runs."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")] = "driftline"
    """Prefixes consumer groups, own topics and Redis keys, so that two deployments never meet."""
    kafka: Kafka = "embedded"
    redis: Redis = "embedded"
    topics: TopicsSettings = TopicsSettings()
    worker: WorkerSettings = WorkerSettings()
    metrics: MetricsSettings = MetricsSettings()
    web: WebSettings = WebSettings()
    health: HealthSettings = HealthSettings()
    logs: LogsSettings = LogsSettings()

    @property
    def alerts_topic(self) -> str:
        """Where alert events go."""
        return self.topics.alerts or f"{self.name}.alerts"

    @property
    def events_topic(self) -> str:
        """The events log."""
        return f"{self.name}.events"

    @property
    def dead_letters_topic(self) -> str:
        """Where records go that were refused."""
        return f"{self.name}.dead-letters"

    @property
    def retrain_topic(self) -> str:
        """Where requests for a retraining go."""
        return self.topics.retrain or f"{self.name}.retrain"

    @property
    def own_topics(self) -> tuple[str, str, str, str]:
        """The topics that driftline itself writes."""
        return self.events_topic, self.dead_letters_topic, self.alerts_topic, self.retrain_topic


def with_environment(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings with the addresses that the environment names, where it names any.

    DRIFTLINE_KAFKA is host:port (several separated by commas), DRIFTLINE_REDIS a redis:// or
    rediss:// URL, in which a user and password may stand. What else the settings declare of a
    server holds for the new address too, but for what the URL says: who we are, whether by TLS.

    Raises:
        DeploymentError: an address is none.
    """
    found: list[Problem] = []
    changes: dict[str, object] = {}
    if address := environ.get(KAFKA_VARIABLE):
        moved = {**_declared(settings.kafka), "brokers": address}
        changes["kafka"] = _checked(KafkaSettings, moved, KAFKA_VARIABLE, found)
    if address := environ.get(REDIS_VARIABLE):
        moved = _moved(_declared(settings.redis), address)
        changes["redis"] = _checked(RedisSettings, moved, REDIS_VARIABLE, found)
    if found:
        raise DeploymentError(found)
    return settings.model_copy(update=changes) if changes else settings


def _declared(servers: Spec | str) -> dict[str, Any]:
    if isinstance(servers, str):
        return {}
    return {name: getattr(servers, name) for name in servers.model_fields_set}


def _moved(declared: dict[str, Any], address: str) -> dict[str, Any]:
    """What is declared of a Redis, at another URL, whose password goes where none is printed."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return {"url": ""}
    user, at, place = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    moved = {**declared, "url": parts._replace(netloc=place).geturl()}
    if at:
        moved["username"] = unquote(name) or None
        moved["password"] = SecretStr(unquote(password)) if password else None
    if parts.scheme == "redis":
        moved["tls"] = None
    return moved


def _checked(
    model: type[Spec], data: dict[str, Any], variable: str, found: list[Problem]
) -> Spec | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found += [
            Problem("environment", variable, message)
            for _, message in find_problems(error, model, data)
        ]
        return None
