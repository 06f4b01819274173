"""Who is told of alerts, how, and when: config/alerting.yaml."""

from collections.abc import Mapping
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field

from driftline.config.credentials import Secret
from driftline.config.durations import Duration, between
from driftline.config.spec import Flag, Line, Spec, Whole

ALERTING_FILE: Final = "config/alerting.yaml"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Patterns: TypeAlias = Annotated[
    tuple[Line, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=100)
]
"""One or several names; `*` and `?` stand for any characters and any one."""


class Matchers(Spec):
    """Which alerts are meant: all keys must match, each by any of its patterns."""

    stream: Patterns | None = None
    instance: Patterns | None = None
    signal: Patterns | None = None
    severity: Patterns | None = None
    kind: Patterns | None = None
    owner: Patterns | None = None
    tag: Patterns | None = None


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


class SlackBotSpec(ReceiverCommon):
    """A Slack app's bot: a thread per alert, whose first message is kept up to date."""

    kind: Literal["slack-bot"]
    token: Secret
    channel: Line
    """The channel's id."""
    api_url: Line = "https://slack.com/api/"


class WebhookSpec(ReceiverCommon):
    """Any HTTP endpoint: gets the CloudEvent, signed as Standard Webhooks has it."""

    kind: Literal["webhook"]
    url: Secret | Line
    secret: Secret | None = None
    """`whsec_` and base64; None: not signed."""


class PagerDutySpec(ReceiverCommon):
    """PagerDuty's Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: Secret
    url: Line = "https://events.pagerduty.com/v2/enqueue"


class AlertmanagerSpec(ReceiverCommon):
    """A Prometheus Alertmanager, by its API v2."""

    kind: Literal["alertmanager"]
    url: Line
    """Such as http://alertmanager:9093."""
    username: Line | None = None
    password: Secret | None = None


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

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = tuple(Day)
    begin: time = time(0, 0)
    end: time = time(0, 0)
    """Not included; 00:00 is the day's end. One before `begin` is on the next day."""
    timezone: Line = "UTC"
    """An IANA name."""


class RouteSpec(Spec):
    """Where alerts go that match. The first route that matches wins, unless it says continue."""

    match: Matchers = Matchers()
    receivers: Annotated[
        tuple[Line, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=20)
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
    base_url: Line | None = None
    """Where people reach driftline's pages: links in notifications begin with it."""
