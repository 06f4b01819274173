"""What each receiver is sent, and what it makes of answers of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import SecretStr, TypeAdapter
from yarl import URL

from driftline.config.alerting import AlertingSpec, Matchers, ReceiverSpec
from driftline.errors import DriftlineError
from driftline.notify.notification import DeliveryError, Failure, Purpose, Receipt
from driftline.notify.receivers import (
    build_receiver,
    build_receivers,
    build_subscription_receiver,
)
from driftline.notify.receivers.http import HttpClient
from driftline.notify.receivers.signing import read_secret, sign
from driftline.notify.receivers.slack_bot import SlackBotReceiver
from driftline.notify.receivers.slack_errors import BLOCKS_REFUSED, FAILURES, GONE
from driftline.notify.receivers.webhook import WebhookReceiver
from driftline.notify.subscription import (
    Subscription,
    SubscriptionState,
    SubscriptionTarget,
    TargetKind,
)
from support.alert_events import SEEN, drift_event, health_event, resolved_event, silence_event
from support.fake_slack import FakeSlack
from support.receivers import CANARIES, KINDS, news, target, trial
from support.scripted_server import Reply, Request, status

if TYPE_CHECKING:
    from driftline.notify.notification import Notification
    from support.scripted_server import Step

SPEC: Final[TypeAdapter[ReceiverSpec]] = TypeAdapter(ReceiverSpec)
ALERT: Final = "0123456789abcdef0123"
SECOND: Final = drift_event(revision=2, summary="error rose further")


def slack_error(code: str) -> Reply:
    return Reply(200, f'{{"ok": false, "error": "{code}"}}'.encode())


class Refusing(FakeSlack):
    """A Slack that takes no blocks."""

    def answer(self, request: Request) -> Reply:
        if not request.json().get("blocks"):
            return super().answer(request)
        hook = request.path == self.workspace.hook
        return Reply(400, b"invalid_blocks") if hook else slack_error("invalid_blocks")


def bot(slack: FakeSlack) -> SlackBotReceiver:
    client = HttpClient("slack", timeout=timedelta(seconds=30), allow_private=True)
    workspace = slack.workspace
    token = SecretStr(workspace.token)
    return SlackBotReceiver(client, URL(slack.api_url), token, workspace.channel)


# -- Slack --


async def test_a_thread_tells_the_course_of_an_alert() -> None:
    """The first message says how it stands now; each later revision is a reply."""
    slack = FakeSlack()
    async with slack.running():
        receiver = bot(slack)
        receipt = await receiver.send(news())
        assert receipt.memory[ALERT]["channel"] == slack.workspace.channel
        receipt = await receiver.send(news(SECOND, memory=receipt.memory))
        receipt = await receiver.send(news(resolved_event(), memory=receipt.memory))
    first, *replies = slack.messages
    assert first.updates == 2
    assert first.payload["blocks"][0]["text"]["text"].startswith("✅ car-loan/2019-01: error")
    assert [one.thread_ts for one in replies] == [first.ts, first.ts]
    assert not any(one.broadcast for one in replies)
    assert "rose further" in replies[0].payload["text"]


async def test_a_repetition_is_seen_in_the_channel() -> None:
    """In its thread nobody would be reminded."""
    slack = FakeSlack()
    async with slack.running():
        receiver = bot(slack)
        receipt = await receiver.send(news())
        await receiver.send(news(purpose=Purpose.REPEAT, memory=receipt.memory))
    assert slack.messages[1].broadcast
    assert slack.messages[1].payload["text"].startswith("🔴 Still firing: ")


@pytest.mark.parametrize(
    "reply", [status(429, b"ratelimited"), status(200, slack_error("ratelimited").body)]
)
async def test_a_digest_arrives_though_slack_takes_no_more_updates(reply: Step) -> None:
    """It would be as many each time that it is tried; the digest tells of the others."""
    slack = FakeSlack()
    async with slack.running():
        receiver = bot(slack)
        memory = (await receiver.send(news())).memory
        slack.script[:] = [reply]
        digest = news(resolved_event(), purpose=Purpose.DIGEST, held_back=9, memory=memory)
        assert (await receiver.send(digest)).memory == memory
        slack.script[:] = [status(503)]
        with pytest.raises(DeliveryError):
            await receiver.send(digest)
    first, last = slack.messages
    assert first.updates == 0
    assert "9 notifications were held back" in last.payload["text"]


@pytest.mark.parametrize("code", sorted(GONE))
async def test_a_message_that_is_gone_is_posted_anew(code: str) -> None:
    """And remembered instead of the other."""
    slack = FakeSlack()
    async with slack.running():
        receiver = bot(slack)
        receipt = await receiver.send(news())
        slack.script[:] = [status(200, slack_error(code).body)]
        again = await receiver.send(news(SECOND, memory=receipt.memory))
    assert [one.thread_ts for one in slack.messages] == [None, None]
    assert again.memory[ALERT]["ts"] == slack.messages[1].ts


async def test_what_broke_between_update_and_reply_is_told_once() -> None:
    """The notification is sent again: the message is updated again, and there is one reply."""
    slack = FakeSlack()
    async with slack.running():
        receiver = bot(slack)
        memory = (await receiver.send(news())).memory
        slack.script[:] = [
            status(200, b'{"ok": true, "channel": "C0123ABCD", "ts": "1"}'),
            status(502),
        ]
        with pytest.raises(DeliveryError):
            await receiver.send(news(SECOND, memory=memory))
        await receiver.send(news(SECOND, memory=memory))
    assert [one.thread_ts for one in slack.messages] == [None, slack.messages[0].ts]


async def test_a_digest_is_one_message_and_brings_those_before_up_to_date() -> None:
    """What the bot knows of the alerts stays known."""
    slack = FakeSlack()
    async with slack.running():
        receiver = bot(slack)
        memory = (await receiver.send(news())).memory
        other = health_event(alert_id="b" * 20)
        digest = news(resolved_event(), other, purpose=Purpose.DIGEST, held_back=9, memory=memory)
        assert (await receiver.send(digest)).memory == memory
    first, last = slack.messages
    assert first.updates == 1
    assert "9 notifications were held back" in last.payload["text"]


@pytest.mark.parametrize("kind", ["slack-webhook", "slack-bot"])
async def test_a_slack_that_takes_no_blocks_gets_text(kind: str) -> None:
    """Once more, without them."""
    slack = Refusing()
    async with slack.running():
        if kind == "slack-bot":
            await bot(slack).send(news())
        else:
            declared = {"kind": kind, "url": {"env": "URL"}, "allow_private": True}
            spec = SPEC.validate_python(declared)
            await build_receiver("r", spec, Path(), {"URL": slack.hook_url}).send(news())
    assert len(slack.requests) == 2
    (posted,) = slack.messages
    assert "error rose from 5.6 % to 8.4 %" in posted.payload["text"]


@pytest.mark.parametrize("code", sorted(FAILURES))
async def test_every_error_code_has_its_consequence(code: str) -> None:
    """As the table says; those of blocks are refused only without them."""
    slack = FakeSlack()
    async with slack.running():
        said = status(200, slack_error(code).body, Retry_After="3")
        slack.script[:] = [said, said]
        with pytest.raises(DeliveryError) as raised:
            await bot(slack).send(news())
    assert raised.value.failure is FAILURES[code]
    assert str(raised.value) == f"slack: {code}"
    later = FAILURES[code] is Failure.LATER
    assert raised.value.retry_after == (timedelta(seconds=3) if later else None)
    assert len(slack.requests) == 1 + (code in BLOCKS_REFUSED)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"ok": false, "error": "xoxb-whatever"}', Failure.REFUSED),
        (b'{"ok": false}', Failure.REFUSED),
        (b'{"ok": true}', Failure.AGAIN),
        (b'{"ok": "yes"}', Failure.AGAIN),
        (b"<html>", Failure.AGAIN),
        (b"\xff", Failure.AGAIN),
        (b"[]", Failure.AGAIN),
        (b"", Failure.AGAIN),
    ],
)
async def test_what_slack_would_not_say_is_not_repeated(body: bytes, expected: Failure) -> None:
    """It may be a secret that was sent back."""
    slack = FakeSlack()
    async with slack.running():
        slack.script[:] = [status(200, body)]
        with pytest.raises(DeliveryError) as raised:
            await bot(slack).send(news())
    assert raised.value.failure is expected
    assert "xoxb" not in str(raised.value)


# -- webhooks --


def test_signatures_are_those_of_the_specification() -> None:
    """The example that Standard Webhooks' own libraries are tested with."""
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1_614_265_330, UTC)
    headers = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


async def test_a_retried_webhook_has_its_id_and_a_time_of_its_own() -> None:
    """So that the endpoint knows it again, and nobody can send it again later."""
    aim = target("webhook")
    times = [SEEN, SEEN + timedelta(minutes=5)]
    client = HttpClient(
        "webhook", timeout=timedelta(seconds=30), allow_private=True, clock=lambda: times.pop(0)
    )
    key = base64.b64decode(CANARIES["SIGNING"].removeprefix("whsec_"))
    async with aim.server.running():
        receiver = WebhookReceiver(client, URL(aim.server.url), key)
        aim.server.script[:] = [status(500)]
        with pytest.raises(DeliveryError):
            await receiver.send(news(id="n-7"))
        await receiver.send(news(id="n-7"))
    first, second = (request.headers for request in aim.server.requests)
    assert first["webhook-id"] == second["webhook-id"] == "n-7"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
    body = aim.server.requests[1].body
    signed = f"n-7.{second['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert second["webhook-signature"] == f"v1,{expected}"
    assert second["content-type"] == "application/cloudevents+json; charset=UTF-8"


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_ü", "whsec_QUJD", "whsec_!"]
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    """Without its prefix, not base64, or too short."""
    with pytest.raises(ValueError, match="the secret should be whsec_") as raised:
        read_secret(secret)
    assert "QUJD" not in str(raised.value)


async def sent(kind: str, notification: Notification) -> tuple[list[Any], Receipt]:
    """The bodies that a receiver of this kind sends, and what it asks to be remembered."""
    aim = target(kind)
    async with aim.server.running():
        receipt = await aim.build().send(notification)
    return [request.json() for request in aim.server.requests], receipt


async def test_a_webhook_gets_events_of_its_own_for_tests_and_digests() -> None:
    """They are CloudEvents too, told apart by their type."""
    (test,), _ = await sent("webhook", trial())
    assert (test["type"], test["id"], test["specversion"]) == (
        "io.driftline.test",
        "n-test",
        "1.0",
    )
    alerts = (drift_event(), silence_event())
    (digest,), _ = await sent("webhook", news(*alerts, purpose=Purpose.DIGEST, held_back=5))
    assert digest["type"] == "io.driftline.digest"
    assert digest["source"] == "/driftline/prod"
    assert digest["data"]["held_back"] == 5
    assert [one["kind"] for one in digest["data"]["alerts"]] == ["drift", "silence"]


# -- PagerDuty --


async def test_an_alert_is_one_incident_of_pagerduty() -> None:
    """Triggered, acknowledged and resolved under the alert's id."""
    taken = {"by": "alice", "at": SEEN, "note": ""}
    actions = []
    for alert in (drift_event(), drift_event(revision=2, acknowledged=taken), resolved_event()):
        (event,), _ = await sent("pagerduty", news(alert))
        assert event["dedup_key"] == ALERT
        assert event["routing_key"] == CANARIES["ROUTING_KEY"]
        actions.append(event["event_action"])
    assert actions == ["trigger", "acknowledge", "resolve"]


async def test_an_incident_says_what_the_alert_says() -> None:
    """In the fields that PagerDuty has for it."""
    (event,), _ = await sent("pagerduty", news(base_url="https://drift.example/"))
    payload = event["payload"]
    assert payload["summary"] == "car-loan/2019-01: error rose from 5.6 % to 8.4 % (+50 %)"
    assert (payload["source"], payload["component"], payload["group"], payload["class"]) == (
        "car-loan/2019-01",
        "error",
        "car-loan",
        "drift",
    )
    assert payload["severity"] == "critical"
    assert payload["timestamp"] == "2019-03-04T12:30:00+00:00"
    details = payload["custom_details"]
    assert details["Before"] == "5.6 % (75,000 values)"
    assert details["Moved with it: feature.car_value"].startswith("24,000 → 31,000")
    assert event["links"][0]["href"] == f"https://drift.example/v1/alerts/{ALERT}"


async def test_a_digest_brings_every_incident_up_to_date() -> None:
    """One held back must not stay open."""
    alerts = (resolved_event(), health_event(alert_id="b" * 20))
    events, _ = await sent("pagerduty", news(*alerts, purpose=Purpose.DIGEST, held_back=2))
    assert [(one["event_action"], one["dedup_key"]) for one in events] == [
        ("resolve", ALERT),
        ("trigger", "b" * 20),
    ]


async def test_a_test_leaves_no_incident_open() -> None:
    """It is triggered and resolved."""
    events, _ = await sent("pagerduty", trial())
    assert [one["event_action"] for one in events] == ["trigger", "resolve"]
    assert {one["dedup_key"] for one in events} == {"n-test"}


async def test_what_pagerduty_says_is_passed_on_without_secrets() -> None:
    """The reason helps; the key that it may repeat does not."""
    aim = target("pagerduty")
    key = CANARIES["ROUTING_KEY"]
    said = f'{{"status": "invalid event", "message": "is invalid", "errors": ["key {key}"]}}'
    async with aim.server.running():
        aim.server.script[:] = [status(400, said.encode())]
        with pytest.raises(DeliveryError) as raised:
            await aim.build().send(news())
    assert str(raised.value) == "pagerduty: status 400: is invalid; key ***"


# -- Alertmanager --


async def test_labels_are_an_alerts_identity_and_stay() -> None:
    """All revisions have the same; what changes is in annotations."""
    (fired,), receipt = await sent("alertmanager", news())
    (ended,), _ = await sent("alertmanager", news(resolved_event(), memory=receipt.memory))
    assert (
        fired[0]["labels"]
        == ended[0]["labels"]
        == {
            "alertname": "DriftlineDrift",
            "alert_id": ALERT,
            "deployment": "prod",
            "stream": "car-loan",
            "instance": "car-loan/2019-01",
            "signal": "error",
            "direction": "up",
            "kind": "drift",
            "severity": "critical",
            "owner": "risk",
            "tags": ",eu,loans,",
        }
    )
    assert fired[0]["startsAt"] == ended[0]["startsAt"] == "2019-03-04T12:30:00+00:00"
    assert ended[0]["annotations"]["revision"] == "3"
    assert fired[0]["annotations"]["summary"].startswith("error rose from 5.6 %")


async def test_a_firing_alert_ends_later_and_an_ended_one_now() -> None:
    """Alertmanager takes what is not told again as ended, once its end has come."""
    before = datetime.now(UTC)
    (alerts,), _ = await sent("alertmanager", news(drift_event(), resolved_event()))
    fired, ended = (datetime.fromisoformat(one["endsAt"]) for one in alerts)
    assert before + timedelta(minutes=5) <= fired
    assert before <= ended <= datetime.now(UTC)


# -- building --


def declared(**receivers: Any) -> AlertingSpec:
    return AlertingSpec.model_validate({"receivers": receivers})


def test_a_receiver_that_cannot_be_built_is_named() -> None:
    """With what is wrong, and without the secret."""
    hook = {"kind": "slack-webhook", "url": {"env": "HOOK"}}
    for environ, said in (
        ({}, "receiver team: the secret in environment variable HOOK is not set or empty"),
        ({"HOOK": "T000-canary"}, "receiver team: the URL should be such as https://host/path"),
        ({"HOOK": "http://a/canary"}, "receiver team: the URL should begin with https://"),
    ):
        with pytest.raises(DriftlineError) as raised:
            build_receivers(declared(team=hook), Path(), environ)
        assert said in str(raised.value)
        assert "canary" not in str(raised.value)
        assert raised.value.__context__ is None


def test_receivers_say_what_they_take() -> None:
    """Slack's webhooks, Alertmanager and the log take groups; only Alertmanager forgets."""
    built = {}
    for kind in KINDS:
        aim = target(kind)
        aim.server.port = 9
        built[kind] = aim.build()
    built["log"] = build_receivers(declared(log={"kind": "log"}), Path(), {})["log"]
    groups = {kind for kind, receiver in built.items() if receiver.takes_groups}
    assert groups == {"slack-webhook", "alertmanager", "log"}
    assert {kind for kind, one in built.items() if one.keep_alive} == {"alertmanager"}


@pytest.mark.parametrize("kind", list(TargetKind))
async def test_a_subscription_is_a_receiver(kind: TargetKind) -> None:
    """Of its own URL, and signed with its own secret."""
    aim = target(kind.value)
    slack = kind is TargetKind.SLACK_WEBHOOK
    async with aim.server.running():
        secret = None if slack else SecretStr(CANARIES["SIGNING"])
        url = SecretStr(aim.server.url + aim.path)
        subscription = Subscription(
            "s1",
            "alice",
            Matchers(),
            SubscriptionTarget(kind, url, secret),
            SubscriptionState.ACTIVE,
            0,
        )
        await build_subscription_receiver(subscription, allow_private=True).send(news())
        with pytest.raises(DriftlineError, match="subscription s1: the URL should begin"):
            build_subscription_receiver(subscription)
    (request,) = aim.server.requests
    assert ("webhook-signature" in request.headers) is not slack
