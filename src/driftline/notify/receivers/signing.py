"""Signatures as Standard Webhooks 1.0.0 has them (symmetric, v1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

PREFIX: Final = "whsec_"
LEAST_BYTES: Final = 24
MOST_BYTES: Final = 64


def read_secret(text: str) -> bytes:
    """The key of a secret as it is written.

    Raises:
        ValueError: it is none; the text says why, and nothing of the secret.
    """
    try:
        key = base64.b64decode(text.removeprefix(PREFIX).encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        key = b""
    if not text.startswith(PREFIX) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
        sizes = f"{LEAST_BYTES} to {MOST_BYTES} bytes"
        message = f"the secret should be {PREFIX} and base64 of {sizes}"
        raise ValueError(message) from None
    return key


def sign(key: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of an attempt: `message_id` is the same over all of them, `at` is not."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
