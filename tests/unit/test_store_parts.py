"""The store's parts that need no server: packing, plans, which errors may pass, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions

from driftline.model import InstanceKey
from driftline.monitor.state import InstanceCheckpoint, Outgoing
from driftline.store.client import is_denied, may_pass
from driftline.store.connect import RedisAddress, build_redis
from driftline.store.guard import judge
from driftline.store.keys import Keys
from driftline.store.packing import array_head, join_strings, pack_array, pack_pairs, pack_texts
from driftline.store.plans import (
    ARGUMENTS,
    PART_BYTES,
    build_plan,
    decode_outbox,
    encode_outgoing,
)
from driftline.store.protocol import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = InstanceKey("churn")


def pack_strings(strings: Sequence[str | bytes]) -> bytes:
    """An array of strings."""
    return array_head(len(strings)) + join_strings(strings)


@given(st.lists(st.lists(st.text())))
def test_what_is_packed_is_messagepack(rows: list[list[str]]) -> None:
    """Any reader of MessagePack gets the strings back."""
    packed = pack_array([pack_strings(row) for row in rows])
    assert msgspec.msgpack.decode(packed, type=list[list[str]]) == rows


@pytest.mark.parametrize("length", [0, 31, 32, 511, 512, 65_535, 65_536])
def test_strings_of_every_length_are_packed(length: int) -> None:
    """Each size class of the format, at its borders; and arrays as long."""
    assert msgspec.msgpack.decode(pack_strings(["x" * length])) == ["x" * length]
    assert msgspec.msgpack.decode(pack_strings(["x"] * length)) == ["x"] * length


names = st.one_of(
    st.lists(st.text(max_size=40), min_size=1, max_size=40),
    st.lists(st.text("ab\0Ω", min_size=2, max_size=2), min_size=25, max_size=40),
    st.lists(st.from_regex(r"[0-9a-f]{36}", fullmatch=True), min_size=25, max_size=40),
)


@given(names, st.sampled_from([0, 1, 31, 32, 600]), st.booleans())
def test_pairs_are_packed_as_strings_are(ids: list[str], size: int, even: bool) -> None:  # noqa: FBT001
    """Of one length or of several, with whatever in them: the same array of strings."""
    values = [bytes([n % 256]) * (size + (0 if even else n % 3)) for n in range(len(ids))]
    flat = [one for pair in zip(ids, values, strict=True) for one in pair]
    assert array_head(len(flat)) + pack_pairs(ids, values) == pack_strings(flat)
    assert msgspec.msgpack.decode(pack_texts(ids)) == ids


def test_a_plan_is_cut_small() -> None:
    """No command has more arguments than Lua takes, no part more bytes than a script may take."""
    ids = [f"id-{n}" for n in range(30_000)]
    step = InstanceCheckpoint(
        KEY,
        None,
        1,
        fields={f"f{n}": bytes(100_000) for n in range(50)},
        fields_removed=ids,
        windows=dict.fromkeys(ids, b"w" * 300),
        entries=dict.fromkeys(ids, b"e" * 30),
    )
    plan = build_plan(step)
    written: dict[str, list[str]] = {}
    for part in plan.parts:
        assert len(part) <= PART_BYTES
        for name, suffix, *arguments in msgspec.msgpack.decode(part, type=list[list[str]]):
            assert len(arguments) <= ARGUMENTS
            written.setdefault(f"{name} {suffix}", []).extend(arguments)
    assert written["HDEL state"] == [f"f:{name}" for name in ids]
    assert written["HSET entries"][::2] == ids
    assert written["HSET windows"][::2] == ids
    assert written["HSET state"][::2] == [*(f"f:f{n}" for n in range(50)), "name"]
    assert next(iter(written)).startswith("HDEL")


def test_an_empty_plan_still_has_a_part() -> None:
    """A step that changes nothing but the offset is applied by the same script."""
    plan = build_plan(InstanceCheckpoint(KEY, 1, 2, fields={}))
    assert [msgspec.msgpack.decode(part) for part in plan.parts] == [[]]


@given(st.permutations(range(8)))
def test_the_outbox_is_ordered_by_where_it_was_written(order: list[int]) -> None:
    """Whatever the order in which Redis gives them, events come back as they were written."""
    events = [Outgoing(f"{7 - n}.1", "k", (("a", b"\xff"),), bytes([n])) for n in range(8)]
    blobs = [(e.id.encode(), encode_outgoing(e, 9 + n // 3, n % 3)) for n, e in enumerate(events)]
    assert decode_outbox([blobs[n] for n in order]) == tuple(events)


@pytest.mark.parametrize(
    ("error", "passes", "denied"),
    [
        (exceptions.ConnectionError("refused"), True, False),
        (exceptions.TimeoutError("slow"), True, False),
        (ConnectionResetError("gone"), True, False),
        (exceptions.BusyLoadingError("loading"), True, False),
        (exceptions.OutOfMemoryError("full"), True, False),
        (exceptions.ReadOnlyError("replica"), True, False),
        (exceptions.NoScriptError("unknown"), True, False),
        (
            exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
            True,
            False,
        ),
        (
            exceptions.ResponseError(
                "Error running script (call to f_1): @user_script:9: @user_script: 9: "
                "-OOM command not allowed when used memory > 'maxmemory'."
            ),
            True,
            False,
        ),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), True, False),
        (exceptions.ResponseError("CLUSTERDOWN The cluster is down"), True, False),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), False, False),
        (exceptions.ResponseError("unknown command"), False, False),
        (exceptions.AuthenticationError("invalid password"), False, True),
        (exceptions.NoPermissionError("no permissions"), False, True),
        (exceptions.ResponseError("NOAUTH Authentication required."), False, True),
    ],
)
def test_errors_are_told_apart(error: Exception, passes: bool, denied: bool) -> None:  # noqa: FBT001
    """What may pass is retried, what is denied ends at once, the rest is an answer."""
    assert (may_pass(error), is_denied(error)) == (passes, denied)


@pytest.mark.parametrize(
    ("stored", "start", "to", "outcome"),
    [
        (None, None, 5, Outcome.APPLIED),
        (None, 4, 5, Outcome.SUPERSEDED),
        (5, None, 5, Outcome.ALREADY),
        (5, 4, 5, Outcome.ALREADY),
        (5, 5, 6, Outcome.APPLIED),
        (5, None, 6, Outcome.SUPERSEDED),
        (5, 4, 6, Outcome.SUPERSEDED),
        (0, 0, 1, Outcome.APPLIED),
        (0, None, 1, Outcome.SUPERSEDED),
    ],
)
def test_the_guard_is_one_table(
    stored: int | None, start: int | None, to: int, outcome: Outcome
) -> None:
    """What becomes of a step, for each relation of what is stored to what it says."""
    assert judge(stored, start, to) is outcome


def test_an_address_shows_no_secret() -> None:
    """Neither as text for people nor as a value in a traceback."""
    address = RedisAddress("rediss://user:s3cret@redis.example:6380/1", password="s3cret")  # noqa: S106
    assert address.shown == "redis.example:6380"
    assert "s3cret" not in repr(address)
    assert RedisAddress("unix:///run/redis.sock").shown == "/run/redis.sock"
    assert RedisAddress("redis://").shown == "localhost"


def test_tls_files_without_tls_are_refused() -> None:
    """Nobody who gives certificates means plain text."""
    with pytest.raises(ValueError, match="rediss://"):
        build_redis(RedisAddress("redis://redis.example", tls_ca="ca.pem"))


@given(st.text(), st.text(), st.text())
def test_keys_hold_no_text_of_others(deployment: str, stream: str, value: str) -> None:
    """Whatever a record or a person calls things, a key is ASCII with one hash tag."""
    keys = Keys(deployment)
    of = keys.of(InstanceKey(stream, value), "state")
    for key in (of, keys.instances(stream), keys.worker(value), keys.format):
        assert key.isascii()
        assert key.isprintable()
        assert key.count("{") == key.count("}") == 1
        assert key.startswith("{")
