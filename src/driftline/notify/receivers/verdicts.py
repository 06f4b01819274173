"""What an HTTP status means for a notification: one table, and what each service adds to it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from driftline.notify.notification import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.notify.receivers.http import Answer, HttpClient

DEFAULT_PAUSE: Final = timedelta(seconds=30)
"""For a receiver that asks to be left alone, and not, or not intelligibly, for how long."""
LONGEST_PAUSE: Final = timedelta(days=1)

_PATIENCE: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def check(
    client: HttpClient,
    answer: Answer,
    verdicts: Mapping[int, Failure],
    *,
    said: str = "",
) -> None:
    """Return if the answer is a success.

    `verdicts` has the statuses of which the service means something of its own; `said` is what it
    said in words that may be shown.

    Raises:
        DeliveryError: it is none.
    """
    failure = judge(answer, verdicts)
    if failure is None:
        return
    message = f"status {answer.status}"
    if 300 <= answer.status < 400:  # noqa: PLR2004 - redirects
        message += ", a redirect, which is not followed"
    later = failure is Failure.LATER
    pause = read_pause(answer.retry_after, client.now()) if later else None
    raise client.error(f"{message}: {said}" if said else message, failure, retry_after=pause)


def judge(answer: Answer, verdicts: Mapping[int, Failure]) -> Failure | None:
    """What to do after this answer; None for success."""
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return None
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after is not None
    ):
        return Failure.LATER
    if status in _PATIENCE or not 300 <= status < 500:  # noqa: PLR2004 - neither redirect nor refusal
        return Failure.AGAIN
    return verdicts.get(status, Failure.REFUSED)


def read_pause(text: str | None, now: datetime) -> timedelta:
    """A Retry-After (RFC 9110, 10.2.3) as a time from now: seconds, also with decimals, or a date.

    Between 0 and a day; 30 s where there is none, or nobody can read it.
    """
    if text is None:
        return DEFAULT_PAUSE
    text = text.strip()
    seconds = _seconds(text)
    if seconds is None:
        seconds = _seconds_until(text, now)
    if seconds is None:
        return DEFAULT_PAUSE
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_PAUSE.total_seconds()))


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return None if math.isnan(seconds) else seconds


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(text)
        # RFC 9110 has all dates in GMT; those that do not say so are.
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
