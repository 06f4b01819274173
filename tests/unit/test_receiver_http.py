"""Where requests to receivers go, and how their answers are read."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from driftline.notify.notification import DeliveryError, Failure
from driftline.notify.receivers.addresses import is_public, target
from driftline.notify.receivers.http import MAX_ANSWER_BYTES, HttpClient
from driftline.notify.receivers.verdicts import DEFAULT_PAUSE, LONGEST_PAUSE, read_pause
from support.scripted_server import ScriptedServer, giant, status

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECONDS: Final = timedelta(seconds=30)


class Names(AbstractResolver):
    """A resolver that answers one list of addresses after the other, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if not found:
            raise OSError(socket.EAI_NONAME, "no such name")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def failure(client: HttpClient, url: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        await client.post(URL(url), b"x", {})
    return raised.value


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",  # noqa: S104 - an address that is refused
        "10.0.0.7",
        "172.16.3.4",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "localhost",
        "",
    ],
)
def test_what_is_not_out_there_is_not_public(address: str) -> None:
    """Private, local, reserved, also inside an IPv6 address; and what is no address at all."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_is_out_there_is_public(address: str) -> None:
    """Addresses that anybody can reach."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "localhost", "127.0.0.1."],
)
async def test_a_server_on_this_machine_is_not_called(host: str) -> None:
    """In whatever way its address is written."""
    server = ScriptedServer()
    async with server.running():
        client = HttpClient("ours", timeout=SECONDS)
        error = await failure(client, f"http://{host}:{server.port}/")
    assert error.failure in {Failure.REFUSED, Failure.AGAIN}
    assert not server.requests


async def test_one_private_address_among_public_ones_refuses_them_all() -> None:
    """Otherwise it would only need patience until that one is chosen."""
    names = Names(["93.184.216.34", "10.0.0.1"])
    client = HttpClient("ours", timeout=SECONDS, resolver=names)
    error = await failure(client, "https://mixed.example/")
    assert error.failure is Failure.REFUSED
    assert str(error) == (
        "ours: its address is not a public one, and allow_private is not declared"
    )


async def test_a_name_is_looked_at_in_each_attempt() -> None:
    """One that led to where it may, and now leads elsewhere (DNS rebinding), is not followed."""
    server = ScriptedServer()
    async with server.running():
        names = Names(["127.0.0.1"], ["127.0.0.1"])
        open_client = HttpClient("ours", timeout=SECONDS, resolver=names, allow_private=True)
        url = f"http://rebound.example:{server.port}/"
        for _ in range(2):
            assert (await open_client.post(URL(url), b"x", {})).status == 200
        assert names.asked == 2
        strict = HttpClient("ours", timeout=SECONDS, resolver=names)
        assert (await failure(strict, url)).failure is Failure.REFUSED
        assert names.asked == 3
    assert len(server.requests) == 2
    assert server.requests[0].headers["host"] == f"rebound.example:{server.port}"


async def test_names_are_found_though_all_threads_of_asyncio_wait() -> None:
    """And the other way round: receivers whose names nobody answers for take none of these."""
    gate, loop = threading.Event(), asyncio.get_running_loop()
    waiting = [loop.run_in_executor(None, gate.wait) for _ in range(64)]
    server = ScriptedServer()
    try:
        async with server.running():
            client = HttpClient("ours", timeout=SECONDS, allow_private=True)
            answer = await client.post(URL(f"http://localhost:{server.port}/"), b"x", {})
        assert answer.status == 200
    finally:
        gate.set()
        await asyncio.gather(*waiting)


async def test_a_name_without_address_is_tried_again() -> None:
    """A name server may be away. The host is named, and nothing else of the URL."""
    client = HttpClient("ours", timeout=SECONDS, resolver=Names([]))
    error = await failure(client, "https://user:canary@nowhere.example/canary?canary")
    said = "ours: its host 'nowhere.example' has no address"
    assert (error.failure, str(error)) == (Failure.AGAIN, said)


async def test_what_speaks_no_tls_is_tried_again() -> None:
    """And says so."""

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speak_plainly, "127.0.0.1")
    async with server:
        client = HttpClient("ours", timeout=SECONDS, allow_private=True)
        port = server.sockets[0].getsockname()[1]
        error = await failure(client, f"https://127.0.0.1:{port}/")
    assert error.failure is Failure.AGAIN
    assert "secure connection" in str(error)


async def test_an_answer_is_read_up_to_its_limit() -> None:
    """And not unpacked: a little that is sent may be much."""
    server = ScriptedServer()
    async with server.running():
        client = HttpClient("ours", timeout=SECONDS, allow_private=True)
        server.script[:] = [giant(400), status(400, b"not gzip", Content_Encoding="gzip")]
        answer = await client.post(URL(server.url), b"x", {})
        assert (len(answer.body), answer.whole) == (MAX_ANSWER_BYTES, False)
        answer = await client.post(URL(server.url), b"x", {})
        assert (answer.body, answer.whole) == (b"not gzip", True)
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "should be such as"),
        ("hooks.example/x", "should be such as"),
        ("https://", "should be such as"),
        ("https://host:99999/", "should be such as"),
        ("https://host/a b", "should be such as"),
        ("https://host/\r\nX: y", "should be such as"),
        ("file:///etc/passwd", "should be such as"),
        ("ftp://host/x", "should begin with https://"),
        ("http://host/x", "allow_private: true"),
    ],
)
def test_a_url_that_may_not_be_is_named_but_not_repeated(url: str, said: str) -> None:
    """It may be a secret."""
    with pytest.raises(ValueError, match=said) as raised:
        target(url, allow_private=False)
    assert "passwd" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 3 ", 3),
        ("0.5", 0.5),
        ("1e2", 100),
        ("-5", 0),
        ("1e400", LONGEST_PAUSE.total_seconds()),
        ("9" * 400, LONGEST_PAUSE.total_seconds()),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Friday, 02-Jan-26 03:05:05 GMT", 60),
        ("Fri Jan  2 03:05:05 2026", 60),
        ("Fri, 02 Jan 2026 05:05:05 +0200", 60),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0),
        ("Fri, 02 Jan 2099 03:05:05 GMT", LONGEST_PAUSE.total_seconds()),
    ],
)
def test_every_form_of_a_pause_is_read(said: str, seconds: float) -> None:
    """Seconds, with decimals too, and the three forms of an HTTP date."""
    assert read_pause(said, NOW).total_seconds() == seconds


@pytest.mark.parametrize("said", [None, "", "soon", "nan", "1,5", "32 Jan", "99:99", "\x00"])
def test_a_pause_that_nobody_can_read_is_a_usual_one(said: str | None) -> None:
    """It was asked for all the same."""
    assert read_pause(said, NOW) == DEFAULT_PAUSE


@given(st.text())
def test_no_pause_breaks_anything(said: str) -> None:
    """Whatever stands there, it is a time between none and a day."""
    assert timedelta(0) <= read_pause(said, NOW) <= LONGEST_PAUSE
