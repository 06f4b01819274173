"""Each kind of receiver, built from a declaration, with a server behind it that answers rightly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import TypeAdapter

from driftline.config.alerting import ReceiverSpec
from driftline.notify.notification import Notification, Purpose
from driftline.notify.receivers import build_receiver
from support.alert_events import drift_event
from support.fake_slack import API, FakeSlack, Workspace
from support.fake_webhook import FakeWebhook
from support.scripted_server import Reply, Request, ScriptedServer

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertEnvelope
    from driftline.notify.notification import Receiver

KINDS: Final = ("slack-webhook", "slack-bot", "webhook", "pagerduty", "alertmanager")
"""Those that speak HTTP."""

# Nothing else looks like these: where one of them stands, a secret has got out.
CANARIES: Final = {
    "HOOK_PATH": "canaryHOOKpath7391",
    "BOT_TOKEN": "xoxb-canaryTOKEN5520",
    "SIGNING": "whsec_Y2FuYXJ5U0lHTklOR2tleTAxMjM0NTY3ODk=",
    "ROUTING_KEY": "canaryROUTINGkey8846",
    "PASSWORD": "canaryPASSWORD1207",
}
BASIC: Final = "ZHJpZnQ6Y2FuYXJ5UEFTU1dPUkQxMjA3"
"""The password as it goes over the wire."""
_SPEC: Final[TypeAdapter[ReceiverSpec]] = TypeAdapter(ReceiverSpec)


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and how a receiver of it is declared."""

    server: ScriptedServer
    kind: str
    path: str
    declared: dict[str, Any]

    def build(self, *, timeout: str = "30s", allow_private: bool = True) -> Receiver:
        """A receiver of the server, which has to be running."""
        url = self.server.url + self.path
        declared = {
            key: {"env": value[1:]} if str(value).startswith("$") else value
            for key, value in self.declared.items()
        }
        declared |= {"kind": self.kind, "timeout": timeout, "allow_private": allow_private}
        environ = {**CANARIES, "URL": url}
        for key in ("url", "api_url"):
            if declared.get(key) == "URL":
                declared[key] = url
        spec = _SPEC.validate_python(declared)
        return build_receiver("ours", spec, Path(), environ)


class PagerDuty(ScriptedServer):
    """Says that it took an event."""

    def answer(self, request: Request) -> Reply:
        event = request.json()
        body = {"status": "success", "dedup_key": event.get("dedup_key")}
        return Reply(202, msgspec.json.encode(body))


def target(kind: str) -> Target:
    """The target of this kind, its server not yet started."""
    if kind == "slack-webhook":
        hook = f"/services/T000/B000/{CANARIES['HOOK_PATH']}"
        return Target(FakeSlack(Workspace(hook=hook)), kind, hook, {"url": "$URL"})
    if kind == "slack-bot":
        slack = FakeSlack(Workspace(token=CANARIES["BOT_TOKEN"]))
        declared = {"token": "$BOT_TOKEN", "channel": slack.workspace.channel, "api_url": "URL"}
        return Target(slack, kind, API, declared)
    if kind == "webhook":
        path = f"/in/{CANARIES['HOOK_PATH']}?key={CANARIES['HOOK_PATH']}"
        return Target(FakeWebhook(), kind, path, {"url": "$URL", "secret": "$SIGNING"})
    if kind == "pagerduty":
        declared = {"routing_key": "$ROUTING_KEY", "url": "URL"}
        return Target(PagerDuty(), kind, "/v2/enqueue", declared)
    declared = {"url": "URL", "username": "drift", "password": "$PASSWORD"}
    return Target(ScriptedServer(), kind, "", declared)


def news(*alerts: AlertEnvelope, purpose: Purpose = Purpose.NEWS, **given: Any) -> Notification:
    """A notification of these alerts; of one that fires if none are given."""
    return Notification(
        given.pop("id", "n-1"), "ours", purpose, alerts or (drift_event(),), **given
    )


def trial(receiver: str = "ours") -> Notification:
    """A notification that only asks whether messages arrive."""
    return Notification("n-test", receiver, Purpose.TEST, ())
