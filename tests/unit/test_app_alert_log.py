"""The alerts topic read as any reader should: a repetition is no news, the newest holds."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from driftline.alerts.alert import Status
from driftline.alerts.event import LabelState, build_event
from driftline.alerts.lifecycle import Reason
from driftline.alerts.schema import CauseData, CauseKind
from driftline.app.alert_log import AlertLog, find_alert, load_alerts, select_alerts
from driftline.app.reading_topics import TopicRecord
from driftline.cli.alert_text import alert_line, alert_page, alert_table
from driftline.errors import DriftlineError
from driftline.model import SECOND, Severity, to_datetime
from support.alert_scenes import START, alarm, coin, steps, times, track

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import RenderableType

    from driftline.alerts.alert import AlertChange


def changes(profile: str = "adwin") -> list[AlertChange]:
    """An alert that fires and is withdrawn; `profile` opened it."""
    subject = track()
    values = coin(steps((5_000, 0.1), (500, 0.3)), 1)
    subject.extend({"": values}, times(len(values)))
    told = subject.on_alarm(alarm(5_499, profile=profile), incarnation="x")
    ended = subject.end(Reason.WITHDRAWN, START + 6_000 * SECOND)
    return [*told, *ended]


def record(change: AlertChange, offset: int, cause: CauseData | None = None) -> TopicRecord:
    """The change as it stands in the topic."""
    labels = LabelState(joined=900, waiting=50, expired=50, mean_delay=90 * 60 * SECOND)
    event = build_event("prod", change, labels=labels, versions=["v1\x1b[31m"], cause=cause)
    return TopicRecord(
        "alerts", 0, offset, 1_000 + offset, event.key.encode(), event.value, event.headers
    )


async def stream(*records: TopicRecord) -> AsyncIterator[TopicRecord]:
    for one in records:
        yield one


async def test_a_repeated_or_older_revision_is_no_news() -> None:
    """What was published twice, or comes late, is told once; the newest revision holds."""
    firing, resolved = changes()
    log = AlertLog()
    news = [log.take(record(change, 0)) for change in (firing, firing, resolved, firing)]
    assert [one is not None for one in news] == [True, False, True, False]
    (alert,) = log.newest_first
    assert [event.data.revision for event in alert.events] == [1, 2]
    assert alert.latest.data.status is Status.RESOLVED


async def test_a_follower_keeps_only_what_it_needs() -> None:
    """It goes on for ever, so of each alert it remembers the newest revision alone."""
    firing, resolved = changes()
    log = AlertLog(forgetful=True)
    assert log.take(record(firing, 0))
    assert log.take(record(resolved, 1))
    assert log.take(record(firing, 2)) is None
    (alert,) = log.newest_first
    assert len(alert.events) == 1


async def test_what_is_no_alert_is_counted_and_passed_over() -> None:
    """A tombstone and a stranger's record stop nothing."""
    (firing, _) = changes()
    strange = [TopicRecord("alerts", 0, 1, 1, None, value, ()) for value in (None, b"{}", b"\xff")]
    log = await load_alerts(stream(*strange, record(firing, 5)))
    assert log.unreadable == 3
    assert len(log.newest_first) == 1


async def test_alerts_are_picked_by_what_holds_now() -> None:
    """Stream or instance, status and severity are those of the newest revision."""
    firing, resolved = changes()
    alerts = (await load_alerts(stream(record(firing, 0)))).newest_first
    assert select_alerts(alerts, stream="loans", severity=Severity.WARNING) == alerts
    assert select_alerts(alerts, stream="loans/eu", status=Status.FIRING) == alerts
    assert select_alerts(alerts, stream="eu") == []
    ended = (await load_alerts(stream(record(firing, 0), record(resolved, 1)))).newest_first
    assert select_alerts(ended, status=Status.FIRING) == []
    assert select_alerts(ended, limit=0) == []


async def test_the_beginning_of_an_id_is_enough() -> None:
    """As long as only one alert's id begins so; else it says which do, or that none does."""
    (firing, _) = changes()
    alerts = (await load_alerts(stream(record(firing, 0)))).newest_first
    assert find_alert(alerts, alerts[0].id[:4].upper()) is alerts[0]
    with pytest.raises(DriftlineError, match="no alert's id begins with 'zz'"):
        find_alert(alerts, "zz")
    with pytest.raises(DriftlineError, match="2 alerts begin"):
        find_alert([*alerts, *alerts], "")


def shown(text: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(text)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_a_page_tells_all_and_fools_no_terminal() -> None:
    """What comes from data has its control characters escaped, in every form of display."""
    told = changes(profile="ad\x1b[2Jwin\u202e")
    log = await load_alerts(stream(*[record(one, number) for number, one in enumerate(told)]))
    (alert,) = log.newest_first
    page = shown(alert_page(alert))
    for text in ("loans/eu/error", "before", "after", "90% of predictions", "1.5 h after", "rev"):
        assert text in page
    assert r"v1\x1b[31m" in page
    every = page + shown(alert_table([alert])) + shown(alert_line(alert.latest.data))
    assert not set(every) & set("\x1b\u202e\x00")
    assert "resolved (withdrawn)" in every


async def test_the_likely_cause_is_told_in_every_form_of_display() -> None:
    """Who waits for a notification that is held back for it has to find out why."""
    (firing, _) = changes()
    detail = "15.0% of the latest values of amount are missing"
    cause = CauseData(kind=CauseKind.MISSING_VALUES, since=to_datetime(START), detail=detail)
    (alert,) = (await load_alerts(stream(record(firing, 0, cause)))).newest_first
    forms = (alert_page(alert), alert_table([alert]), alert_line(alert.latest.data))
    assert all(detail in " ".join(shown(form).split()) for form in forms)
    assert "hold_back_caused" in shown(alert_page(alert))
