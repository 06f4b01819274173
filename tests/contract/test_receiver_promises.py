"""What every receiver promises, whatever it speaks, against servers that answer as they like."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import traceback
from typing import TYPE_CHECKING, Final

import pytest

from driftline.logs import LogStyle, configure_logs
from driftline.notify.notification import DeliveryError, Failure, Purpose
from driftline.notify.receivers.log import LogReceiver
from driftline.notify.receivers.slack_blocks import build_message, build_reply
from support.alert_events import drift_event, health_event, resolved_event, silence_event
from support.injections import INJECTIONS
from support.receivers import BASIC, CANARIES, KINDS, Target, news, target, trial
from support.scripted_server import (
    echo,
    giant,
    half_body,
    half_head,
    hang,
    no_http,
    redirect,
    reset,
    slow_body,
    slow_head,
    status,
)
from support.slack_rules import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.alerts.schema import AlertEnvelope
    from driftline.notify.notification import Receiver
    from support.scripted_server import Step

AGAIN, LATER, REFUSED, REVOKED = Failure.AGAIN, Failure.LATER, Failure.REFUSED, Failure.REVOKED

# Any receiver's, unless the next table says otherwise.
STATUSES: Final = {
    300: REFUSED,
    301: REFUSED,
    302: REFUSED,
    304: REFUSED,
    307: REFUSED,
    308: REFUSED,
    400: REFUSED,
    401: REVOKED,
    402: REFUSED,
    403: REVOKED,
    404: REVOKED,
    405: REFUSED,
    408: AGAIN,
    409: REFUSED,
    410: REVOKED,
    413: REFUSED,
    415: REFUSED,
    418: REFUSED,
    422: REFUSED,
    425: AGAIN,
    429: LATER,
    451: REFUSED,
    499: REFUSED,
    500: AGAIN,
    501: AGAIN,
    502: AGAIN,
    503: AGAIN,
    504: AGAIN,
    507: AGAIN,
    520: AGAIN,
    599: AGAIN,
    600: AGAIN,
    999: AGAIN,
}
OWN_STATUSES: Final = {
    "webhook": {401: AGAIN, 403: AGAIN, 404: AGAIN, 405: AGAIN, 409: AGAIN},
    "alertmanager": {404: AGAIN},
}
NEEDS_ITS_BODY: Final = ("slack-webhook", "slack-bot")
"""Those for which a status alone is no success."""
KEY: Final = CANARIES["SIGNING"].removeprefix("whsec_")
ALL_SECRETS: Final = (*CANARIES.values(), BASIC, KEY, base64.b64decode(KEY).decode())

every_receiver = pytest.mark.parametrize("kind", KINDS)


async def failure_of(receiver: Receiver) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        await receiver.send(news())
    return raised.value


@every_receiver
async def test_each_kind_of_alert_arrives_in_one_request(kind: str) -> None:
    """Firing, ended, silent source, unwell monitor, again, alive, several together, and a test."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build()
        for alert in (drift_event(), resolved_event(), silence_event(), health_event()):
            await receiver.send(news(alert))
        assert len(aim.server.requests) == 4
        await receiver.send(news(purpose=Purpose.REPEAT))
        await receiver.send(news(purpose=Purpose.KEEP_ALIVE))
        await receiver.send(
            news(drift_event(), health_event(), purpose=Purpose.DIGEST, held_back=7)
        )
        await receiver.send(trial())
        await receiver.close()
    assert {request.method for request in aim.server.requests} == {"POST"}


@every_receiver
async def test_every_status_has_its_consequence(kind: str) -> None:
    """The whole table, as each service documents it."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build()
        for number, expected in {**STATUSES, **OWN_STATUSES.get(kind, {})}.items():
            # Slack is asked a second time after a 400, without blocks.
            aim.server.script[:] = [status(number), status(number)]
            error = await failure_of(receiver)
            assert error.failure is expected, number
            assert str(number) in str(error)


@every_receiver
@pytest.mark.parametrize("number", [429, 503])
async def test_who_asks_to_be_left_alone_is(kind: str, number: int) -> None:
    """For as long as it says, in whatever form; for a while if nobody can read it."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build()
        for said, seconds in (("7", 7.0), ("1.5", 1.5), ("soon", 30.0)):
            aim.server.script[:] = [status(number, Retry_After=said)]
            error = await failure_of(receiver)
            assert error.failure is LATER
            assert error.retry_after is not None
            assert error.retry_after.total_seconds() == seconds


@every_receiver
@pytest.mark.parametrize("step", [reset, half_head, no_http], ids=lambda step: step.__name__)
async def test_a_connection_that_breaks_is_tried_again(kind: str, step: Step) -> None:
    """Nobody knows whether it arrived."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build()
        aim.server.script[:] = [step]
        assert (await failure_of(receiver)).failure is AGAIN
        await receiver.send(news())


@every_receiver
@pytest.mark.parametrize("step", [hang, slow_head], ids=lambda step: step.__name__)
async def test_who_is_too_slow_is_tried_again(kind: str, step: Step) -> None:
    """The time-out is that of the whole attempt: drop by drop is no answer either."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build(timeout="300ms")
        aim.server.script[:] = [step]
        error = await failure_of(receiver)
        assert error.failure is AGAIN
        assert "no answer within 0.3 s" in str(error)


@every_receiver
async def test_nobody_there_is_tried_again(kind: str) -> None:
    """Nothing listens on its port."""
    aim = target(kind)
    async with aim.server.running():
        pass
    assert (await failure_of(aim.build())).failure is AGAIN


@every_receiver
@pytest.mark.parametrize(
    "step",
    [half_body(200), slow_body(200), giant(200)],
    ids=["half_body", "slow_body", "giant"],
)
async def test_a_success_without_all_of_its_body(kind: str, step: Step) -> None:
    """The status is enough, but for Slack, which says in the body whether it is one."""
    aim = target(kind)
    needed = kind in NEEDS_ITS_BODY
    async with aim.server.running():
        receiver = aim.build(timeout="500ms" if needed else "60s")
        aim.server.script[:] = [step]
        if needed:
            assert (await failure_of(receiver)).failure is AGAIN
        else:
            await receiver.send(news())


@every_receiver
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (half_body(500), AGAIN),
        (giant(500), AGAIN),
        (giant(410), REVOKED),
        (half_body(422), REFUSED),
    ],
    ids=["half_500", "giant_500", "giant_410", "half_422"],
)
async def test_a_refusal_is_one_without_all_of_its_body(
    kind: str, step: Step, expected: Failure
) -> None:
    """What is wrong with the answer's body does not change what its status says."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build()
        aim.server.script[:] = [step]
        assert (await failure_of(receiver)).failure is expected


@every_receiver
@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(kind: str, number: int) -> None:
    """Wherever it leads: it was not looked at, and would be shown the secrets."""
    aim, elsewhere = target(kind), target("webhook").server
    async with aim.server.running(), elsewhere.running():
        aim.server.script[:] = [redirect(elsewhere.url + "/stolen", number)]
        assert (await failure_of(aim.build())).failure is REFUSED
    assert not elsewhere.requests


@every_receiver
async def test_a_private_address_is_not_called_unless_it_is_allowed(kind: str) -> None:
    """Neither as an address nor as a name that leads to one."""
    aim = target(kind)
    async with aim.server.running():
        with pytest.raises(Exception, match="should begin with https://"):
            aim.build(allow_private=False)
    assert not aim.server.requests


@every_receiver
async def test_a_proxy_of_the_environment_is_not_used(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would see every secret, and go where we do not."""
    aim, proxy = target(kind), target("webhook").server
    async with aim.server.running(), proxy.running():
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await aim.build().send(news())
    assert aim.server.requests
    assert not proxy.requests


STEPS: Final = (
    *(echo(number) for number in (200, 302, 400, 400, 401, 403, 404, 410, 422, 429, 500, 503)),
    *(reset, half_head, no_http, half_body(200), giant(500)),
)


@pytest.fixture
def debug_log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the level at which libraries say all they know."""
    output = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(LogStyle.JSON, "DEBUG", output=output)
    yield output
    root.handlers[:], root.level = handlers, level


@every_receiver
async def test_no_secret_gets_out(kind: str, debug_log: io.StringIO) -> None:
    """Not in a log at debug level, an error, its traceback or what is printed of a receiver.

    Also where the receiver says back to us all that it was sent.
    """
    asyncio.get_running_loop().set_debug(True)
    aim = target(kind)
    texts: list[str] = []
    async with aim.server.running():
        receiver = aim.build(timeout="2s")
        for step in STEPS:
            aim.server.script[:] = [step, step]
            try:
                await receiver.send(news())
            except DeliveryError as error:
                texts += [str(error), repr(error), *traceback.format_exception(error)]
                texts += [repr(error.__context__), repr(error.__cause__), repr(error.args)]
                logging.getLogger("driftline.test").exception("notification_failed")
    async with aim.server.running():
        texts += [repr(receiver), str(receiver), repr(vars(receiver)), debug_log.getvalue()]
    assert aim.server.requests
    sent = "\n".join(request.whole().decode("utf-8", "replace") for request in aim.server.requests)
    assert any(secret in sent for secret in ALL_SECRETS) or kind == "webhook"
    found = [secret for secret in ALL_SECRETS for text in texts if secret in text]
    assert not found


def hostile(name: str) -> Iterator[AlertEnvelope]:
    """Alerts in which every name that may come from data or declarations is this one."""
    common = {
        "stream": name,
        "instance": name,
        "signal": name,
        "deployment": name,
        "owner": name,
        "tags": [name, name],
        "summary": name,
        "acknowledged": {"by": name, "at": "2019-03-04T12:30:00Z", "note": name},
    }
    moved = drift_event().data.model_dump()["moved_with"][0]
    detector = drift_event().data.model_dump()["detectors"][0]
    yield drift_event(
        **common,
        signal_kind="categorical",
        indicator=name,
        slice=name,
        model_versions=[name] * 20,
        detectors=[{**detector, "profile": name}],
        moved_with=[{**moved, "signal": name, "indicator": name}],
        cause={"kind": "lag", "since": "2019-03-04T12:30:00Z", "detail": name},
    )
    yield resolved_event(**common)
    yield silence_event(**common)
    yield health_event(**common, details={name: name})


def test_there_are_enough_injections() -> None:
    """Fifty, and no two alike."""
    assert len(set(INJECTIONS)) >= 50


@every_receiver
async def test_names_of_data_mean_nothing_to_the_receiver(kind: str) -> None:
    """Whatever data is called: it is taken, and every name in it is a name."""
    aim = target(kind)
    async with aim.server.running():
        receiver = aim.build()
        for name in INJECTIONS:
            alerts = tuple(hostile(name))
            await receiver.send(news(alerts[0]))
            check(aim, alerts[0], f"{name!r:.60}")
            if kind.startswith("slack"):
                # Taken as it was: it was not sent once more without blocks.
                assert len(aim.server.requests) == 2 * INJECTIONS.index(name) + 1, name
            await receiver.send(news(*alerts, purpose=Purpose.DIGEST, held_back=3))
            if kind != "webhook":
                check(aim, alerts[0], f"{name!r:.60} in a digest")


def test_names_of_data_mean_nothing_in_any_message_of_slack() -> None:
    """Alone, as an update in a thread, and among others."""
    for name in INJECTIONS:
        alerts = tuple(hostile(name))
        messages = [build_message(news(alert, base_url="https://x.example")) for alert in alerts]
        messages += [build_reply(one.data, base_url=None, repeated=True) for one in alerts]
        messages += [build_message(news(*alerts)), build_message(news(*alerts * 5))]
        assert [faults(message.payload()) for message in messages] == [[]] * len(messages)


def check(aim: Target, alert: AlertEnvelope, where: str) -> None:
    """The last request holds names as names."""
    request = aim.server.requests[-1]
    assert "x-injected" not in request.headers, where
    if aim.kind.startswith("slack"):
        payload = request.json()
        assert faults(payload) == [], where
        assert "<!" not in json.dumps(payload.get("text")), where
        assert "@channel" not in payload["text"], where
    elif aim.kind == "webhook":
        # As it is on the alerts topic: JSON texts, which are the reader's to escape.
        assert request.body == alert.model_dump_json().encode(), where
    else:
        texts = list(strings(request.json()))
        assert all(len(text) <= 10_000 for text in texts), where
        bad = [t for t in texts for char in t if not char.isprintable() and char != "\n"]
        assert not bad, where


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


async def test_names_of_data_stay_on_their_line_of_the_log(debug_log: io.StringIO) -> None:
    """One line for each alert, without a character that would fool a terminal."""
    receiver = LogReceiver()
    for name in INJECTIONS:
        debug_log.seek(0)
        debug_log.truncate()
        alerts = tuple(hostile(name))
        await receiver.send(news(*alerts))
        lines = debug_log.getvalue().splitlines()
        written = [json.loads(line) for line in lines]
        assert [one["alert_id"] for one in written] == [a.data.alert_id for a in alerts]
        assert all(char.isprintable() or char in "\u200c\u200d" for line in lines for char in line)
