"""Request bodies are read whole before anything else looks at them: small, and in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from driftline.web.problems import Kind, ProblemError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

WITHIN_SECONDS: Final = 10.0
"""A body of some kilobytes that takes longer is not going to come."""


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


async def with_body(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Read the body; the `receive` that hands it out, and then what comes behind it.

    Raises:
        ProblemError: it is longer than `limit` bytes, or does not come in time.
        ClientGoneError: the client went before it was there.
    """
    if _declared_length(scope) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            body = await _read(receive, limit)
    except TimeoutError as error:
        msg = f"the body did not come within {WITHIN_SECONDS:g} s"
        raise ProblemError(Kind.TIMEOUT, msg, headers={"Connection": "close"}) from error
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if length > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(parts)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _too_large(limit: int) -> ProblemError:
    msg = f"a body may have {limit:,} bytes at most"
    return ProblemError(Kind.TOO_LARGE, msg, headers={"Connection": "close"})
