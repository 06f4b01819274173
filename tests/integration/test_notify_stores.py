"""Silences and subscriptions in a real Redis."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
import redis as blocking
import structlog

from driftline.config.alerting import Matchers, SubscriptionsSpec
from driftline.errors import StateError
from driftline.model import SECOND
from driftline.notify.matching import Description
from driftline.notify.refusals import NotFoundError, RefusedError, TooManyError
from driftline.notify.silences import KEPT_AFTER_END, LONGEST, Silence, SilenceStore
from driftline.notify.subscription import SubscriptionState, SubscriptionTarget, TargetKind
from driftline.notify.subscriptions import SubscriptionStore
from driftline.notify.targets import make_target
from driftline.store.connect import RedisAddress, build_client
from driftline.store.records import Added, Quota, Records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from driftline.notify.subscription import Subscription
    from driftline.store.client import Client

pytestmark = pytest.mark.server

DEPLOYMENT: Final = "shop"
NOW: Final = 1_790_000_000 * SECOND
HOUR: Final = 3_600 * SECOND
ERROR: Final = Description("churn", "churn", "error", "critical", "drift", "risk", ("eu",))
CHURN: Final = Matchers(stream=("churn",))
URL: Final = "https://example.com/hooks/canary-url-5c1e"
SECRET: Final = "whsec_" + "Y2FuYXJ5LXNlY3JldC1jYW5hcnktc2VjcmV0"
SPOTS: Final = ("canary-url-5c1e", SECRET, SECRET.removeprefix("whsec_"))


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    opened = build_client(RedisAddress(redis_url))
    yield opened
    await opened.close()


@pytest.fixture
def silences(client: Client) -> SilenceStore:
    return SilenceStore(client, DEPLOYMENT)


@pytest.fixture
def subscriptions(client: Client) -> SubscriptionStore:
    return SubscriptionStore(client, DEPLOYMENT)


async def silence(store: SilenceStore, matchers: Matchers = CHURN, **changes: Any) -> Silence:
    """One of the churn stream's alerts for an hour."""
    given: dict[str, Any] = {
        "starts_at": NOW,
        "ends_at": NOW + HOUR,
        "created_by": "ada",
        "comment": "the upstream job is being moved",
        "now": NOW,
    }
    return await store.add(matchers, **(given | changes))


def webhook() -> SubscriptionTarget:
    return make_target(TargetKind.WEBHOOK, URL, SECRET, allow_private=False)


async def subscribe(store: SubscriptionStore, owner: str = "ada") -> Subscription:
    return await store.add(owner, CHURN, webhook(), now=NOW)


async def test_a_silence_mutes_from_its_start_to_before_its_end(silences: SilenceStore) -> None:
    """At the start it does, at the end it does not; another alert is not muted at all."""
    made = await silence(silences, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    assert await silences.list() == (made,)
    for at, mutes in ((0, False), (HOUR - 1, False), (HOUR, True), (2 * HOUR - 1, True)):
        assert (await silences.muting(ERROR, NOW + at) == made) is mutes, at
        assert (await silences.active(NOW + at) == (made,)) is mutes, at
    assert await silences.muting(ERROR, NOW + 2 * HOUR) is None
    other = Description("fraud", "fraud", "error", "critical", "drift")
    assert await silences.muting(other, NOW + HOUR) is None


async def test_of_several_silences_the_one_that_ends_last_is_named(silences: SilenceStore) -> None:
    """It tells for how long nothing will come."""
    await silence(silences, ends_at=NOW + HOUR)
    longest = await silence(silences, ends_at=NOW + 3 * HOUR)
    await silence(silences, ends_at=NOW + 2 * HOUR, matchers=Matchers(severity=("crit*",)))
    assert await silences.muting(ERROR, NOW) == longest


async def test_a_silence_that_is_expired_mutes_no_more_and_is_still_listed(
    silences: SilenceStore,
) -> None:
    """One that has not begun never will; to expire one twice changes nothing."""
    running = await silence(silences)
    later = await silence(silences, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    ended = await silences.expire(running.id, NOW + 5)
    assert (ended.starts_at, ended.ends_at) == (NOW, NOW + 5)
    assert await silences.expire(running.id, NOW + 60) == ended
    never = await silences.expire(later.id, NOW + 5)
    assert never.starts_at == never.ends_at == NOW + 5
    assert {one.id for one in await silences.list()} == {running.id, later.id}
    for at in (NOW + 4, NOW + 5, NOW + HOUR, NOW + 2 * HOUR - 1):
        assert (await silences.muting(ERROR, at) is not None) is (at == NOW + 4)
    with pytest.raises(NotFoundError, match="no silence 'nowhere'"):
        await silences.expire("nowhere", NOW)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"matchers": Matchers()}, "should say what it mutes"),
        ({"ends_at": NOW}, "should end after it begins"),
        ({"starts_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "should end in the future"),
        ({"ends_at": NOW + LONGEST + 1}, "at most 366 days"),
        ({"comment": " "}, "should say why"),
        ({"comment": "x" * 1_001}, "should say why"),
        ({"created_by": ""}, "should say whose"),
    ],
)
async def test_a_silence_that_would_surprise_is_refused(
    silences: SilenceStore, changes: dict[str, Any], why: str
) -> None:
    """And nothing is kept of it."""
    with pytest.raises(RefusedError, match=why):
        await silence(silences, **changes)
    assert await silences.list() == ()


async def test_silences_are_forgotten_a_month_after_their_end(silences: SilenceStore) -> None:
    """So that what is kept stays bounded; until then one sees what was muted, and why."""
    old = await silence(silences)
    just = old.ends_at + KEPT_AFTER_END
    await silence(silences, starts_at=just, ends_at=just + HOUR, now=just)
    assert old in await silences.list()
    await silence(silences, starts_at=just, ends_at=just + HOUR, now=just + 1)
    assert old not in await silences.list()


async def test_there_are_only_so_many_silences(client: Client) -> None:
    """One too many is refused; those that are over make room before that."""
    silences = SilenceStore(client, DEPLOYMENT, most=3)
    made = [await silence(silences) for _ in range(3)]
    with pytest.raises(TooManyError, match="there are 3 silences already"):
        await silence(silences)
    await silences.expire(made[0].id, NOW + 1)
    fourth = await silence(silences, now=NOW + 2)
    assert {one.id for one in await silences.list()} == {made[1].id, made[2].id, fourth.id}


async def test_a_change_is_seen_by_every_reader_at_once(redis_url: str) -> None:
    """Each keeps what it read, and asks only whether it is still so."""
    clients = [build_client(RedisAddress(redis_url)) for _ in range(2)]
    writer, reader = (SilenceStore(one, DEPLOYMENT) for one in clients)
    assert await reader.list() == ()
    made = await silence(writer)
    assert await reader.muting(ERROR, NOW) == made
    assert await reader.list() is await reader.list()
    await writer.expire(made.id, NOW + 1)
    assert await reader.muting(ERROR, NOW + 2) is None
    with blocking.Redis.from_url(redis_url) as other:
        other.flushall()
    assert await reader.list() == ()
    for one in clients:
        await one.close()


async def test_what_another_program_wrote_is_passed_over(
    redis_url: str, silences: SilenceStore, subscriptions: SubscriptionStore
) -> None:
    """One broken record mutes nothing and hides no other one."""
    made, subscribed = await silence(silences), await subscribe(subscriptions)
    with blocking.Redis.from_url(redis_url) as other:
        for name in ("silences", "subscriptions"):
            key = f"{{{DEPLOYMENT}}}:notify:{name}"
            other.hset(key, "strange", b'{"owner": "canary-url-5c1e"')
            other.hset(key, "stranger", b"\xff")
            other.hset(key, "array", b"[]")
            other.set(f"{key}:revision", "changed")
    assert await silences.list() == (made,)
    assert await subscriptions.list() == (subscribed,)
    with pytest.raises(NotFoundError):
        await subscriptions.get("strange")


async def test_deployments_do_not_see_each_others(client: Client) -> None:
    """Their names are part of the keys."""
    await silence(SilenceStore(client, "shop"))
    await subscribe(SubscriptionStore(client, "shop"))
    assert await SilenceStore(client, "shop-eu").list() == ()
    assert await SubscriptionStore(client, "shop-eu").list() == ()


async def test_a_subscription_is_kept_as_it_was_made(subscriptions: SubscriptionStore) -> None:
    """With what is needed to deliver: URL and secret."""
    made = await subscribe(subscriptions)
    assert await subscriptions.get(made.id) == made
    assert await subscriptions.list() == await subscriptions.list("ada") == (made,)
    assert await subscriptions.list("bob") == ()
    assert made.target.url.get_secret_value() == URL
    assert made.target.secret is not None
    assert made.target.secret.get_secret_value() == SECRET
    assert (made.state, made.receiver) == (SubscriptionState.ACTIVE, f"subscription:{made.id}")


async def test_paused_and_disabled_subscriptions_are_not_active(
    subscriptions: SubscriptionStore,
) -> None:
    """Resuming makes either active again, and its failures begin anew."""
    one, two, three = [await subscribe(subscriptions) for _ in range(3)]
    await subscriptions.pause(one.id)
    await subscriptions.disable(two.id, "the endpoint is gone (410)")
    assert await subscriptions.list_active() == subscriptions.known_active == (three,)
    paused = await subscriptions.pause(two.id)
    assert (paused.state, paused.disabled_reason) == ("disabled", "the endpoint is gone (410)")
    for which in (one, two):
        assert await subscriptions.resume(which.id) == which
    assert {which.id for which in await subscriptions.list_active()} == {one.id, two.id, three.id}


async def test_a_subscription_that_keeps_failing_is_disabled_with_the_reason(
    client: Client,
) -> None:
    """Only failures in a row count; one success in between, and it stays."""
    store = SubscriptionStore(client, DEPLOYMENT, SubscriptionsSpec(disable_after=3))
    made = await subscribe(store)
    for _ in range(2):
        await store.note_failure(made.id, "timed out")
    assert (await store.note_success(made.id)).failures == 0
    for count in (1, 2):
        failed = await store.note_failure(made.id, "timed out")
        assert (failed.failures, failed.state) == (count, SubscriptionState.ACTIVE)
    failed = await store.note_failure(made.id, "timed out")
    assert failed.state is SubscriptionState.DISABLED
    assert failed.disabled_reason == "3 notifications in a row were given up: timed out"
    assert await store.list_active() == ()


async def test_what_is_removed_is_gone_with_its_secrets(
    redis_url: str, subscriptions: SubscriptionStore
) -> None:
    """No key of Redis holds them any more, and its owner may have another."""
    made = await subscribe(subscriptions)
    assert await subscriptions.remove(made.id) == made
    for call in (subscriptions.get, subscriptions.pause, subscriptions.remove):
        with pytest.raises(NotFoundError, match=f"no subscription '{made.id}'"):
            await call(made.id)
    with blocking.Redis.from_url(redis_url) as other:
        assert [key.decode() for key in other.scan_iter()] == [
            f"{{{DEPLOYMENT}}}:notify:subscriptions:revision"
        ]


async def test_however_many_come_at_once_no_owner_has_too_many(redis_url: str) -> None:
    """Two processes, 60 attempts, room for 7 of ada's and 10 in all."""
    limits = SubscriptionsSpec(per_owner=7, in_all=10)
    clients = [build_client(RedisAddress(redis_url)) for _ in range(2)]
    stores = [SubscriptionStore(one, DEPLOYMENT, limits) for one in clients]
    attempts = [subscribe(store) for store in stores for _ in range(30)]
    ended = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [one for one in ended if isinstance(one, BaseException)]
    assert {str(one) for one in refused} == {"ada has 7 subscriptions already"}
    assert len(await stores[0].list("ada")) == len(ended) - len(refused) == 7
    for _ in range(3):
        await subscribe(stores[1], "bob")
    with pytest.raises(TooManyError, match="there are 10 subscriptions already"):
        await subscribe(stores[0], "bob")
    await stores[0].remove((await stores[0].list("ada"))[0].id)
    await subscribe(stores[1])
    for one in clients:
        await one.close()


async def test_changes_at_the_same_time_are_all_kept(redis_url: str) -> None:
    """Each is made on what is stored at that moment: twenty failures are counted as twenty."""
    limits = SubscriptionsSpec(disable_after=1_000)
    clients = [build_client(RedisAddress(redis_url)) for _ in range(2)]
    stores = [SubscriptionStore(one, DEPLOYMENT, limits) for one in clients]
    made = await subscribe(stores[0])
    await asyncio.gather(
        *(store.note_failure(made.id, "timed out") for store in stores for _ in range(10))
    )
    assert (await stores[0].get(made.id)).failures == 20
    for one in clients:
        await one.close()


async def test_the_same_request_that_is_sent_twice_is_done_once(client: Client) -> None:
    """A connection may break between Redis' doing and its answer; then it is asked again."""
    records = Records(client, "{shop}:notify:any")
    quota = Quota(in_all=2, per_owner=1)
    for _ in range(2):
        assert await records.add("a", b"1", quota, owner="ada") is Added.KEPT
        assert await records.add("b", b"2", quota, owner="bob") is Added.KEPT
    assert await records.add("c", b"3", quota, owner="ada") is Added.FULL
    first = await records.get("a")
    assert first is not None
    for _ in range(2):
        assert await records.remove("a", first, owner="ada")
    assert await records.add("d", b"4", quota, owner="bob") is Added.OWNER_FULL
    assert await records.add("d", b"4", quota, owner="ada") is Added.KEPT
    found = await records.all()
    assert {name: one.document for name, one in found.items()} == {"b": b"2", "d": b"4"}


async def test_a_change_of_what_somebody_else_has_changed_is_refused(client: Client) -> None:
    """Also where both make the same of it: each has to look again."""
    records = Records(client, "{shop}:notify:any")
    await records.add("a", b"1", Quota(in_all=1))
    read = await records.get("a")
    assert read is not None
    assert await records.replace("a", read, b"2")
    assert not await records.replace("a", read, b"2")
    assert not await records.remove("a", read)
    assert (await records.all())["a"].document == b"2"


async def test_no_secret_is_in_any_text(
    subscriptions: SubscriptionStore, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in what is printed, logged at debug level, or said when Redis is not as it should be."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with structlog.testing.capture_logs() as lines:
        made = await subscribe(subscriptions)
        await subscriptions.note_failure(made.id, "timed out")
        said += [repr(made), str(made), f"{made}", repr(await subscriptions.list())]
        said += [repr(made.target), str(made.target), repr(vars(subscriptions))]
        with pytest.raises(TypeError) as refused:
            msgspec.json.encode(made)
        said.append(str(refused.value))
        with blocking.Redis.from_url(redis_url) as other:
            owners = f"{{{DEPLOYMENT}}}:notify:subscriptions:owners"
            other.delete(owners)
            other.set(owners, "no hash")
        with pytest.raises(StateError) as broken:
            await subscribe(subscriptions)
        said += traceback.format_exception(broken.value)
        with blocking.Redis.from_url(redis_url) as other:
            record = other.hget(f"{{{DEPLOYMENT}}}:notify:subscriptions", made.id)
            assert record is not None
            assert all(spot.encode() in record for spot in SPOTS)
            other.hset(f"{{{DEPLOYMENT}}}:notify:subscriptions", made.id, record[:-9])
        with pytest.raises(NotFoundError) as missing:
            await subscriptions.get(made.id)
        said += traceback.format_exception(missing.value)
    text = "\n".join([*said, repr(lines), caplog.text])
    assert made.id in text
    assert [spot for spot in SPOTS if spot in text] == []
