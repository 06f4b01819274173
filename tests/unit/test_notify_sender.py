"""Senders of several workers, and receivers that fail, hang and go."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from driftline.agents.clock import system_clock
from driftline.config.alerting import AlertingSpec, Matchers, SubscriptionsSpec
from driftline.metrics import Metrics
from driftline.model import SECOND
from driftline.notify.assigning import Assigner
from driftline.notify.deliveries import Deliveries
from driftline.notify.directory import ReceiverDirectory
from driftline.notify.fates import Fates
from driftline.notify.jobs import Jobs, Seen
from driftline.notify.notification import Failure, Notification, Receipt
from driftline.notify.routing import Router
from driftline.notify.sender import Sender
from driftline.notify.silences import SilenceStore
from driftline.notify.subscription import SubscriptionState, TargetKind
from driftline.notify.subscriptions import SubscriptionStore
from driftline.notify.surroundings import Surroundings, WayOut
from driftline.notify.sweeping import sweep
from driftline.notify.targets import make_target
from driftline.store.connect import RedisAddress, build_client
from support.deliveries import RecordingReceiver, alert, ended, fails
from support.recorder import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from driftline.alerts.schema import AlertEnvelope
    from driftline.store.client import Client

LEASE = timedelta(seconds=20)
"""Longer than any machine stands still."""
SHORT = timedelta(seconds=2)
DEPLOYMENT = "senders"


class HangingReceiver(RecordingReceiver):
    """Takes a notification when it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = 0

    async def send(self, notification: Notification) -> Receipt:
        self.waiting += 1
        await self.gate.wait()
        return await super().send(notification)


class Heard:
    """Health alerts, written down."""

    def __init__(self) -> None:
        self.open: set[str] = set()

    async def raise_(
        self, signal: str, *, subject: str, summary: str, details: Mapping[str, Any]
    ) -> None:
        assert signal == "receiver"
        assert subject in summary
        assert details["receiver"] == subject
        self.open.add(subject)

    async def clear(self, signal: str, *, subject: str) -> None:
        del signal
        self.open.discard(subject)


class Office:
    """What one worker's sender works with, and the jobs of a notifier."""

    def __init__(
        self, client: Client, receivers: Mapping[str, RecordingReceiver], lease: timedelta
    ) -> None:
        self.subscriptions = SubscriptionStore(
            client, DEPLOYMENT, SubscriptionsSpec(disable_after=2)
        )
        self.subscribed = RecordingReceiver()
        ways = {name: WayOut(one, 1_000) for name, one in receivers.items()}
        self.directory = ReceiverDirectory(
            ways, self.subscriptions, lambda _: self.subscribed, per_hour=1_000
        )
        self.health = Heard()
        self.around = Surroundings(
            deliveries=Deliveries(client, DEPLOYMENT),
            silences=SilenceStore(client, DEPLOYMENT),
            fate=Fates(self.subscriptions, self.health),
            metrics=Metrics(),
            clock=system_clock,
            rng=random.Random(1),
            give_up_after=3_600 * SECOND,
        )
        self.sender = Sender(self.directory, self.around, lease=lease)
        self.jobs = Jobs(client, DEPLOYMENT)
        routes = [{"receivers": [name], "continue": True} for name in receivers]
        declared = {name: {"kind": "log"} for name in receivers}
        spec = AlertingSpec.model_validate({"receivers": declared, "routes": routes})
        router = Router(spec, lambda: self.subscriptions.known_active)
        self.assigner = Assigner(router, self.directory, hold_back_caused=True)

    async def tell(self, event: AlertEnvelope, *, stir: bool = True) -> None:
        """An event comes from the alerts topic; `stir` where it is this worker that reads it."""
        await self.directory.refresh()
        known = (await self.jobs.seen([event.data.alert_id])).get(event.data.alert_id, Seen())
        job = self.assigner.job(event, known, system_clock())
        await self.jobs.assign([job])
        if stir:
            self.sender.stir(job.wanted)


@asynccontextmanager
async def office(
    redis_url: str,
    receivers: Mapping[str, RecordingReceiver],
    *,
    start: bool = True,
    lease: timedelta = LEASE,
) -> AsyncIterator[Office]:
    """An office whose sender runs until the end of the block."""
    client = build_client(RedisAddress(redis_url))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        one = Office(client, receivers, lease)
        if start:
            stack.push_async_callback(one.sender.stop)
            one.sender.start()
        yield one


async def test_a_receiver_that_hangs_holds_up_no_other(redis_url: str) -> None:
    """Nor the notifier."""
    slow, quick = HangingReceiver(), RecordingReceiver()
    async with office(redis_url, {"slow": slow, "quick": quick}) as one:
        await one.tell(alert(1))
        await until(lambda: len(quick.arrived) == slow.waiting == 1)
        for number in (2, 3):
            await one.tell(alert(number))
            await until(lambda: len(quick.arrived) == number)  # noqa: B023 - waited for here
        assert slow.told == []
        slow.gate.set()
        # What came meanwhile is told as one.
        await until(lambda: slow.told[-1:] == ["news 2.1! 3.1!"])


async def test_of_two_senders_one_sends(redis_url: str) -> None:
    """Whoever reads the alerts: each notification arrives once."""
    receiver = RecordingReceiver()
    async with (
        office(redis_url, {"people": receiver}) as one,
        office(redis_url, {"people": receiver}) as other,
    ):
        for number in range(1, 6):
            await (one if number % 2 else other).tell(alert(number))
            await until(lambda: len(receiver.arrived) == number)  # noqa: B023 - waited for here
    assert receiver.told == [f"news {number}.1!" for number in range(1, 6)]


async def test_another_sender_goes_on_where_one_died(redis_url: str) -> None:
    """Once its lease has ended; what it was sending is sent once more."""
    dying, receiver = HangingReceiver(), RecordingReceiver()
    async with office(redis_url, {"people": dying}, lease=SHORT) as one:
        await one.tell(alert(1))
        await until(lambda: dying.waiting == 1)
        # As kill -9 leaves it: nothing is given back.
        for task in (*one.sender._tasks.values(), one.sender._main):
            assert task is not None
            task.cancel()
        async with office(redis_url, {"people": receiver}, lease=SHORT):
            await until(lambda: receiver.told == ["news 1.1!"])
    assert dying.told == []


async def test_what_is_being_sent_at_the_end_arrives(redis_url: str) -> None:
    """A sender that is asked to stop waits for it, and the next one does not repeat it."""
    receiver = HangingReceiver()
    async with office(redis_url, {"people": receiver}) as one:
        await one.tell(alert(1))
        await until(lambda: receiver.waiting == 1)
        ending = asyncio.create_task(one.sender.stop())
        await asyncio.sleep(0)
        receiver.gate.set()
        await ending
        async with office(redis_url, {"people": receiver}) as next_one:
            await next_one.tell(alert(2))
            await until(lambda: len(receiver.arrived) == 2)
    assert receiver.told == ["news 1.1!", "news 2.1!"]


async def test_jobs_of_another_workers_notifier_are_found(redis_url: str) -> None:
    """Nobody stirs: they are looked for."""
    receiver = RecordingReceiver()
    async with office(redis_url, {"people": receiver}) as one:
        await one.tell(alert(1), stir=False)
        await until(lambda: receiver.told == ["news 1.1!"])
        await one.tell(alert(1, 2), stir=False)
        await until(lambda: receiver.told == ["news 1.1!", "news 1.2!"])


async def test_a_sender_without_redis_says_so(redis_url: str) -> None:
    """It does not end silently: the worker ends with it."""
    async with office(redis_url, {"people": RecordingReceiver()}) as one:
        client = one.around.deliveries._client
        places = one.around.deliveries._places
        await client.one("SET", places.stirred, "no hash")
        with pytest.raises(Exception, match="driftline did not write"):
            await asyncio.wait_for(one.sender.wait(), 30)
        await client.one("DEL", places.stirred)


async def test_a_failing_receiver_is_an_alert_until_something_arrives(redis_url: str) -> None:
    """Whatever is given up is heard of."""
    receiver = RecordingReceiver()
    receiver.script = [fails(Failure.REFUSED)]
    async with office(redis_url, {"people": receiver}) as one:
        await one.tell(alert(1))
        await until(lambda: one.health.open == {"people"})
        await one.tell(alert(2))
        await until(lambda: one.health.open == set())
    assert receiver.told == ["news 2.1!"]


async def test_who_takes_a_receiver_over_clears_what_was_told_of_it(redis_url: str) -> None:
    """Also one who had served it before, and to whom it was fine then."""
    receiver = RecordingReceiver()
    async with office(redis_url, {"people": receiver}) as one:
        await one.tell(alert(1))
        await until(lambda: receiver.told == ["news 1.1!"])
        # Another worker served it in between, which gave something up, and died.
        deliveries = one.around.deliveries
        await deliveries._client.one("DEL", deliveries._places.of("lease", "people"))
        details = {"receiver": "people"}
        await one.health.raise_("receiver", subject="people", summary="people", details=details)
        await one.tell(alert(2))
        await until(lambda: one.health.open == set())
    assert receiver.told == ["news 1.1!", "news 2.1!"]


async def test_a_subscription_is_told_and_disabled_when_it_is_gone(redis_url: str) -> None:
    """Its owner is shown why; what comes after is not for it; resumed, it is told again."""
    async with office(redis_url, {}) as one:
        name = await _subscribe(one)
        await one.tell(alert(1))
        await until(lambda: one.subscribed.told == ["news 1.1!"])
        one.subscribed.script = [fails(Failure.REVOKED)]
        await one.tell(alert(2))
        await until(lambda: one.health.open == {f"subscription:{name}"})
        found = await one.subscriptions.get(name)
        assert found.state is SubscriptionState.DISABLED
        assert found.disabled_reason == "scripted: revoked"
        await one.tell(alert(3))
        await one.subscriptions.resume(name)
        await one.tell(alert(4))
        await until(lambda: one.subscribed.told == ["news 1.1!", "news 4.1!"])
        await until(lambda: one.health.open == set())


async def test_a_subscription_whose_messages_are_given_up_is_disabled(redis_url: str) -> None:
    """After so many in a row as are declared."""
    async with office(redis_url, {}) as one:
        name = await _subscribe(one)
        one.subscribed.script = [fails(Failure.REFUSED)] * 2
        await one.tell(alert(1))
        await until(lambda: one.subscribed.attempts == 1)
        assert (await one.subscriptions.get(name)).state is SubscriptionState.ACTIVE
        await one.tell(alert(2))
        await until(lambda: one.subscribed.attempts == 2)
        await _until_state(one, name, SubscriptionState.DISABLED)


async def test_what_a_paused_subscription_misses_is_not_made_up_for(redis_url: str) -> None:
    """What waits for it is let go of, and what it is not told of later has no end for it."""
    async with office(redis_url, {}) as one:
        name = await _subscribe(one)
        await one.tell(alert(1))
        await until(lambda: one.subscribed.told == ["news 1.1!"])
        await one.subscriptions.pause(name)
        await one.tell(ended(1))
        await _until_gone(one, f"subscription:{name}")
        await one.subscriptions.resume(name)
        await one.tell(alert(2))
        await until(lambda: one.subscribed.told == ["news 1.1!", "news 2.1!"])


async def test_a_receiver_that_is_not_declared_any_more_is_forgotten_in_time(
    redis_url: str,
) -> None:
    """Not at once: it may be a newer declaration's, and its worker about to start."""
    async with office(redis_url, {"people": RecordingReceiver()}, start=False) as one:
        await one.tell(alert(1))
        await sweep("people", one.around, LEASE)
        assert set(await one.around.deliveries.stirred()) == {"people"}
        late = system_clock() + one.around.give_up_after + SECOND
        around = Surroundings(
            **{
                name: getattr(one.around, name)
                for name in ("deliveries", "silences", "fate", "metrics", "rng", "give_up_after")
            },
            clock=lambda: late,
        )
        await sweep("people", around, LEASE)
        assert await one.around.deliveries.stirred() == {}
        assert (await one.around.deliveries.load("people")).standings == {}


async def _subscribe(one: Office) -> str:
    target = make_target(TargetKind.WEBHOOK, "http://127.0.0.1:9/hook", allow_private=True)
    made = await one.subscriptions.add("ann", Matchers(), target, now=system_clock())
    return made.id


async def _until_state(one: Office, name: str, state: SubscriptionState) -> None:
    async with asyncio.timeout(30):
        while (await one.subscriptions.get(name)).state is not state:  # noqa: ASYNC110 - in Redis
            await asyncio.sleep(0.05)


async def _until_gone(one: Office, receiver: str) -> None:
    async with asyncio.timeout(30):
        while receiver in await one.around.deliveries.stirred():  # noqa: ASYNC110 - in Redis
            await asyncio.sleep(0.05)
