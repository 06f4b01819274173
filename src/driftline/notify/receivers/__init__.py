"""The ways out, built from their declarations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from driftline.config.alerting import (
    AlertmanagerSpec,
    LogSpec,
    PagerDutySpec,
    SlackBotSpec,
    SlackWebhookSpec,
    WebhookSpec,
)
from driftline.config.credentials import fetch_secret
from driftline.errors import DriftlineError
from driftline.notify.receivers.addresses import target
from driftline.notify.receivers.alertmanager import ALERTS_PATH, AlertmanagerReceiver
from driftline.notify.receivers.http import HttpClient
from driftline.notify.receivers.log import LogReceiver
from driftline.notify.receivers.pagerduty import PagerDutyReceiver
from driftline.notify.receivers.signing import read_secret
from driftline.notify.receivers.slack_bot import SlackBotReceiver
from driftline.notify.receivers.slack_webhook import SlackWebhookReceiver
from driftline.notify.receivers.webhook import WebhookReceiver
from driftline.notify.subscription import TargetKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarl import URL

    from driftline.config.alerting import AlertingSpec, ReceiverCommon, ReceiverSpec
    from driftline.config.credentials import Secret
    from driftline.notify.notification import Receiver
    from driftline.notify.subscription import Subscription

SUBSCRIPTION_TIMEOUT: Final = timedelta(seconds=10)


def build_receivers(
    alerting: AlertingSpec, directory: Path, environ: Mapping[str, str]
) -> dict[str, Receiver]:
    """All declared receivers by name, with their secrets.

    Raises:
        DriftlineError: a secret is not there, or a URL or secret is not what it should be; names
            the receiver, and repeats nothing secret.
    """
    return {
        name: build_receiver(name, spec, directory, environ)
        for name, spec in alerting.receivers.items()
    }


def build_receiver(
    name: str, spec: ReceiverSpec, directory: Path, environ: Mapping[str, str]
) -> Receiver:
    """One of them; raises as `build_receivers` does."""
    try:
        return _build(spec, _Parts(spec, directory, environ))
    except (DriftlineError, ValueError) as error:
        message = f"receiver {name}: {error}"
    raise DriftlineError(message)


def build_subscription_receiver(
    subscription: Subscription, *, allow_private: bool = False
) -> Receiver:
    """The receiver that a subscription's target is.

    Raises:
        DriftlineError: its URL or its secret is not what it should be.
    """
    aim = subscription.target
    slack = aim.kind is TargetKind.SLACK_WEBHOOK
    client = HttpClient(
        "slack" if slack else "webhook", timeout=SUBSCRIPTION_TIMEOUT, allow_private=allow_private
    )
    try:
        url = target(aim.url.get_secret_value(), allow_private=allow_private)
        key = None if aim.secret is None else read_secret(aim.secret.get_secret_value())
    except ValueError as error:
        message = f"subscription {subscription.id}: {error}"
        raise DriftlineError(message) from None
    return SlackWebhookReceiver(client, url) if slack else WebhookReceiver(client, url, key)


class _Parts:
    """What a receiver that speaks HTTP is made of."""

    def __init__(self, spec: ReceiverCommon, directory: Path, environ: Mapping[str, str]) -> None:
        self._spec = spec
        self._directory = directory
        self._environ = environ

    def client(self, service: str) -> HttpClient:
        spec = self._spec
        return HttpClient(service, timeout=spec.timeout, allow_private=spec.allow_private)

    def url(self, where: Secret | str) -> URL:
        text = where if isinstance(where, str) else self.secret(where).get_secret_value()
        return target(text, allow_private=self._spec.allow_private)

    def secret(self, where: Secret) -> SecretStr:
        return SecretStr(fetch_secret(where, self._directory, self._environ))


def _slack_webhook(spec: SlackWebhookSpec, parts: _Parts) -> Receiver:
    return SlackWebhookReceiver(parts.client("slack"), parts.url(spec.url))


def _slack_bot(spec: SlackBotSpec, parts: _Parts) -> Receiver:
    api, token = parts.url(spec.api_url), parts.secret(spec.token)
    return SlackBotReceiver(parts.client("slack"), api, token, spec.channel)


def _webhook(spec: WebhookSpec, parts: _Parts) -> Receiver:
    key = None
    if spec.secret is not None:
        key = read_secret(parts.secret(spec.secret).get_secret_value())
    return WebhookReceiver(parts.client("webhook"), parts.url(spec.url), key)


def _pagerduty(spec: PagerDutySpec, parts: _Parts) -> Receiver:
    url, key = parts.url(spec.url), parts.secret(spec.routing_key)
    return PagerDutyReceiver(parts.client("pagerduty"), url, key)


def _alertmanager(spec: AlertmanagerSpec, parts: _Parts) -> Receiver:
    return AlertmanagerReceiver(
        parts.client("alertmanager"),
        parts.url(spec.url.rstrip("/") + ALERTS_PATH),
        username=spec.username or "",
        password=None if spec.password is None else parts.secret(spec.password),
        keep_alive=spec.keep_alive,
    )


def _build(spec: ReceiverSpec, parts: _Parts) -> Receiver:
    match spec:
        case SlackWebhookSpec():
            return _slack_webhook(spec, parts)
        case SlackBotSpec():
            return _slack_bot(spec, parts)
        case WebhookSpec():
            return _webhook(spec, parts)
        case PagerDutySpec():
            return _pagerduty(spec, parts)
        case AlertmanagerSpec():
            return _alertmanager(spec, parts)
        case LogSpec():
            return LogReceiver()
