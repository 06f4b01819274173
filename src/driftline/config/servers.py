"""Where Kafka and Redis are and who driftline is to them.

These are `kafka:` and `redis:` of config/driftline.yaml.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from driftline.config.credentials import Secret
from driftline.config.spec import Flag, Line, Spec, refuse, refuse_all, wrong

EMBEDDED: Final = "embedded"

_BROKER: Final = "should be host:port, several as a list or separated by commas"
_URL_WITH_USER: Final = (
    "should hold no user or password; declare `username`,"
    " and `password: {env: NAME}` or {file: PATH}"
)
_URL: Final = "should be such as redis://host:6379/0, or rediss:// for TLS"


def _broker(address: str) -> str:
    parts = _split("kafka://" + address, _BROKER)
    if parts.username is not None or parts.password is not None:
        refuse("should hold no user or password; declare `sasl`")
    if (
        not parts.hostname
        or _port(parts, _BROKER) is None
        or parts.path
        or parts.query
        or parts.fragment
    ):
        refuse(_BROKER)
    return address


def _split(url: str, expected: str) -> SplitResult:
    if not url.isprintable() or " " in url:
        refuse(expected)
    try:
        return urlsplit(url)
    except ValueError:
        raise wrong(expected) from None


def _port(parts: SplitResult, expected: str) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise wrong(expected) from None


def _read_brokers(value: object) -> object:
    return tuple(one.strip() for one in value.split(",")) if isinstance(value, str) else value


def _redis_url(url: str) -> str:
    parts = _split(url, _URL)
    if parts.password is not None or parts.username is not None:
        refuse(_URL_WITH_USER)
    database = parts.path.removeprefix("/")
    right = (
        parts.scheme in {"redis", "rediss"}
        and parts.hostname
        and (not database or (database.isascii() and database.isdigit()))
        and not parts.query
        and not parts.fragment
    )
    if not right:
        refuse(_URL)
    _port(parts, _URL)
    return url


class TlsSettings(Spec):
    """TLS: files in PEM form, relative to the deployment's directory.

    `tls: true` trusts the system's authorities.
    """

    ca: Line | None = None
    """Whom to trust; None: the system's authorities."""
    cert: Line | None = None
    key: Line | None = None
    key_password: Secret | None = None
    check_hostname: Flag = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = []
        if self.cert is None and self.key is not None:
            found.append(("cert", "is required beside `key`"))
        if self.key is None and (self.cert is not None or self.key_password is not None):
            found.append(("key", "is required beside `cert` and `key_password`"))
        refuse_all(found)
        return self


def _read_tls(value: object) -> object:
    if isinstance(value, bool):
        return {} if value else None
    return value


Tls: TypeAlias = Annotated[
    TlsSettings | None,
    BeforeValidator(_read_tls, json_schema_input_type=bool | TlsSettings | None),
]


class SaslSettings(Spec):
    """Who driftline is to the brokers."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
    username: Line | None = None
    password: Secret | None = None
    token: Secret | None = None
    """OAUTHBEARER: the bearer token; a file is read again whenever a token is needed."""
    allow_plaintext: Flag = False
    """Send them over a connection without TLS."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        bearer = self.mechanism == "OAUTHBEARER"
        token: tuple[str, ...] = ("token",)
        password: tuple[str, ...] = ("username", "password")
        needed, idle = (token, password) if bearer else (password, token)
        found = [
            (name, f"is required for {self.mechanism}")
            for name in needed
            if getattr(self, name) is None
        ]
        found += [
            (name, f"has no meaning for {self.mechanism}; remove it")
            for name in idle
            if getattr(self, name) is not None
        ]
        refuse_all(found)
        return self


class KafkaSettings(Spec):
    """A Kafka cluster."""

    brokers: Annotated[
        tuple[Annotated[str, AfterValidator(_broker)], ...],
        BeforeValidator(_read_brokers, json_schema_input_type=str | tuple[str, ...]),
        Field(min_length=1, max_length=64),
    ]
    tls: Tls = None
    sasl: SaslSettings | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port`, several separated by commas."""
        return ",".join(self.brokers)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sasl is not None and self.tls is None and not self.sasl.allow_plaintext:
            message = (
                "without `tls` would send the credentials in the clear; declare `tls: true`,"
                " or `allow_plaintext: true` in `sasl` if that is meant"
            )
            refuse_all([("sasl", message)])
        return self


class RedisSettings(Spec):
    """A Redis server."""

    url: Annotated[str, Field(max_length=500), AfterValidator(_redis_url)]
    """redis://host:port/database, or rediss:// for TLS."""
    tls: Tls = None
    """Whom to trust and who we are, for a rediss:// URL; None: the system's authorities."""
    username: Line | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = []
        if self.tls is not None and not self.url.startswith("rediss://"):
            found.append(("tls", "needs a URL that begins with rediss://"))
        if self.username is not None and self.password is None:
            found.append(("password", "is required beside `username`"))
        refuse_all(found)
        return self


def _tag(value: object) -> str:
    return "servers" if isinstance(value, Mapping | Spec) else EMBEDDED


def _choice(expected: str) -> Any:
    def check(value: object) -> object:
        if value == EMBEDDED or isinstance(value, Mapping | Spec):
            return value
        raise wrong(expected)

    return BeforeValidator(check)


Kafka: TypeAlias = Annotated[
    Annotated[Literal["embedded"], Tag(EMBEDDED)] | Annotated[KafkaSettings, Tag("servers")],
    Discriminator(_tag),
    _choice("should be embedded, or a mapping such as {brokers: host:9092}"),
]
Redis: TypeAlias = Annotated[
    Annotated[Literal["embedded"], Tag(EMBEDDED)] | Annotated[RedisSettings, Tag("servers")],
    Discriminator(_tag),
    _choice("should be embedded, or a mapping such as {url: redis://host:6379/0}"),
]
