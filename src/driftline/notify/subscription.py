"""A subscription: one target, and of which alerts it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from driftline.config.alerting import SUBSCRIPTION, Matchers
from driftline.model import Micros  # noqa: TC001 - part of the value


class SubscriptionState(StrEnum):
    """Whether a subscription's target is told."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Its owner wants nothing for now. What comes meanwhile is not made up for."""
    DISABLED = "disabled"
    """Its target kept failing; its owner resumes it once that is mended."""


class TargetKind(StrEnum):
    """What a subscription may send to."""

    WEBHOOK = "webhook"
    """An HTTP endpoint: gets the CloudEvent, signed with the subscription's own secret."""
    SLACK_WEBHOOK = "slack-webhook"
    """A Slack incoming webhook."""


@dataclass(frozen=True, slots=True)
class SubscriptionTarget:
    """Where it sends to. Printed, neither URL nor secret is shown."""

    kind: TargetKind
    url: SecretStr
    secret: SecretStr | None = None
    """What a webhook's calls are signed with: `whsec_` and base64. None for Slack."""
    host: str = ""
    """The URL's host, to be told apart by."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One target, and of which alerts it is told."""

    id: str
    owner: str
    filter: Matchers
    target: SubscriptionTarget
    state: SubscriptionState
    created_at: Micros
    disabled_reason: str | None = None
    failures: int = 0
    """Notifications in a row that were given up."""

    @property
    def receiver(self) -> str:
        """The name of the receiver that it is."""
        return f"{SUBSCRIPTION}{self.id}"


def write_subscription(one: Subscription) -> bytes:
    """All of it, its secrets too, as it is stored."""
    secret = one.target.secret
    document = {
        "owner": one.owner,
        "filter": one.filter.model_dump(mode="json", exclude_none=True),
        "target": {
            "kind": one.target.kind.value,
            "url": one.target.url.get_secret_value(),
            "secret": None if secret is None else secret.get_secret_value(),
            "host": one.target.host,
        },
        "state": one.state.value,
        "created_at": one.created_at,
        "disabled_reason": one.disabled_reason,
        "failures": one.failures,
    }
    return json.dumps(document).encode()


def read_subscription(subscription_id: str, record: bytes) -> Subscription:
    """The inverse of `write_subscription`.

    Raises:
        ValueError, KeyError, TypeError: it did not write this. The text may hold a secret.
    """
    document: dict[str, Any] = json.loads(record)
    target = document["target"]
    secret = target["secret"]
    return Subscription(
        subscription_id,
        str(document["owner"]),
        Matchers.model_validate(document["filter"]),
        SubscriptionTarget(
            TargetKind(target["kind"]),
            SecretStr(target["url"]),
            None if secret is None else SecretStr(secret),
            str(target["host"]),
        ),
        SubscriptionState(document["state"]),
        int(document["created_at"]),
        document["disabled_reason"],
        int(document["failures"]),
    )
