"""A Slack app's bot: each alert has a message that is kept up to date, and a thread of its course.

What is remembered of an alert is where its message is: channel and `ts`. Updating is idempotent, so
a notification that is sent again changes nothing before it repeats its one message.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.notify.notification import DeliveryError, Failure, Purpose, Receipt
from driftline.notify.receivers.slack_blocks import build_message, build_reply
from driftline.notify.receivers.slack_errors import (
    BLOCKS_REFUSED,
    FAILURES,
    GONE,
    SlackError,
)
from driftline.notify.receivers.slack_webhook import HEADERS, VERDICTS
from driftline.notify.receivers.verdicts import check, read_pause

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from pydantic import SecretStr
    from yarl import URL

    from driftline.alerts.schema import AlertEnvelope
    from driftline.notify.notification import Notification
    from driftline.notify.receivers.http import Answer, HttpClient
    from driftline.notify.receivers.slack_blocks import Message

POST: Final = "chat.postMessage"
UPDATE: Final = "chat.update"
_OF_POST_ALONE: Final = ("mrkdwn", "unfurl_links", "unfurl_media")


class SlackBotReceiver:
    """One bot in one channel."""

    def __init__(self, client: HttpClient, api: URL, token: SecretStr, channel: str) -> None:
        self.takes_groups = False
        self.keep_alive: timedelta | None = None
        self._client = client
        self._api = api
        self._token = token
        self._channel = channel

    async def send(self, notification: Notification) -> Receipt:
        """Post the alert's message, or update it and add to its thread.

        Raises:
            DeliveryError: something of it is not there, or nobody knows whether it is.
        """
        try:
            return Receipt(await self._tell(notification))
        except SlackError as error:
            failure = self._failure(error)
        raise failure from None

    async def close(self) -> None:
        """No connection is kept."""

    async def _tell(self, notification: Notification) -> Mapping[str, Mapping[str, str]]:
        alerts = notification.alerts
        if len(alerts) == 1 and notification.purpose is not Purpose.DIGEST:
            alert_id = alerts[0].data.alert_id
            known = notification.memory.get(alert_id)
            return {alert_id: await self._tell_alert(notification, alerts[0], known)}
        await self._update_all(notification)
        await self._post(build_message(notification))
        return notification.memory

    async def _update_all(self, notification: Notification) -> None:
        """Let the alerts' own messages say how they stand, as many as Slack takes at once.

        Tried again, it would get no further than now, and the digest would never arrive; it tells
        of the others itself.
        """
        try:
            for one in notification.alerts:
                await self._update_known(notification, one)
        except SlackError as error:
            if FAILURES.get(error.code) is not Failure.LATER:
                raise
        except DeliveryError as error:
            if error.failure is not Failure.LATER:
                raise

    async def _tell_alert(
        self, notification: Notification, alert: AlertEnvelope, known: Mapping[str, str] | None
    ) -> Mapping[str, str]:
        """Where the alert's message is."""
        message = build_message(notification)
        if known is None:
            return await self._post(message)
        repeated = notification.purpose is Purpose.REPEAT
        reply = build_reply(alert.data, base_url=notification.base_url, repeated=repeated)
        try:
            await self._send(UPDATE, message, dict(known))
            thread = {"channel": known["channel"], "thread_ts": known["ts"]}
            await self._send(POST, reply, {**thread, "reply_broadcast": repeated})
        except SlackError as error:
            if error.code not in GONE:
                raise
            # Somebody removed it.
            return await self._post(message)
        return known

    async def _update_known(self, notification: Notification, alert: AlertEnvelope) -> None:
        """Let the alert's own message say how it stands, if it has one."""
        known = notification.memory.get(alert.data.alert_id)
        if known is None:
            return
        try:
            message = build_message(
                dataclasses.replace(notification, purpose=Purpose.NEWS, alerts=(alert,))
            )
            await self._send(UPDATE, message, dict(known))
        except SlackError as error:
            if error.code not in GONE:
                raise

    async def _post(self, message: Message) -> Mapping[str, str]:
        reply = await self._send(POST, message, {"channel": self._channel})
        return {"channel": str(reply["channel"]), "ts": str(reply["ts"])}

    async def _send(self, method: str, message: Message, to: dict[str, Any]) -> dict[str, Any]:
        """Slack's reply; without blocks where it does not take them."""
        try:
            return await self._call(method, {**message.payload(), **to})
        except SlackError as error:
            if error.code not in BLOCKS_REFUSED:
                raise
        # An update would keep the blocks that are there.
        return await self._call(method, {**message.in_plain_text(), "blocks": [], **to})

    async def _call(self, method: str, payload: dict[str, Any]) -> dict[str, Any]:
        given = {**payload, "parse": "none"}
        if method == UPDATE:
            given = {key: value for key, value in given.items() if key not in _OF_POST_ALONE}
        headers = {**HEADERS, "Authorization": f"Bearer {self._token.get_secret_value()}"}
        answer = await self._client.post(
            self._api / method, msgspec.json.encode(given), headers, status_is_enough=False
        )
        check(self._client, answer, VERDICTS)
        reply = _decode(answer)
        if reply is None or (reply["ok"] and not {"channel", "ts"} <= reply.keys()):
            message = "its answer is not Slack's"
            raise self._client.error(message, Failure.AGAIN)
        if not reply["ok"]:
            raise SlackError(str(reply.get("error")), answer.retry_after)
        return reply

    def _failure(self, error: SlackError) -> DeliveryError:
        failure = FAILURES.get(error.code)
        if failure is None:
            return self._client.error("refused, for a reason that is not known", Failure.REFUSED)
        later = failure is Failure.LATER
        pause = read_pause(error.retry_after, self._client.now()) if later else None
        return self._client.error(error.code, failure, retry_after=pause)


def _decode(answer: Answer) -> dict[str, Any] | None:
    """The reply, if it is one of the Web API."""
    try:
        reply = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    known = answer.whole and isinstance(reply, dict) and isinstance(reply.get("ok"), bool)
    return reply if known else None
