"""Slack's incoming webhooks: a message per notification, which nobody can change once it is there.

Answers as Slack documents them: 200 with the body `ok`; else a status with a word that says why.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import SecretStr
from yarl import URL

from driftline.notify.notification import Failure, Receipt
from driftline.notify.receivers.slack_blocks import build_message
from driftline.notify.receivers.verdicts import check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from driftline.notify.notification import Notification
    from driftline.notify.receivers.http import Answer, HttpClient

# The webhook was removed, its channel is archived, or the workspace does not want it.
VERDICTS: Final[Mapping[int, Failure]] = {
    HTTPStatus.UNAUTHORIZED: Failure.REVOKED,
    HTTPStatus.FORBIDDEN: Failure.REVOKED,
    HTTPStatus.NOT_FOUND: Failure.REVOKED,
    HTTPStatus.GONE: Failure.REVOKED,
}
# Only these are repeated in an error: what else comes may be anything, the webhook's URL too.
WORDS: Final = frozenset(
    {
        "invalid_payload",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_token",
        "user_not_found",
        "channel_not_found",
        "channel_is_archived",
        "action_prohibited",
        "posting_to_general_channel_denied",
        "too_many_attachments",
        "no_service",
        "no_service_id",
        "no_team",
        "no_text",
        "team_disabled",
        "rollup_error",
    }
)
HEADERS: Final = {"Content-Type": "application/json; charset=utf-8"}


class SlackWebhookReceiver:
    """One webhook, and so one channel."""

    def __init__(self, client: HttpClient, url: URL) -> None:
        self.takes_groups = True
        self.keep_alive: timedelta | None = None
        self._client = client
        # Who knows it may post.
        self._url = SecretStr(str(url))

    async def send(self, notification: Notification) -> Receipt:
        """Post one message; without blocks where Slack does not take them.

        Raises:
            DeliveryError: it is not there, or nobody knows whether it is.
        """
        message = build_message(notification)
        answer = await self._post(message.payload())
        if answer.status == HTTPStatus.BAD_REQUEST:
            answer = await self._post(message.in_plain_text())
        word = answer.body.decode("ascii", "replace").strip()
        check(self._client, answer, VERDICTS, said=word if word in WORDS else "")
        if word != "ok" or not answer.whole:
            text = f"status {answer.status} without Slack's ok"
            raise self._client.error(text, Failure.AGAIN)
        return Receipt()

    async def close(self) -> None:
        """No connection is kept."""

    async def _post(self, payload: dict[str, Any]) -> Answer:
        url = URL(self._url.get_secret_value(), encoded=True)
        body = msgspec.json.encode(payload)
        return await self._client.post(url, body, HEADERS, status_is_enough=False)
