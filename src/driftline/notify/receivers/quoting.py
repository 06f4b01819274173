"""What a receiver said, as far as it may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from driftline.logs import HIDDEN, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 200


def quote_answer(body: bytes, secrets: Sequence[str]) -> str:
    """The reason in an answer: a JSON text, or an object's `message` and `errors`; else nothing.

    A receiver may repeat what it was sent: `secrets` are hidden, before anything is cut.
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    parts = _parts(answer)
    text = "; ".join(part for part in parts if part)
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN)
    return printable(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _parts(answer: object) -> list[str]:
    if isinstance(answer, str):
        return [answer]
    if not isinstance(answer, dict):
        return []
    errors = answer.get("errors")
    found = [answer.get("message"), *(errors if isinstance(errors, list) else [])]
    return [one for one in found if isinstance(one, str)]
