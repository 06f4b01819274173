"""What every store promises, tried on the one in memory and on the one in a real Redis."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from driftline.errors import StateError, SupersededError
from driftline.model import InstanceKey, SourcePartition
from driftline.monitor.state import InstanceCheckpoint, Outgoing, PartitionCheckpoint
from driftline.store.connect import RedisAddress, connect
from driftline.store.memory import MemoryStore
from driftline.store.protocol import Attempt, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from driftline.store.protocol import Store

CHURN = InstanceKey("churn")
HOSTILE = InstanceKey("churn", "a{b}:c\r\n \x00 ü/../*")


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    opened: Store
    if request.param == "memory":
        opened = MemoryStore()
    else:
        url = request.getfixturevalue("redis_url")
        opened = await connect(RedisAddress(url), "contract")
    yield opened
    await opened.close()


def step(
    from_offset: int | None, to_offset: int, key: InstanceKey = CHURN, **changes: Any
) -> InstanceCheckpoint:
    """A checkpoint that says in `head` where it went."""
    head = {"head": f"at {to_offset}".encode()}
    fields = head | changes.pop("fields", {})
    return InstanceCheckpoint(key, from_offset, to_offset, fields, **changes)


def entry(group: int, text: str = "waiting") -> bytes:
    """A join's entry of a group."""
    return group.to_bytes(4, "little") + text.encode()


def alert(name: str) -> Outgoing:
    """An alert event."""
    return Outgoing(name, name.split(".", maxsplit=1)[0], (("ce_id", b"\xff\x00"),), b'{"a": 1}')


async def write(store: Store, *steps: InstanceCheckpoint) -> list[Outcome]:
    """Write and give back what became of it."""
    return await store.write_instances(steps)


async def content(store: Store, key: InstanceKey, ids: Iterable[str] = ()) -> tuple[Any, ...]:
    """All that a store shows of an instance."""
    names = await store.window_names(key)
    return (
        await store.load_instance(key),
        await store.load_windows(key, names),
        await store.fetch_entries({key: list(ids)}),
    )


async def collect_all(store: Store, limit: int = 1_000) -> int:
    """Collect until nothing is left; returns how many ids were worked through."""
    total = 0
    while done := await store.collect_garbage(limit):
        total += done
    return total


async def test_what_was_written_is_read_back(store: Store) -> None:
    """State, windows, entries and outbox come back as they were given, to the byte."""
    blob = bytes(range(256))
    first = step(
        None,
        7,
        HOSTILE,
        fields={"offset": blob, "signal.é{x}": b""},
        windows={"error|1d|0": blob, "empty": b""},
        entries={"id-1": entry(1), "\x00\u2028{id}": entry(2)},
        groups={1: ["id-1"], 2: ["\x00\u2028{id}"]},
        outbox=[alert("a.1")],
    )
    assert await write(store, first) == [Outcome.APPLIED]
    state = await store.load_instance(HOSTILE)
    assert state is not None
    assert state.offset == 7
    assert state.fields == {"head": b"at 7", "offset": blob, "signal.é{x}": b""}
    assert state.outbox == (alert("a.1"),)
    wanted = ["error|1d|0", "empty", "absent"]
    assert await store.load_windows(HOSTILE, wanted) == {"error|1d|0": blob, "empty": b""}
    assert await store.fetch_entries(
        {HOSTILE: ["id-1", "\x00\u2028{id}", "absent"], CHURN: []}
    ) == {
        HOSTILE: {"id-1": entry(1), "\x00\u2028{id}": entry(2)},
        CHURN: {},
    }


async def test_windows_of_many_are_read_at_once(store: Store) -> None:
    """Each instance gets its own of those that are there, whatever the others have."""
    await write(
        store,
        step(None, 1, HOSTILE, windows={"a": b"1", "b": b"2"}),
        step(None, 1, CHURN, windows={"a": b"3"}),
    )
    wanted = {HOSTILE: ["b", "absent"], CHURN: ["a"]}
    assert await store.load_all_windows(wanted) == {HOSTILE: {"b": b"2"}, CHURN: {"a": b"3"}}
    assert await store.load_all_windows({CHURN: [], HOSTILE: ["c"]}) == {CHURN: {}, HOSTILE: {}}


async def test_what_was_never_written_is_none(store: Store) -> None:
    """An unknown instance or partition is an answer, not an error."""
    assert await store.load_instance(CHURN) is None
    assert await store.load_instances([CHURN, HOSTILE]) == {CHURN: None, HOSTILE: None}
    assert await store.load_partition(3) is None
    assert await store.load_windows(CHURN, ["a"]) == {}
    assert await store.fetch_entries({CHURN: ["a"]}) == {CHURN: {}}
    assert await store.list_instances() == ()


async def test_a_retry_is_a_success_and_changes_nothing(store: Store) -> None:
    """Sending a checkpoint again says ALREADY, and groups and outbox hold it once."""
    first = step(None, 5, entries={"a": entry(1)}, groups={1: ["a"]}, outbox=[alert("x.1")])
    assert await write(store, first) == [Outcome.APPLIED]
    before = await content(store, CHURN, ["a"])
    assert await write(store, first) == [Outcome.ALREADY]
    assert await content(store, CHURN, ["a"]) == before


@pytest.mark.parametrize(("start", "to"), [(None, 9), (4, 9), (6, 9), (0, 4)])
async def test_a_zombie_is_refused_and_nothing_of_it_is_written(
    store: Store, start: int | None, to: int
) -> None:
    """A step from another offset than the stored one leaves every part as it was."""
    await write(
        store,
        step(
            None,
            5,
            fields={"kept": b"1"},
            windows={"w": b"1"},
            entries={"a": entry(1)},
            groups={1: ["a"]},
        ),
    )
    before = await content(store, CHURN, ["a", "b"])
    zombie = step(
        start,
        to,
        fields={"new": b"2"},
        fields_removed=["kept"],
        windows={"v": b"2"},
        windows_removed=["w"],
        entries={"b": entry(2)},
        entries_removed=["a"],
        groups={2: ["b"]},
        groups_removed=[1],
        outbox=[alert("z.1")],
    )
    assert await write(store, zombie) == [Outcome.SUPERSEDED]
    assert await content(store, CHURN, ["a", "b"]) == before
    assert await collect_all(store) == 0


async def test_a_store_that_lost_its_state_refuses_to_go_on(store: Store) -> None:
    """A writer that had state is superseded where nothing is stored; so is a second first step."""
    assert await write(store, step(5, 6)) == [Outcome.SUPERSEDED]
    assert await store.load_instance(CHURN) is None
    assert await write(store, step(None, 5)) == [Outcome.APPLIED]
    assert await write(store, step(None, 6)) == [Outcome.SUPERSEDED]


async def test_a_step_that_does_not_go_forward_is_a_bug(store: Store) -> None:
    """It could not be told from its own repetition, so it raises, and nothing is written."""
    for start, to in [(5, 5), (6, 5), (None, -1)]:
        with pytest.raises(ValueError, match="forward"):
            await write(store, step(None, 1, HOSTILE), step(start, to))
        with pytest.raises(ValueError, match="forward"):
            await store.write_partition(PartitionCheckpoint(0, start, to, b""))
    assert await store.load_instance(HOSTILE) is None


async def test_offsets_beyond_what_a_double_holds_are_told_apart(store: Store) -> None:
    """Neighbours above 2^53 are different offsets."""
    large = 2**60
    await write(store, step(None, large))
    assert await write(store, step(large + 1, large + 2)) == [Outcome.SUPERSEDED]
    assert await write(store, step(large, large + 1)) == [Outcome.APPLIED]
    state = await store.load_instance(CHURN)
    assert state is not None
    assert state.offset == large + 1


async def test_removed_comes_before_written(store: Store) -> None:
    """A name that a step both removes and writes is written; others that it removes are gone."""
    await write(
        store,
        step(None, 1, fields={"f": b"1", "g": b"1"}, windows={"w": b"1"}, entries={"a": entry(1)}),
    )
    await write(
        store,
        step(
            1,
            2,
            fields={"f": b"2"},
            fields_removed=["f", "g", "absent"],
            windows_removed=["w", "absent"],
            entries={"a": entry(2)},
            entries_removed=["a", "absent"],
        ),
    )
    state, windows, entries = await content(store, CHURN, ["a"])
    assert state.fields == {"head": b"at 2", "f": b"2"}
    assert windows == {}
    assert entries == {CHURN: {"a": entry(2)}}


async def test_instances_are_judged_one_by_one(store: Store) -> None:
    """One call writes what may be written and says for each what became of it, in order."""
    others = [InstanceKey("fleet", str(n)) for n in range(250)]
    await write(store, step(None, 3, CHURN), step(None, 3, HOSTILE))
    outcomes = await write(
        store, step(None, 4, CHURN), *(step(None, 1, key) for key in others), step(3, 4, HOSTILE)
    )
    assert outcomes == [Outcome.SUPERSEDED, *[Outcome.APPLIED] * 250, Outcome.APPLIED]
    loaded = await store.load_instances([*others, CHURN, CHURN])
    assert len(loaded) == 251
    assert all(not isinstance(s, (StateError, type(None))) for s in loaded.values())


async def test_steps_of_one_instance_may_follow_each_other_in_one_call(store: Store) -> None:
    """They are applied in the order given."""
    outcomes = await write(store, step(None, 1), step(1, 2), step(2, 3), step(1, 9))
    assert outcomes == [*[Outcome.APPLIED] * 3, Outcome.SUPERSEDED]


async def test_of_several_writers_exactly_one_wins(store: Store) -> None:
    """Whoever of several owners of an instance comes first goes on; nothing of the others stays."""
    seed = 20_260
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    randomness = random.Random(seed)
    at: int | None = None
    for to in range(1, 300, 5):
        # All start where the state is, and each goes to a place of its own.
        goals = randomness.sample(range(to, to + 5), 3)
        steps = [step(at, goal, fields={"by": str(goal).encode()}) for goal in goals]
        outcomes = await asyncio.gather(*(write(store, one) for one in steps))
        assert sorted(outcome for (outcome,) in outcomes) == ["applied", *["superseded"] * 2]
        winner = goals[outcomes.index([Outcome.APPLIED])]
        state = await store.load_instance(CHURN)
        assert state is not None
        assert (state.offset, state.fields["by"]) == (winner, str(winner).encode())
        at = winner


async def test_a_group_takes_its_entries_with_it(store: Store) -> None:
    """Only entries that still carry the expired group's number go."""
    await write(
        store,
        step(
            None,
            1,
            entries={name: entry(258) for name in ("stays", "moves", "goes", "removed")},
            groups={258: ["stays", "moves", "goes", "removed", "never"]},
        ),
        step(1, 2, entries={"moves": entry(2**32 - 1)}, groups={2**32 - 1: ["moves"]}),
        step(2, 3, entries={"stays": entry(1)}, groups={1: ["stays"]}, entries_removed=["removed"]),
    )
    assert await collect_all(store) == 0
    await write(store, step(3, 4, groups_removed=[258]))
    assert await collect_all(store) == 5
    left = await store.fetch_entries({CHURN: ["stays", "moves", "goes", "removed"]})
    assert left == {CHURN: {"stays": entry(1), "moves": entry(2**32 - 1)}}
    await write(store, step(4, 5, groups_removed=[1, 2**32 - 1, 77]))
    assert await collect_all(store) == 2
    assert await store.fetch_entries({CHURN: ["stays", "moves"]}) == {CHURN: {}}


async def test_a_group_may_begin_again_after_it_was_collected(store: Store) -> None:
    """An expired group that was collected is an ordinary one when ids are appended anew."""
    await write(store, step(None, 1, entries={"a": entry(1)}, groups={1: ["a"]}))
    await write(store, step(1, 2, groups_removed=[1]))
    assert await collect_all(store) == 1
    await write(store, step(2, 3, entries={"b": entry(1)}, groups={1: ["b"]}))
    assert await collect_all(store) == 0
    assert await store.fetch_entries({CHURN: ["b"]}) == {CHURN: {"b": entry(1)}}


async def test_a_large_group_goes_in_small_steps(store: Store) -> None:
    """100,000 entries of several checkpoints go by calls that each stop near their limit."""
    at: int | None = None
    for start in range(0, 100_000, 10_000):
        ids = [f"id-{n:09}" for n in range(start, start + 10_000)]
        one = step(at, start + 1, entries=dict.fromkeys(ids, entry(9)), groups={9: ids})
        assert await write(store, one) == [Outcome.APPLIED]
        at = start + 1
    await write(store, step(at, 200_000, groups_removed=[9], entries={"other": entry(8)}))
    sizes = []
    while done := await store.collect_garbage(5_000):
        sizes.append(done)
    assert sum(sizes) == 100_000
    assert max(sizes) <= 5_500
    left = await store.fetch_entries({CHURN: [f"id-{n:09}" for n in range(0, 100_000, 97)]})
    assert left == {CHURN: {}}
    assert await store.fetch_entries({CHURN: ["other"]}) == {CHURN: {"other": entry(8)}}


async def test_a_checkpoint_of_any_size_is_one_step(store: Store) -> None:
    """One of many megabytes is applied whole, once, and refused whole."""
    ids = [f"id-{n}" for n in range(60_000)]
    large = step(
        1,
        2,
        fields={f"f{n}": bytes([n]) * 200_000 for n in range(10)} | {"huge": b"h" * 3_000_000},
        windows={f"w{n}": b"w" * 50 for n in range(20_000)},
        entries=dict.fromkeys(ids, entry(1)),
        groups={1: ids},
        fields_removed=["old"],
        entries_removed=["gone"],
        outbox=[alert("x.1"), alert("x.2")],
    )
    assert await write(store, step(None, 1, fields={"old": b""}, entries={"gone": entry(0)})) == [
        Outcome.APPLIED
    ]
    assert await write(store, step(7, 8, HOSTILE), large, step(2, 3)) == [
        Outcome.SUPERSEDED,
        Outcome.APPLIED,
        Outcome.APPLIED,
    ]
    state, windows, entries = await content(store, CHURN, [*ids, "gone"])
    assert state.fields == {**large.fields, "head": b"at 3"}
    assert [event.id for event in state.outbox] == ["x.1", "x.2"]
    assert windows == large.windows
    assert entries[CHURN] == large.entries
    assert await write(store, large) == [Outcome.SUPERSEDED]
    assert await content(store, CHURN, [*ids, "gone"]) == (state, windows, entries)


async def test_the_outbox_keeps_its_order_until_it_is_trimmed(store: Store) -> None:
    """Events come back in the order in which they were written; trimmed ones do not come back."""
    names = [f"{chr(122 - n)}.{n}" for n in range(25)]
    await write(store, step(None, 9, outbox=[alert(name) for name in names[:12]]))
    await write(store, step(9, 10, outbox=[alert(name) for name in names[12:]]))
    state = await store.load_instance(CHURN)
    assert state is not None
    assert [event.id for event in state.outbox] == names
    await store.trim_outboxes({CHURN: [*names[:5], names[20], "unknown"], HOSTILE: ["unknown"]})
    await store.trim_outboxes({CHURN: []})
    await store.trim_outboxes({})
    state = await store.load_instance(CHURN)
    assert state is not None
    assert [event.id for event in state.outbox] == names[5:20] + names[21:]


async def test_instances_are_found_by_their_stream(store: Store) -> None:
    """Who ever wrote is listed, sorted, with its exact name, until it is forgotten."""
    keys = [CHURN, HOSTILE, InstanceKey("churn", ""), InstanceKey("churn-2"), InstanceKey("z", "1")]
    await write(store, *(step(None, 1, key) for key in keys))
    by_name = sorted(keys, key=lambda key: key.name)
    assert list(await store.list_instances()) == by_name
    assert list(await store.list_instances("churn")) == [k for k in by_name if k.stream == "churn"]
    assert await store.list_instances("nobody") == ()


async def test_forgetting_removes_all_of_it_and_nothing_else(store: Store) -> None:
    """A forgotten stream is as if it had never been; others stay, and it may begin anew."""
    other = InstanceKey("churn-2")
    full: dict[str, Any] = {"windows": {"w": b"1"}, "entries": {"a": entry(1), "b": entry(2)}}
    full |= {"groups": {1: ["a"], 2: ["b"]}, "groups_removed": [2], "outbox": [alert("x.1")]}
    keys = [CHURN, HOSTILE, other]
    await write(store, *(step(None, 1, key, **full) for key in keys))
    before = await content(store, other, ["a"])
    assert await store.forget("churn") == 2
    for key in (CHURN, HOSTILE):
        assert await content(store, key, ["a", "b"]) == (None, {}, {key: {}})
    assert await store.list_instances() == (other,)
    assert await content(store, other, ["a"]) == before
    assert await store.forget("churn") == 0
    assert await store.forget(InstanceKey("nobody")) == 0
    assert await write(store, step(1, 2)) == [Outcome.SUPERSEDED]
    assert await write(store, step(None, 2)) == [Outcome.APPLIED]
    assert await store.forget(other) == 1
    assert await store.list_instances() == (CHURN,)
    assert await collect_all(store) == 0


async def test_a_partition_is_guarded_as_an_instance_is(store: Store) -> None:
    """First, next, again, and by one who lost it."""

    async def go(start: int | None, to: int, blob: bytes) -> Outcome:
        return await store.write_partition(PartitionCheckpoint(3, start, to, blob))

    assert await go(10, 11, b"lost") is Outcome.SUPERSEDED
    assert await go(None, 10, b"one") is Outcome.APPLIED
    assert await go(None, 10, b"one") is Outcome.ALREADY
    assert await go(None, 12, b"zombie") is Outcome.SUPERSEDED
    assert await go(10, 20, b"\x00\xff") is Outcome.APPLIED
    assert await go(10, 15, b"zombie") is Outcome.SUPERSEDED
    stored = await store.load_partition(3)
    assert stored is not None
    assert (stored.offset, stored.blob) == (20, b"\x00\xff")
    assert await store.load_partition(4) is None


async def test_a_partition_does_not_pass_instances_that_the_store_has_lost(store: Store) -> None:
    """A server that went back between the two writes holds the older one again, or none.

    With the position behind them nobody would apply their rows once more.
    """

    async def go(start: int | None, to: int, *keys: InstanceKey) -> Outcome:
        return await store.write_partition(PartitionCheckpoint(3, start, to, b"blob"), keys)

    assert await go(None, 10, CHURN) is Outcome.SUPERSEDED
    assert await store.load_partition(3) is None
    await store.write_instances([step(None, 10), step(None, 10, HOSTILE)])
    assert await go(None, 10, CHURN, HOSTILE) is Outcome.APPLIED
    await store.write_instances([step(10, 20)])
    assert await go(10, 20, CHURN, HOSTILE) is Outcome.SUPERSEDED
    assert await go(10, 20, CHURN) is Outcome.APPLIED
    await store.forget(CHURN)
    assert await go(10, 20, CHURN) is Outcome.ALREADY
    assert await go(20, 30, CHURN) is Outcome.SUPERSEDED


async def test_the_last_deployment_to_claim_wins(store: Store) -> None:
    """A replaced deployment does not come back, unless it is to take over."""
    assert await store.current_deployment() is None
    assert await store.current_deployment() is None
    old = await store.claim_deployment("old", started_at=1, take_over=False)
    assert (old.first, old.superseded) == (True, None)
    assert await store.current_deployment() is not None
    again = await store.claim_deployment("old", started_at=2, take_over=False)
    assert (again.first, again.superseded, again.record) == (False, None, old.record)
    new = await store.claim_deployment("new", started_at=3, take_over=False)
    assert (new.first, new.superseded, new.record.started_at) == (False, "old", 3)
    assert new.record.life == old.record.life
    assert await store.current_deployment() == new.record
    with pytest.raises(SupersededError, match="--take-over"):
        await store.claim_deployment("old", started_at=4, take_over=False)
    assert await store.current_deployment() == new.record
    back = await store.claim_deployment("old", started_at=5, take_over=True)
    assert (back.superseded, back.record.digest) == ("new", "old")
    with pytest.raises(SupersededError):
        await store.claim_deployment("new", started_at=6, take_over=False)


async def test_the_number_of_events_partitions_is_fixed_once(store: Store) -> None:
    """The first to say decides; another number is an error that names both."""
    assert await store.events_partitions(8) == 8
    assert await store.events_partitions(8) == 8
    with pytest.raises(StateError, match=r"8 partitions, not 12"):
        await store.events_partitions(12)


async def test_sources_are_known_in_their_last_life(store: Store) -> None:
    """A topic that was made again replaces its former life; other partitions stay as they were."""
    assert not await store.known_sources()
    await store.know_sources([SourcePartition("a|b", 0, "x"), SourcePartition("a|b", 1, "x")])
    await store.know_sources([SourcePartition("a|b", 0, "y")])
    await store.know_sources([])
    known = set(await store.known_sources())
    assert known == {SourcePartition("a|b", 0, "y"), SourcePartition("a|b", 1, "x")}


async def test_attempts_are_kept_until_they_are_dropped(store: Store) -> None:
    """By topic and partition, the last one counts; any name does."""
    first, second = ("t|a", 1), ("t|a", 12)
    assert dict(await store.attempts()) == {}
    one, two = Attempt("life", 7, 1), Attempt("", 0, 4, trying=3, deaths={3: 2, 1 << 40: 1})
    await store.note_attempts({first: replace(one, starts=9), second: two})
    await store.note_attempts({first: one})
    await store.note_attempts({})
    assert dict(await store.attempts()) == {first: one, second: two}
    await store.drop_attempts([first, ("other", 0)])
    await store.drop_attempts([])
    assert dict(await store.attempts()) == {second: two}


async def test_workers_are_listed_as_long_as_they_live(store: Store) -> None:
    """What a worker said last is shown until its time is over; one that is gone is not."""
    assert await store.list_workers() == {}
    await store.announce_worker("host:1", {"partitions": [0, 1]}, timedelta(minutes=1))
    await store.announce_worker("{host}\n2", {"roles": ["notify"]}, timedelta(minutes=1))
    await store.announce_worker("host:1", {"partitions": [1]}, timedelta(minutes=1))
    await store.announce_worker("dying", {}, timedelta(milliseconds=1))
    await asyncio.sleep(0.02)
    assert dict(await store.list_workers()) == {
        "host:1": {"partitions": [1]},
        "{host}\n2": {"roles": ["notify"]},
    }


def random_step(randomness: random.Random, start: int | None, to: int) -> InstanceCheckpoint:
    """Any changes over few names, so that they meet."""

    def some(count: int) -> list[str]:
        return [f"n{randomness.randrange(9)}" for _ in range(randomness.randrange(count))]

    group = randomness.randrange(4)
    ids = list(dict.fromkeys(some(6)))
    return step(
        start,
        to,
        InstanceKey("s", str(randomness.randrange(3))),
        fields={name: str(to).encode() for name in some(4)},
        fields_removed=some(3),
        windows={name: str(to).encode() for name in some(4)},
        windows_removed=some(3),
        entries=dict.fromkeys(ids, entry(group, str(to))),
        entries_removed=some(3),
        groups={group: ids} if ids else {},
        groups_removed=[group - 1] if group > 1 else [],
        outbox=[alert(f"{name}.{to}") for name in dict.fromkeys(some(3))],
    )


async def test_both_stores_do_the_same(redis_url: str) -> None:
    """Whatever is written, collected, trimmed and forgotten, both stores answer alike."""
    seed = 11
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    randomness = random.Random(seed)
    redis, memory = await connect(RedisAddress(redis_url), "twin"), MemoryStore()
    names = [f"n{n}" for n in range(9)]
    keys = [InstanceKey("s", str(n)) for n in range(3)]
    for to in range(1, 400):
        one = random_step(randomness, None, to)
        held = await memory.load_instance(one.instance)
        start = held.offset if held else None
        one = replace(one, from_offset=randomness.choice([start, start, start, to - 1, None]))
        assert await write(redis, one) == await write(memory, one)
        if randomness.random() < 0.1:
            assert await collect_all(redis) == await collect_all(memory)
        for both in (redis, memory):
            if to % 17 == 0:
                await both.trim_outboxes({one.instance: [f"n{n}.{to}" for n in range(5)]})
            if to % 97 == 0:
                await both.forget(one.instance)
        if to % 10 == 0:
            assert await collect_all(redis) == await collect_all(memory)
            for key in keys:
                assert await content(redis, key, names) == await content(memory, key, names)
            assert await redis.list_instances() == await memory.list_instances()
    await redis.close()
