"""What one receiver is told, when, and what becomes of what it does not take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from driftline.config.alerting import Matchers
from driftline.errors import UnavailableError
from driftline.model import SECOND
from driftline.notify.deliveries import Deliveries, LeaseLostError
from driftline.notify.notification import Failure, Purpose
from driftline.notify.planning import MOST_ALERTS, Planner, Traits, Waits
from driftline.notify.standing import ReceiverState, Standing, Terms, Told, Wanted
from support.alert_events import CHANGED, health_event
from support.deliveries import BEGIN, RECEIVER, alert, ended, fails, scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.alerts.schema import AlertEnvelope
    from support.deliveries import Scene

CAUSE = {"kind": "dead_letters", "since": CHANGED, "detail": "12 % of the records are refused"}
MINUTE, HOUR, DAY = 60, 3_600, 86_400


async def test_an_alert_is_told_when_it_fires_changes_and_ends(redis_url: str) -> None:
    """Each revision that is the newest when its turn comes, and then no more."""
    async with scene(redis_url) as one:
        await one.tell(alert(1))
        await one.run()
        await one.tell(alert(1, 2))
        await one.run()
        await one.tell(ended(1, 3))
        await one.run(DAY)
        assert one.receiver.told == ["news 1.1!", "news 1.2!", "news 1.3"]
        assert (await one.deliveries.load(RECEIVER)).standings == {}


async def test_revisions_that_came_meanwhile_are_skipped(redis_url: str) -> None:
    """Only the newest is told, and nothing of an alert that came and went unseen."""
    async with scene(redis_url) as one:
        await one.tell(alert(1), alert(1, 2), alert(1, 3), alert(2), ended(2))
        await one.run(DAY)
        assert one.receiver.told == ["news 1.3!"]
        assert await one.outcomes() == ["passed_over 2.2", "delivered 1.3"]


async def test_an_event_that_comes_again_or_late_changes_nothing(redis_url: str) -> None:
    """Revisions not above the last one seen are ignored, after the end too."""
    async with scene(redis_url) as one:
        await one.tell(alert(1), alert(1, 2))
        await one.run()
        await one.tell(alert(1), alert(1, 2))
        await one.tell(ended(1, 3))
        await one.run()
        await one.tell(alert(1), alert(1, 2), ended(1, 3))
        await one.restart()
        await one.run(DAY)
        assert one.receiver.told == ["news 1.2!", "news 1.3"]


async def test_a_restart_repeats_nothing(redis_url: str) -> None:
    """What was told is in Redis."""
    async with scene(redis_url) as one:
        await one.tell(alert(1), alert(2, stream="churn"))
        await one.run()
        for _ in range(2):
            await one.restart()
            await one.run(HOUR)
        assert sorted(one.receiver.told) == ["news 1.1!", "news 2.1!"]


async def test_what_the_receiver_remembers_comes_back_with_the_next(redis_url: str) -> None:
    """Also after a restart: a thread is found again."""
    async with scene(redis_url) as one:
        await one.tell(alert(1))
        await one.run()
        await one.restart()
        await one.tell(alert(1, 2))
        await one.run()
        (_, first), (_, second) = one.receiver.arrived
        thread = {"thread": first.alerts[0].id}
        assert (first.memory, second.memory) == ({}, {first.alerts[0].data.alert_id: thread})


# -- groups, repeats, hours


async def test_alerts_of_a_stream_wait_for_each_other(redis_url: str) -> None:
    """`group_wait` after the first of them all are told as one; another stream is another group."""
    async with scene(redis_url, route={"group_wait": "30s"}) as one:
        await one.tell(alert(1))
        await one.run(20)
        await one.tell(alert(2), alert(3, stream="churn"), alert(1, 2))
        await one.run(MINUTE)
        assert one.receiver.told == ["news 1.2! 2.1!", "news 3.1!"]
        assert one.receiver.times == [30, 50]


async def test_a_revision_every_few_seconds_does_not_put_a_group_off(redis_url: str) -> None:
    """The wait is counted from the first news that is not told."""
    async with scene(redis_url, route={"group_wait": "30s"}) as one:
        for revision in range(1, 11):
            await one.tell(alert(1, revision))
            await one.run(10)
        assert one.receiver.times == [30, 60, 90]


async def test_a_receiver_that_takes_no_groups_is_told_of_each(redis_url: str) -> None:
    """One notification for each alert."""
    async with scene(redis_url) as one:
        one.receiver.takes_groups = False
        await one.restart()
        await one.tell(alert(1), alert(2))
        await one.run()
        assert sorted(one.receiver.told) == ["news 1.1!", "news 2.1!"]


async def test_a_firing_alert_is_told_again_until_somebody_takes_it_on(redis_url: str) -> None:
    """Every `repeat_interval`, together with those of its group that are due."""
    async with scene(redis_url, route={"repeat_interval": "1h"}) as one:
        await one.tell(alert(1), alert(2))
        await one.run(2 * HOUR + 1)
        await one.tell(
            alert(1, 2, acknowledged={"by": "ann", "at": CHANGED, "note": ""}), ended(2, 2)
        )
        await one.run(DAY)
        assert one.receiver.told == [
            "news 1.1! 2.1!",
            "repeat 1.1! 2.1!",
            "repeat 1.1! 2.1!",
            "news 1.2! 2.2",
        ]
        assert one.receiver.times == [0, HOUR, 2 * HOUR, 2 * HOUR + 1]


async def test_out_of_hours_notifications_wait(redis_url: str) -> None:
    """Until the next time within, then the newest is told at once."""
    hours = {"days": ["mon", "tue", "wed", "thu", "fri"], "begin": "09:00", "end": "17:00"}
    async with scene(redis_url, route={"hours": hours}) as one:
        await one.tell(alert(1))
        await one.run(HOUR)
        await one.tell(alert(1, 2))
        await one.run(DAY)
        assert one.receiver.told == ["news 1.2!"]
        # From 22:13:20 to 09:00.
        assert one.receiver.times == [10 * HOUR + 46 * MINUTE + 40]


async def test_what_lives_only_as_long_as_it_is_told_is_kept_alive(redis_url: str) -> None:
    """All that fires, whatever the hours and whoever acknowledged it, and not what ended."""
    async with scene(redis_url) as one:
        one.receiver.keep_alive = timedelta(minutes=1)
        await one.restart()
        await one.tell(alert(1), alert(2, acknowledged={"by": "a", "at": CHANGED, "note": ""}))
        await one.run(130)
        await one.tell(ended(1))
        await one.run(70)
        assert one.receiver.told == [
            "news 1.1! 2.1!",
            "keep_alive 1.1! 2.1!",
            "keep_alive 1.1! 2.1!",
            "news 1.2",
            "keep_alive 2.1!",
        ]


async def test_a_silence_does_not_end_what_a_receiver_keeps(redis_url: str) -> None:
    """Nothing is told anew; what it believes is kept alive, or it would call that resolved."""
    async with scene(redis_url) as one:
        one.receiver.keep_alive = timedelta(minutes=1)
        await one.restart()
        await one.tell(alert(1))
        await one.run()
        await _silence(one, seconds=5 * MINUTE)
        await one.tell(alert(2))
        await one.run(150)
        await one.restart()
        await one.tell(alert(1, 2))
        await one.run(151)
        assert one.receiver.told == [
            "news 1.1!",
            *["keep_alive 1.1!"] * 2,
            *["keep_alive 1.2!"] * 2,
            "news 1.2! 2.1!",
        ]
        assert one.receiver.times == [0, MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE, 5 * MINUTE]


async def test_what_ended_in_a_silence_is_not_kept_alive(redis_url: str) -> None:
    """Its end is told once the silence is over, as all that is news."""
    async with scene(redis_url) as one:
        one.receiver.keep_alive = timedelta(minutes=1)
        await one.restart()
        await one.tell(alert(1))
        await one.run()
        await _silence(one, seconds=HOUR)
        await one.tell(ended(1))
        await one.run(HOUR + 1)
        assert one.receiver.told == ["news 1.1!", "news 1.2"]
        assert one.receiver.times == [0, HOUR]


# -- what is held back


async def test_what_broken_data_causes_is_told_once_it_does_not(redis_url: str) -> None:
    """An alert with a likely cause waits for a revision without it; its end is told."""
    async with scene(redis_url) as one:
        await one.tell(alert(1, cause=CAUSE), alert(2, cause=CAUSE))
        await one.run(DAY)
        assert one.receiver.told == []
        await one.tell(alert(1, 2), ended(2, 2, cause=CAUSE))
        await one.run()
        await one.tell(alert(1, 3, cause=CAUSE))
        await one.run(DAY)
        await one.tell(ended(1, 4, cause=CAUSE))
        await one.run()
        assert one.receiver.told == ["news 1.2!", "news 1.4"]


async def test_a_route_may_want_to_hear_of_caused_alerts(redis_url: str) -> None:
    """Where it says so, causes hold nothing back."""
    async with scene(redis_url, route={"hold_back_caused": False}) as one:
        await one.tell(alert(1, cause=CAUSE))
        await one.run()
        assert one.receiver.told == ["news 1.1!"]


async def test_a_silenced_alert_that_still_fires_is_told_when_the_silence_ends(
    redis_url: str,
) -> None:
    """It is recorded as muted; what ended meanwhile is not told."""
    async with scene(redis_url) as one:
        await _silence(one, seconds=HOUR)
        await one.tell(alert(1), alert(2), health_event(alert_id="3"))
        await one.run(HOUR / 2)
        await one.tell(ended(2))
        await one.run(HOUR / 2 + 1)
        assert one.receiver.told == ["news 3.1!", "news 1.1!"]
        assert one.receiver.times == [0, HOUR]
        assert await one.outcomes() == [
            "muted 1.1 2.1",
            "delivered 3.1",
            "passed_over 2.2",
            "delivered 1.1",
        ]


async def test_a_silence_that_is_ended_early_mutes_no_longer(redis_url: str) -> None:
    """What it muted is told within a quarter of a minute."""
    async with scene(redis_url) as one:
        silence = await _silence(one, seconds=HOUR)
        await one.tell(alert(1))
        await one.run(100)
        await one.silences.expire(silence, one.now)
        await one.run(15)
        assert one.receiver.told == ["news 1.1!"]


async def test_the_end_of_an_alert_that_was_told_is_told_after_the_silence(redis_url: str) -> None:
    """Nobody is left with an alert that is over."""
    async with scene(redis_url) as one:
        await one.tell(alert(1))
        await one.run()
        await _silence(one, seconds=HOUR)
        await one.tell(ended(1))
        await one.run(2 * HOUR)
        assert one.receiver.told == ["news 1.1!", "news 1.2"]
        assert one.receiver.times == [0, HOUR]


async def test_beyond_the_ceiling_comes_one_digest(redis_url: str) -> None:
    """Of all streams; nothing that was held back is left out, and told are the newest revisions."""
    async with scene(redis_url, per_hour=3) as one:
        for number in range(1, 9):
            await one.tell(alert(number, stream=f"s{number}"))
            await one.run(MINUTE)
        await one.tell(alert(5, 2, stream="s5"), ended(6, 2, stream="s6"))
        await one.run(2 * HOUR)
        assert one.receiver.told == [
            "news 1.1!",
            "news 2.1!",
            "news 3.1!",
            "digest 4.1! 5.2! 6.2 7.1! 8.1!",
        ]
        assert one.receiver.times[-1] == HOUR
        digest = one.receiver.arrived[-1][1]
        assert (digest.purpose, digest.held_back) == (Purpose.DIGEST, 5)


async def test_what_one_digest_does_not_hold_comes_in_the_next(redis_url: str) -> None:
    """It stands for what it tells."""
    async with scene(redis_url, per_hour=1) as one:
        await one.tell(alert(1))
        await one.run()
        await one.tell(*(alert(number) for number in range(2, MOST_ALERTS + 4)))
        await one.run(2 * HOUR)
        digests = [notification for _, notification in one.receiver.arrived[1:]]
        assert [len(digest.alerts) for digest in digests] == [MOST_ALERTS, 2]
        assert [digest.held_back for digest in digests] == [2, 2]


@pytest.mark.parametrize(("groups", "most"), [(True, MOST_ALERTS), (False, 100)])
def test_a_digest_is_no_longer_than_a_receiver_takes(*, groups: bool, most: int) -> None:
    """One that takes no groups may need a request for each alert."""
    wanted = Wanted(1, True, "s", False, False, BEGIN, Terms())  # noqa: FBT003 - as it is kept
    book = {str(n): Standing(str(n), wanted, Told(held=1)) for n in range(MOST_ALERTS + 1)}
    due = Planner(Traits(groups, None, 1)).next(book, ReceiverState(), Waits(), BEGIN)
    assert due is not None
    assert (due.purpose, len(due.alerts)) == (Purpose.DIGEST, most)


async def test_the_ceiling_is_kept_over_a_restart(redis_url: str) -> None:
    """What was sent in this hour, and what waits for the digest, are in Redis."""
    async with scene(redis_url, per_hour=1) as one:
        await one.tell(alert(1))
        await one.run()
        await one.tell(alert(2))
        await one.run()
        await one.restart()
        await one.tell(alert(3))
        await one.run(HOUR)
        assert one.receiver.told == ["news 1.1!", "digest 2.1! 3.1!"]
        assert one.receiver.arrived[-1][1].held_back == 2


# -- what does not arrive


async def test_what_does_not_arrive_is_tried_again(redis_url: str) -> None:
    """Ever more seldom, under the same id; what is newer by then is told instead."""
    async with scene(redis_url, seed=3) as one:
        one.receiver.script = [fails(Failure.AGAIN)] * 8
        await one.tell(alert(1))
        await one.run(HOUR)
        assert one.receiver.told == ["news 1.1!"]
        assert one.receiver.attempts == 9
        assert 1 < one.receiver.times[0] < 256
        one.receiver.script = [fails(Failure.AGAIN)] * 3
        await one.tell(alert(1, 2))
        await one.run()
        await one.tell(alert(1, 3))
        await one.run(HOUR)
        assert one.receiver.told == ["news 1.1!", "news 1.3!"]


async def test_an_attempt_of_unknown_fate_is_repeated_under_its_id(redis_url: str) -> None:
    """It may arrive twice; who gets it can tell."""
    async with scene(redis_url) as one:
        one.receiver.script, one.receiver.after_arrival = [fails(Failure.AGAIN)], True
        await one.tell(alert(1))
        await one.run(MINUTE)
        assert one.receiver.told == ["news 1.1!", "news 1.1!"]
        first, second = (notification for _, notification in one.receiver.arrived)
        assert first.id == second.id
        await one.tell(alert(1, 2))
        await one.run()
        assert one.receiver.arrived[-1][1].id != first.id


async def test_the_end_of_what_may_have_arrived_is_told(redis_url: str) -> None:
    """A receiver that may believe that an alert fires hears that it does not."""
    async with scene(redis_url) as one:
        one.receiver.script, one.receiver.after_arrival = [fails(Failure.AGAIN)] * 2, True
        await one.tell(alert(1))
        await one.run()
        await one.restart()
        await one.tell(ended(1))
        await one.run(MINUTE)
        assert one.receiver.told[-1] == "news 1.2"


async def test_a_receiver_that_asks_for_it_is_left_alone(redis_url: str) -> None:
    """For as long as it says, an hour at most, whatever else there is to tell."""
    async with scene(redis_url) as one:
        one.receiver.script = [fails(Failure.LATER, after=90)]
        await one.tell(alert(1))
        await one.run(30)
        await one.tell(alert(2, stream="churn"))
        await one.restart()
        await one.run(MINUTE)
        assert one.receiver.told == ["news 1.1!", "news 2.1!"]
        assert one.receiver.times == [90, 90]
        one.receiver.script = [fails(Failure.LATER, after=5 * DAY)]
        await one.tell(alert(3))
        await one.run(2 * HOUR)
        assert one.receiver.times[-1] == 90 + HOUR


async def test_a_receiver_that_says_now_each_time_is_not_flooded(redis_url: str) -> None:
    """Between attempts there is a second at least, whatever Retry-After says."""
    async with scene(redis_url) as one:
        one.receiver.script = [fails(Failure.LATER, after=0)] * 3
        await one.tell(alert(1))
        await one.run(MINUTE)
        assert one.receiver.times == [3]


async def test_a_receiver_that_is_not_to_be_kept_alive_is_heard_of(redis_url: str) -> None:
    """Though there is no news that would not arrive; nothing is given up."""
    async with scene(redis_url) as one:
        one.receiver.keep_alive = timedelta(minutes=1)
        await one.restart()
        await one.tell(alert(1))
        await one.run()
        one.receiver.script = [fails(Failure.AGAIN)] * 1_000
        await one.run(5 * MINUTE)
        assert one.fate.heard == []
        await one.run(25 * MINUTE)
        assert set(one.fate.heard) == {f"{RECEIVER} failing"}
        one.receiver.script = []
        await one.run(10 * MINUTE)
        assert one.receiver.told[-1] == "keep_alive 1.1!"


async def test_nothing_is_given_up_before_that_is_told(redis_url: str) -> None:
    """Should nobody be there to be told, it is tried, and told, by whoever goes on."""
    async with scene(redis_url) as one:
        one.receiver.script = [fails(Failure.REFUSED)] * 2
        one.fate.away = True
        await one.tell(alert(1))
        with pytest.raises(UnavailableError):
            await one.run()
        one.fate.away = False
        await one.restart()
        await one.run()
        assert one.fate.heard == [f"{RECEIVER} refused"]
        assert await one.outcomes() == ["refused 1.1"]


async def test_what_is_given_up_is_forgotten(redis_url: str) -> None:
    """A process that lives for years does not remember each alert that did not arrive."""
    async with scene(redis_url, give_up_after="1m") as one:
        one.receiver.takes_groups = False
        await one.restart()
        one.receiver.script = [fails(Failure.AGAIN)] * 1_000
        await one.tell(*(alert(number) for number in range(1, 6)))
        await one.run(DAY)
        assert one.fate.heard.count(f"{RECEIVER} expired") == 5
        assert one.work._aftermath._backoff._failures == {}
        assert one.work._waits.retry_at == {}


async def test_what_was_refused_for_certain_needs_no_end(redis_url: str) -> None:
    """It is given up, which is heard of; and its end is not told either."""
    async with scene(redis_url) as one:
        one.receiver.script = [fails(Failure.REFUSED)]
        await one.tell(alert(1))
        await one.run()
        await one.tell(ended(1))
        await one.run(DAY)
        assert one.receiver.told == []
        assert one.fate.heard == [f"{RECEIVER} refused"]
        assert await one.outcomes() == ["refused 1.1", "passed_over 1.2"]


async def test_one_alert_that_is_refused_takes_no_others_along(redis_url: str) -> None:
    """Each of a group that is refused is tried by itself."""
    async with scene(redis_url) as one:
        one.receiver.script = [fails(Failure.REFUSED), None, fails(Failure.REFUSED), None]
        await one.tell(alert(1), alert(2), alert(3))
        await one.run(DAY)
        assert sorted(one.receiver.told) == ["news 1.1!", "news 3.1!"]
        assert one.fate.heard == [f"{RECEIVER} refused"]


async def test_to_a_receiver_that_is_no_more_nothing_is_sent(redis_url: str) -> None:
    """Everything for it is given up, one by one, and counted."""
    async with scene(redis_url) as one:
        one.receiver.script = [fails(Failure.REVOKED)]
        await one.tell(alert(1), alert(2, stream="churn"))
        await one.run()
        await one.tell(alert(1, 2))
        await one.run(DAY)
        assert (one.receiver.told, one.receiver.attempts) == ([], 1)
        assert await one.outcomes() == ["revoked 1.1", "revoked 2.1", "revoked 1.2"]
        count = one.metrics.notifications.labels(RECEIVER, "revoked")
        assert count._value.get() == 3


async def test_after_a_day_it_is_given_up(redis_url: str) -> None:
    """As declared; that it is failing is heard of long before."""
    async with scene(redis_url, give_up_after="2h", seed=5) as one:
        one.receiver.script = [fails(Failure.AGAIN)] * 1_000
        await one.tell(alert(1))
        await one.run(3 * HOUR)
        attempts = one.receiver.attempts
        assert one.fate.heard[0] == f"{RECEIVER} failing"
        assert one.fate.heard[-1] == f"{RECEIVER} expired"
        assert await one.outcomes() == ["expired 1.1"]
        await one.run(DAY)
        assert one.receiver.attempts == attempts
        # Full jitter up to five minutes: about as many as there are pairs of minutes and a half.
        assert 20 < attempts < 120


async def test_a_mistake_in_a_receiver_ends_nothing_else(redis_url: str) -> None:
    """It is a failure like any other."""
    async with scene(redis_url) as one:
        one.receiver.script = [KeyError("oops")]
        await one.tell(alert(1))
        await one.run(MINUTE)
        assert one.receiver.told == ["news 1.1!"]


# -- who sends


async def test_a_sender_that_was_overtaken_changes_nothing(redis_url: str) -> None:
    """Its lease is another's by now: it sends nothing, and what it would record is refused."""
    async with scene(redis_url) as one:
        await one.tell(alert(1))
        await one.run()
        late = one.work
        await one.restart()
        await one.tell(alert(1, 2))
        late.stir()
        with pytest.raises(LeaseLostError):
            await late.step()
        assert one.receiver.told == ["news 1.1!"]
        await one.run()
        assert one.receiver.told == ["news 1.1!", "news 1.2!"]


async def test_what_cannot_be_read_stops_nothing(redis_url: str) -> None:
    """A job without its event is given up; foreign values are left alone."""
    async with scene(redis_url) as one:
        await one.tell(alert(1), alert(2))
        client, places = one.deliveries._client, one.deliveries._places
        await client.one("HDEL", places.of("events", RECEIVER), alert(1).data.alert_id)
        await client.one("HSET", places.of("wanted", RECEIVER), "foreign", "value")
        await one.run(DAY)
        assert one.receiver.told == ["news 2.1!"]
        assert one.fate.heard == [f"{RECEIVER} refused"]


class Interrupted(Deliveries):
    """Before events are read for the first few times, there is news."""

    def __init__(self, one: Scene, news: Sequence[AlertEnvelope]) -> None:
        super().__init__(one.deliveries._client, one.deployment)
        self._one = one
        self._news = list(news)

    async def events(self, receiver: str, alerts: Sequence[str]) -> dict[str, AlertEnvelope]:
        if self._news:
            await self._one.tell(self._news.pop(0))
        return await super().events(receiver, alerts)


async def test_news_that_comes_between_two_readings_is_no_lost_event(redis_url: str) -> None:
    """However often in a row: the newest is told, and nothing given up."""
    async with scene(redis_url) as one:
        await one.tell(alert(1))
        news = [alert(1, revision) for revision in range(2, 6)]
        one.around = replace(one.around, deliveries=Interrupted(one, news))
        await one.restart()
        await one.run()
        assert one.receiver.told == ["news 1.5!"]
        assert (one.fate.heard, await one.outcomes()) == ([], ["delivered 1.5"])


async def _silence(one: Scene, *, seconds: float) -> str:
    matchers = Matchers.model_validate({"stream": "car-loan"})
    ends_at = one.now + round(seconds * SECOND)
    silence = await one.silences.add(
        matchers, starts_at=BEGIN, ends_at=ends_at, created_by="ann", comment="why", now=one.now
    )
    return silence.id
