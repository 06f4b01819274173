"""Whatever fails, and whenever a sender dies: in order, nothing lost, and repeated only then."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.alerts.alert import Status
from driftline.notify.notification import Failure, Purpose
from support.alert_events import CHANGED
from support.deliveries import Scene, alert, ended, fails, scene

if TYPE_CHECKING:
    from driftline.notify.notification import Notification
    from support.redis_server import RedisServer

ALERTS = 4
HOUR = 3_600
CAUSE = {"kind": "lag", "since": CHANGED, "detail": "the monitor is behind"}

Action: TypeAlias = "tuple[str, int]"


class Killed(BaseException):
    """As kill -9 does: nothing after it happens."""


@dataclass
class World:
    """What was said of each alert, and how often a fault may have repeated something."""

    scene: Scene
    revisions: Counter[int] = field(default_factory=Counter)
    ended: set[int] = field(default_factory=set)
    uncertain: int = 0

    async def do(self, action: Action) -> None:
        """One thing happens."""
        what, number = action
        receiver = self.scene.receiver
        if what in {"news", "caused"} and number not in self.ended:
            self.revisions[number] += 1
            given = {"cause": CAUSE if what == "caused" else None, "stream": f"s{number % 2}"}
            await self.scene.tell(alert(number, self.revisions[number], **given))
        elif what == "end" and self.revisions[number] and number not in self.ended:
            self.revisions[number] += 1
            self.ended.add(number)
            await self.scene.tell(ended(number, self.revisions[number], stream=f"s{number % 2}"))
        elif what == "wait":
            await self.run(10**number)
        elif what == "restart":
            await self.scene.restart()
        elif what in {"again", "later"}:
            receiver.script.append(fails(Failure(what), after=60))
            receiver.after_arrival = False
        elif what in {"killed-before", "killed-after", "lost-answer"}:
            # All that is still scripted meets the same fate.
            receiver.after_arrival = what != "killed-before"
            error = fails(Failure.AGAIN) if what == "lost-answer" else Killed()
            receiver.script = [error]

    async def run(self, seconds: float) -> None:
        """Time passes; a sender that dies is followed by another."""
        until = self.scene.now + round(seconds * 1_000_000)
        while True:
            try:
                await self.scene.run(max(until - self.scene.now, 0) / 1_000_000)
            except Killed:
                await self.scene.restart()
            else:
                return

    async def settle(self) -> None:
        """No more faults, no more causes, and time enough."""
        for number in list(self.revisions):
            await self.do(("news", number))
        await self.run(5 * HOUR)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["news"] * 4
            + ["end"] * 2
            + ["wait"] * 5
            + ["caused", "restart", "again", "again", "later"]
            + ["killed-before", "killed-after", "lost-answer"]
        ),
        st.integers(0, ALERTS - 1),
    ),
    max_size=50,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    actions=ACTIONS,
    group_wait=st.sampled_from(["0s", "20s"]),
    repeat=st.sampled_from([None, "1h"]),
    per_hour=st.sampled_from([1, 3, 1_000]),
    groups=st.booleans(),
)
def test_in_order_nothing_lost_and_nothing_twice(
    redis_server: RedisServer,
    *,
    actions: list[Action],
    group_wait: str,
    repeat: str | None,
    per_hour: int,
    groups: bool,
) -> None:
    """However faults and deaths fall.

    Of each alert rising revisions arrive, the last of them is the last there is, and a notification
    comes twice only where its fate was unknown, under its own id.
    """
    route = {"group_wait": group_wait, **({} if repeat is None else {"repeat_interval": repeat})}

    async def story() -> World:
        async with scene(redis_server.url, route=route, per_hour=per_hour) as one:
            one.receiver.takes_groups = groups
            await one.restart()
            world = World(one)
            for action in actions:
                await world.do(action)
            await world.settle()
            assert one.fate.heard in ([], ["people failing"])
            return world

    world = asyncio.run(story())
    uncertain = sum(action[0] in {"killed-after", "lost-answer"} for action in actions)
    _check(world, uncertain=uncertain, repeats=repeat is not None)


def _check(world: World, *, uncertain: int, repeats: bool) -> None:
    receiver = world.scene.receiver
    # What is told again may come in a digest, too.
    news = {Purpose.NEWS} if repeats else {Purpose.NEWS, Purpose.DIGEST}
    by_id: dict[str, Notification] = {}
    repeated = 0
    for _, notification in receiver.arrived:
        if notification.id in by_id:
            repeated += 1
            assert notification.alerts == by_id[notification.id].alerts
        by_id[notification.id] = notification
    told: dict[int, list[int]] = {}
    ends: Counter[int] = Counter()
    for notification in by_id.values():
        for one in notification.alerts:
            number = int(one.data.alert_id, 16)
            revisions = told.setdefault(number, [])
            fresh = notification.purpose in news
            # With a fate unknown another group may tell of the same revision once more.
            if fresh and revisions and revisions[-1] == one.data.revision:
                repeated += 1
            assert not revisions or revisions[-1] <= one.data.revision, receiver.told
            revisions.append(one.data.revision)
            ends[number] += one.data.status is Status.RESOLVED
    assert repeated <= uncertain * ALERTS, receiver.told
    if not uncertain:
        assert repeated == 0, receiver.told
    for number, newest in world.revisions.items():
        if number in told:
            assert told[number][-1] == newest, receiver.told
        else:
            # Nobody is told of what was over before anybody could be.
            assert number in world.ended
