"""Where a subscription may send to, checked when it is made.

Whether a name leads to a private address is looked at each time that something is sent.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from driftline.config.urls import check_url
from driftline.notify.refusals import RefusedError
from driftline.notify.subscription import SubscriptionTarget, TargetKind

LONGEST_URL: Final = 2_000
PREFIX: Final = "whsec_"
FRESH_BYTES: Final = 32
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64


def make_target(
    kind: TargetKind, url: str, secret: str | None = None, *, allow_private: bool
) -> SubscriptionTarget:
    """A target. A webhook without a secret gets a new one.

    Raises:
        RefusedError: the URL may not be sent to, or the secret is none. The text repeats neither.
    """
    host = _check(url, allow_private=allow_private)
    if kind is not TargetKind.WEBHOOK:
        if secret is not None:
            message = "the secret: what goes to Slack is not signed; leave it out"
            raise RefusedError(message)
        return SubscriptionTarget(kind, SecretStr(url), None, host)
    chosen = new_secret() if secret is None else _checked_secret(secret)
    return SubscriptionTarget(kind, SecretStr(url), SecretStr(chosen), host)


def new_secret() -> str:
    """A secret as Standard Webhooks has it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(FRESH_BYTES)).decode()


def _check(url: str, *, allow_private: bool) -> str:
    """The URL's host."""
    if len(url) > LONGEST_URL or not url.isprintable():
        message = f"the URL: should be one line of at most {LONGEST_URL:,} characters"
        raise RefusedError(message)
    try:
        parts = urlsplit(check_url(url))
    except PydanticCustomError as error:
        message = f"the URL: {error}"
        raise RefusedError(message) from None
    host = parts.hostname or ""
    if not allow_private and parts.scheme != "https":
        message = "the URL: should begin with https://"
        raise RefusedError(message)
    if not allow_private and _is_private(host):
        message = "the URL: its address is not a public one"
        raise RefusedError(message)
    return host


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def _checked_secret(secret: str) -> str:
    expected = f"the secret: should be {PREFIX} and base64 of 24 to 64 bytes"
    if not secret.startswith(PREFIX):
        raise RefusedError(expected)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(expected) from None
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise RefusedError(expected)
    return secret
