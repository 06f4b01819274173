"""One request to a receiver, and what becomes of its answer.

No proxy of the environment, no redirect, no cookie, no kept connection: each attempt resolves the
name anew and goes where it may (`driftline.notify.receivers.addresses`). An answer is read up to
64 kB. What goes wrong is a `DeliveryError` without any URL, header or exception of the HTTP library
in it, as those hold secrets; a host that has no address is named.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import aiohttp

from driftline.notify.notification import DeliveryError, Failure
from driftline.notify.receivers.addresses import AddressGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from aiohttp.abc import AbstractResolver
    from yarl import URL

MAX_ANSWER_BYTES: Final = 65_536
_PIECE_BYTES: Final = 8_192


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    retry_after: str | None
    """The header, as it came."""
    body: bytes
    whole: bool
    """Whether all of the body is there: it did not break off, nor is it longer than we read."""


class HttpClient:
    """Sends requests to one receiver."""

    def __init__(
        self,
        service: str,
        *,
        timeout: timedelta,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.service = service
        """Begins the text of errors."""
        self.now = clock
        """The time of day."""
        self._seconds = timeout.total_seconds()
        self._allow_private = allow_private
        self._resolver = resolver

    async def post(
        self, url: URL, body: bytes, headers: Mapping[str, str], *, status_is_enough: bool = True
    ) -> Answer:
        """The answer, whatever its status; no later than the time-out.

        Its body may be missing in part; that of a success is read only where its status is not
        enough.

        Raises:
            DeliveryError: there is none; to be tried again, unless the address is forbidden.
        """
        guard = AddressGuard(allow_private=self._allow_private, resolver=self._resolver)
        try:
            async with (
                _session(guard, self._seconds) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                done = response.ok and status_is_enough
                text, whole = (b"", True) if done else await _read(response)
                retry_after = response.headers.get("Retry-After")
                return Answer(response.status, retry_after, text, whole)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: what aiohttp and idna say of hosts that cannot be.
            failure = self._failure(error, url.host or "", refused=guard.refused)
        raise failure from None

    def _failure(self, error: Exception, host: str, *, refused: bool) -> DeliveryError:
        if refused:
            message = "its address is not a public one, and allow_private is not declared"
            return self.error(message, Failure.REFUSED)
        if isinstance(error, TimeoutError):
            return self.error(f"no answer within {self._seconds:g} s", Failure.AGAIN)
        return self.error(_trouble(error, host), Failure.AGAIN)

    def error(
        self, message: str, failure: Failure, *, retry_after: timedelta | None = None
    ) -> DeliveryError:
        """An error of this service."""
        return DeliveryError(f"{self.service}: {message}", failure, retry_after=retry_after)


def _session(guard: AddressGuard, seconds: float) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=guard,
        socket_factory=guard.open_socket,
        use_dns_cache=False,
        force_close=True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        # 64 kB that are sent may be gigabytes once they are unpacked.
        auto_decompress=False,
        headers={"User-Agent": "driftline", "Accept-Encoding": "identity"},
    )


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body, and whether it is all of it."""
    body = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError):
        while piece := await response.content.read(_PIECE_BYTES):
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                return bytes(body[:MAX_ANSWER_BYTES]), False
        return bytes(body), True
    return bytes(body), False


def _trouble(error: Exception, host: str) -> str:
    """What went wrong, in words of our own; of the URL its host alone, which is no secret."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"its host {host!r} has no address"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "no secure connection: its certificate is not trusted, or it speaks no TLS"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is not HTTP"
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        return "its host name cannot be"
    return "the connection was lost before it answered"
