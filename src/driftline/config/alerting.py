"""Who is told of alerts, how, and when: config/alerting.yaml."""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from driftline.config.conflicts import KINDS, find_conflicts
from driftline.config.credentials import Secret
from driftline.config.durations import Duration, between
from driftline.config.hours import TimeOfDay, Timezone
from driftline.config.patterns import LINE, Patterns, as_list, match_any, one_or_several
from driftline.config.spec import Flag, Line, Spec, Whole, refuse, refuse_all
from driftline.config.urls import Url, check_url
from driftline.model import Severity

ALERTING_FILE: Final = "config/alerting.yaml"
SUBSCRIPTION: Final = "subscription:"
"""Begins the name of the receiver that a subscription is; its id follows."""


def _one_of(names: tuple[str, ...]) -> AfterValidator:
    def check(patterns: tuple[str, ...]) -> tuple[str, ...]:
        if not all(any(match_any([pattern], name) for name in names) for pattern in patterns):
            refuse(f"should be one or several of {', '.join(names)}")
        return patterns

    return AfterValidator(check)


def _of_streams(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[a-z0-9._*?-]+", pattern) for pattern in patterns):
        refuse("matches no stream: names hold a-z, 0-9, '.', '_' and '-'; * and ? stand for others")
    return patterns


class Matchers(Spec):
    """Which alerts are meant: all keys must match, each by any of its patterns.

    An alert that has no such thing, as a stream without an owner, is not matched by `*` either.
    """

    stream: Annotated[Patterns, AfterValidator(_of_streams)] | None = None
    instance: Patterns | None = None
    signal: Patterns | None = None
    severity: Annotated[Patterns, _one_of(tuple(Severity))] | None = None
    kind: Annotated[Patterns, _one_of(KINDS)] | None = None
    owner: Patterns | None = None
    tag: Patterns | None = None
    """Any of the stream's tags."""


class ReceiverCommon(Spec):
    """What all receivers have in common."""

    description: Annotated[str, Field(max_length=1_000)] = ""
    per_hour: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    """The ceiling: notifications an hour; the rest comes in a digest. None: the common one."""
    timeout: Annotated[Duration, between("100ms", "2m")] = timedelta(seconds=10)
    allow_private: Flag = False
    """Whether its address may be a private, loopback or link-local one."""


class LogSpec(ReceiverCommon):
    """Writes notifications to the log."""

    kind: Literal["log"]


class SlackWebhookSpec(ReceiverCommon):
    """A Slack incoming webhook."""

    kind: Literal["slack-webhook"]
    url: Secret
    """The webhook's URL: who knows it may post."""


def _channel(channel: str) -> str:
    if re.fullmatch("[A-Z0-9]{3,50}", channel) is None:
        refuse("should be the channel's id, such as C012AB3CD, not its name")
    return channel


def _directory(url: str) -> str:
    if not url.endswith("/"):
        refuse("should end with /")
    return url


class SlackBotSpec(ReceiverCommon):
    """A Slack app's bot: a thread per alert, whose first message is kept up to date."""

    kind: Literal["slack-bot"]
    token: Secret
    channel: Annotated[Line, AfterValidator(_channel)]
    """The channel's id."""
    api_url: Annotated[Url, AfterValidator(_directory)] = "https://slack.com/api/"


def _webhook(url: str) -> str:
    check_url(url)
    if url.startswith("https://hooks.slack.com/"):
        refuse("who knows a Slack webhook's URL may post: kind: slack-webhook, with {env: NAME}")
    return url


class WebhookSpec(ReceiverCommon):
    """Any HTTP endpoint: gets the CloudEvent, signed as Standard Webhooks has it."""

    kind: Literal["webhook"]
    url: Annotated[
        Annotated[Line, AfterValidator(_webhook), Tag("url")] | Annotated[Secret, Tag("secret")],
        Discriminator(lambda value: "url" if isinstance(value, str) else "secret"),
    ]
    """Or where it is, if it is a secret: {env: NAME} or {file: PATH}."""
    secret: Secret | None = None
    """`whsec_` and base64; None: not signed."""


class PagerDutySpec(ReceiverCommon):
    """PagerDuty's Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: Secret
    url: Url = "https://events.pagerduty.com/v2/enqueue"


class AlertmanagerSpec(ReceiverCommon):
    """A Prometheus Alertmanager, by its API v2."""

    kind: Literal["alertmanager"]
    url: Url
    """Such as http://alertmanager:9093."""
    username: Line | None = None
    password: Secret | None = None
    keep_alive: Annotated[Duration, between("1s", "1h")] = timedelta(minutes=1)
    """How often it is told of what fires; not told five times, it takes that as ended."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.username is None) != (self.password is None):
            missing = "username" if self.username is None else "password"
            refuse_all([(missing, "is required: user and password go together")])
        return self


ReceiverSpec: TypeAlias = Annotated[
    LogSpec | SlackWebhookSpec | SlackBotSpec | WebhookSpec | PagerDutySpec | AlertmanagerSpec,
    Discriminator("kind"),
]


class Day(StrEnum):
    """A day of the week."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


class HoursSpec(Spec):
    """When people may be told; outside of it notifications wait for the next time within."""

    days: Annotated[
        tuple[Day, ...],
        Field(min_length=1, max_length=7),
        BeforeValidator(as_list),
        one_or_several({"enum": list(Day)}, 7),
    ] = tuple(Day)
    begin: TimeOfDay = time(0, 0)
    end: TimeOfDay = time(0, 0)
    """Not included; 00:00 is the day's end. One before `begin` is on the next day."""
    timezone: Timezone = "UTC"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.begin == self.end != time(0, 0):
            refuse_all([("end", "should not be `begin`; leave out both for the whole day")])
        return self


class RouteSpec(Spec):
    """Where alerts go that match. The first route that matches wins, unless it says continue."""

    match: Matchers = Matchers()
    receivers: Annotated[
        tuple[Line, ...],
        Field(min_length=1, max_length=20),
        BeforeValidator(as_list),
        one_or_several(LINE, 20),
    ]
    continue_: Annotated[Flag, Field(alias="continue")] = False
    group_wait: Annotated[Duration, between("0s", "1d")] = timedelta(seconds=0)
    """How long the first news of a stream waits for others of it, to be sent as one."""
    repeat_interval: Annotated[Duration, between("1m", "365d")] | None = None
    """How often an alert that fires, unacknowledged, is told again. None: never."""
    hours: HoursSpec | None = None
    send_resolved: Flag = True
    hold_back_caused: Flag | None = None
    """Whether alerts wait while broken data or lag is their likely cause. None: as in common."""
    retrain: Flag = False
    """Whether requests for a retraining go to these receivers too; they have to be webhooks."""


class SubscriptionsSpec(Spec):
    """What people and programs may subscribe to by themselves, through the API and the CLI."""

    per_owner: Annotated[Whole, Field(ge=0, le=1_000)] = 20
    """How many an owner may have."""
    in_all: Annotated[Whole, Field(ge=0, le=10_000)] = 1_000
    disable_after: Annotated[Whole, Field(ge=1, le=1_000)] = 5
    """After so many notifications in a row that were given up, nothing more is sent."""
    allow_private: Flag = False
    """Whether targets may have private, loopback or link-local addresses, and be without TLS."""


class AlertingSpec(Spec):
    """All of config/alerting.yaml. Without it alerts are on the alerts topic and in the log."""

    receivers: Mapping[str, ReceiverSpec] = Field(default_factory=dict)
    routes: Annotated[tuple[RouteSpec, ...], Field(max_length=1_000)] = ()
    per_hour: Annotated[Whole, Field(ge=1, le=10_000)] = 60
    """The ceiling of notifications an hour, of each receiver that declares none."""
    hold_back_caused: Flag = True
    """Whether alerts are held back while broken data or lag is their likely cause."""
    give_up_after: Annotated[Duration, between("1m", "30d")] = timedelta(days=1)
    """How long a notification that does not arrive is tried again."""
    retrain_cooldown: Annotated[Duration, between("0s", "365d")] = timedelta(days=1)
    """How long after a request for a retraining no other one is made for the same instance."""
    subscriptions: SubscriptionsSpec = SubscriptionsSpec()
    base_url: Url | None = None
    """Where the HTTP API is reached: links in notifications begin with it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse_all(find_conflicts(self.model_dump(by_alias=True, exclude_none=True)))
        return self
