"""Subscriptions and receivers. A URL and a secret come in, and never go out again."""

from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import Field, SecretStr

from driftline.model import to_datetime
from driftline.notify.subscriptions import Subscription, SubscriptionState, TargetKind
from driftline.web.models.common import Answer, Asked, Limit, cursor_like, example
from driftline.web.models.silences import Match

_SUBSCRIPTION: Final = {
    "id": "2f6c8e0b4d1a7935",
    "owner": "ada",
    "filter": {"stream": ["car-loan"], "severity": ["critical"]},
    "target": {"kind": "webhook", "host": "hooks.example.com", "signed": True},
    "state": "active",
    "created_at": "2026-03-04T09:00:00Z",
    "disabled_reason": None,
    "failures": 0,
}


_Url = Annotated[
    SecretStr,
    Field(min_length=1, max_length=2_000, examples=["https://hooks.example.com/driftline"]),
]


class NewWebhook(Asked):
    """A webhook that a subscription sends to."""

    kind: Literal["webhook"]
    url: _Url
    secret: Annotated[
        SecretStr | None,
        Field(
            max_length=200,
            description="What a webhook's calls are signed with, as Standard Webhooks has it: "
            "`whsec_` and base64. Left out: one is made, and shown in this one answer.",
        ),
    ] = None


class NewSlackWebhook(Asked):
    """A Slack incoming webhook that a subscription sends to. Nothing is signed."""

    kind: Literal["slack-webhook"]
    url: _Url
    secret: ClassVar[None] = None
    """There is none, and none may be given."""


NewTarget: TypeAlias = NewWebhook | NewSlackWebhook


class NewSubscription(Asked):
    """A subscription to be made."""

    model_config = example(
        filter={"stream": ["car-loan"], "severity": ["critical"]},
        target={"kind": "webhook", "url": "https://hooks.example.com/driftline"},
    )

    filter: Annotated[Match, Field(description="Which alerts; empty: all.")] = Match()
    target: Annotated[NewTarget, Field(discriminator="kind")]
    owner: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Left out: the token's name. Needs admin."),
    ] = None


class TargetState(Answer):
    """Where a subscription sends to, as far as it is shown."""

    kind: TargetKind
    host: str
    signed: bool


class SubscriptionAnswer(Answer):
    """A subscription."""

    model_config = example(**_SUBSCRIPTION)

    id: str
    owner: str
    filter: Match
    target: TargetState
    state: SubscriptionState
    created_at: datetime
    disabled_reason: str | None
    failures: Annotated[int, Field(description="Notifications in a row that were given up.")]

    @classmethod
    def of(cls, one: Subscription) -> Self:
        """A subscription as it is answered."""
        return cls(
            id=one.id,
            owner=one.owner,
            filter=Match.of(one.filter),
            target=TargetState(
                kind=one.target.kind, host=one.target.host, signed=one.target.secret is not None
            ),
            state=one.state,
            created_at=to_datetime(one.created_at),
            disabled_reason=one.disabled_reason,
            failures=one.failures,
        )


class MadeSubscription(SubscriptionAnswer):
    """A subscription that was just made."""

    model_config = example(
        **_SUBSCRIPTION,
        secret="whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtZXhhbXBsZSE=",  # noqa: S106 - an example
    )

    secret: Annotated[
        str | None, Field(description="That was made for it: shown this once. Null otherwise.")
    ]


class ReceiverAnswer(Answer):
    """A receiver that config/alerting.yaml declares."""

    model_config = example(
        name="risk-team", kind="slack-webhook", description="#risk-alerts", per_hour=60
    )

    name: str
    kind: str
    description: str
    per_hour: Annotated[int, Field(description="Notifications an hour at most.")]


class TestSent(Answer):
    """A test message arrived."""

    __test__ = False  # no test of pytest's

    receiver: str
    notification_id: Annotated[str, Field(description="As the message itself says.")]


class AuditQuery(Asked):
    """Which page of the audit log."""

    limit: Limit = 50
    cursor: Annotated[str | None, cursor_like("^[0-9]{1,15}-[0-9]{1,15}$")] = None


class AuditAnswer(Answer):
    """A request that would change something."""

    model_config = example(
        id="1772614800000-0",
        at="2026-03-04T09:00:00.000012Z",
        by="ada",
        action="POST /v1/silences",
        target="/v1/silences",
        status="201",
        location="/v1/silences/8c1f0a6de2b94c35",
        request_id="0b6f6a4e1c9d4f4f9a6d1f0e8f5f7a21",
        client="10.0.0.7",
    )

    id: str
    at: str
    by: Annotated[str, Field(description="The name of the token.")]
    action: str
    target: Annotated[str, Field(description="The path, percent-encoded.")]
    status: Annotated[str, Field(description="The HTTP status of its answer.")]
    location: Annotated[str, Field(description="The path of what was made; may be empty.")]
    request_id: str
    client: Annotated[str, Field(description="The address that it came from.")]
