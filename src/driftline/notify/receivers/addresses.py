"""Where a request may go: every address is looked at, and the one looked at is the one used.

A receiver's name may lead anywhere, and to somewhere else each time it is asked for. So whoever
may declare a target could have the worker call what only the worker can reach: a metadata service,
an administration page, a database. Addresses that are not public are therefore refused, unless the
receiver's declaration allows them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

_Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a gateway turns into the IPv4 address at their end (RFC 6052)."""
_SITE: Final = ipaddress.IPv6Network("fec0::/10")
"""Private addresses of a site (RFC 3879): nobody gives them out any more, and some still have them;
the registry that Python asks does not know them."""


_THREADS: Final = ThreadPoolExecutor(64, thread_name_prefix="resolve")
"""A name server that does not answer keeps a thread for long. Were they asyncio's, of which there
are a few, names of receivers would hold up those of Kafka and Redis."""


class ForbiddenAddressError(OSError):
    """A connection was to be made to an address that is not public."""


def is_public(text: str) -> bool:
    """Whether an IP address belongs to anybody out there; False for what is no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return all(
        one.is_global
        and not (one.is_multicast or one.is_reserved or one.is_unspecified or one in _SITE)
        for one in _led_to(address)
    )


def _led_to(address: _Address) -> list[_Address]:
    """The addresses at which something arrives that is sent to this one."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(address.packed[-4:])]
    within = [address.sixtofour, *(address.teredo or ())]
    return [address, *(one for one in within if one is not None)]


class SystemResolver(AbstractResolver):
    """Asks the system."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of the name. Raises OSError: it has none, or nobody could be asked."""
        ask = partial(
            socket.getaddrinfo,
            host,
            port,
            family=family,
            type=socket.SOCK_STREAM,
            flags=socket.AI_ADDRCONFIG,
        )
        found = await asyncio.get_running_loop().run_in_executor(_THREADS, ask)
        return [
            ResolveResult(
                hostname=host,
                host=_written(address),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _written(address: tuple[object, ...]) -> str:
    """The address; of a link-local one with its link."""
    link = address[3] if len(address) > 3 else 0  # noqa: PLR2004 - of IPv6
    return f"{address[0]}%{link}" if link else str(address[0])


class AddressGuard(AbstractResolver):
    """Resolves names for one request, and opens its sockets, to public addresses alone.

    One that is not public is enough to refuse them all: a name with several would otherwise only
    need patience.
    """

    def __init__(self, *, allow_private: bool, resolver: AbstractResolver | None = None) -> None:
        self._allow_private = allow_private
        self._resolver = resolver or SystemResolver()
        self.refused = False
        """Whether an address was refused."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of the name.

        Raises:
            ForbiddenAddressError: one of them is not public.
            OSError: it has none, or nobody could be asked.
        """
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            self._check(one["host"])
        return found

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for a connection to an address, which may never have been a name.

        Raises:
            ForbiddenAddressError: it is not public.
        """
        family, kind, protocol, _, address = info
        self._check(str(address[0]))
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Let the resolver go."""
        await self._resolver.close()

    def _check(self, address: str) -> None:
        if not self._allow_private and not is_public(address):
            self.refused = True
            raise ForbiddenAddressError


def target(text: str, *, allow_private: bool) -> URL:
    """A URL that a receiver may have.

    Without TLS anybody on the way reads alerts and secrets: only to private addresses.

    Raises:
        ValueError: it may not; the text says why, and nothing of the URL.
    """
    url = _parse(text)
    if url is None or not url.host or not url.port:
        message = "the URL should be such as https://host/path"
        raise ValueError(message)
    if url.scheme not in {"http", "https"}:
        message = "the URL should begin with https://"
        raise ValueError(message)
    if url.scheme == "http" and not allow_private:
        message = "the URL should begin with https:// (http:// only with allow_private: true)"
        raise ValueError(message)
    return url


def _parse(text: str) -> URL | None:
    try:
        return URL(text) if text.isprintable() and " " not in text else None
    except ValueError:
        return None
