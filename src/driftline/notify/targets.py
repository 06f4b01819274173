"""Where a subscription may send to, checked when it is made.

Whether a name leads to a private address is looked at each time that something is sent.
"""

from __future__ import annotations

import base64
import secrets
from ipaddress import ip_address
from typing import Final

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from driftline.config.urls import check_url
from driftline.notify.receivers.addresses import is_public, target
from driftline.notify.receivers.signing import PREFIX, read_secret
from driftline.notify.refusals import RefusedError
from driftline.notify.subscription import SubscriptionTarget, TargetKind

LONGEST_URL: Final = 2_000
FRESH_BYTES: Final = 32


def make_target(
    kind: TargetKind, url: str, secret: str | None = None, *, allow_private: bool
) -> SubscriptionTarget:
    """A target. A webhook without a secret gets a new one.

    Raises:
        RefusedError: the URL may not be sent to, or the secret is none. The text repeats neither.
    """
    if kind is not TargetKind.WEBHOOK and secret is not None:
        message = "what goes to Slack is not signed: leave the secret out"
        raise RefusedError(message)
    try:
        host = _host(url, allow_private=allow_private)
        if secret is not None:
            read_secret(secret)
    except (ValueError, PydanticCustomError) as error:
        raise RefusedError(str(error)) from None
    if kind is TargetKind.WEBHOOK and secret is None:
        secret = new_secret()
    kept = None if secret is None else SecretStr(secret)
    return SubscriptionTarget(kind, SecretStr(url), kept, host)


def new_secret() -> str:
    """A secret as Standard Webhooks has it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(FRESH_BYTES)).decode()


def _host(url: str, *, allow_private: bool) -> str:
    """The host of a URL; raises ValueError or PydanticCustomError if it may not be sent to."""
    if len(url) > LONGEST_URL:
        message = f"the URL should have at most {LONGEST_URL:,} characters"
        raise ValueError(message)
    host = target(check_url(url), allow_private=allow_private).host or ""
    if not allow_private and _is_private(host):
        message = "the URL's address should be a public one"
        raise ValueError(message)
    return host


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(str(ip_address(host)))
    except ValueError:
        return False
