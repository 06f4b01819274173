"""What people see in Slack: one alert, several, a digest; within Slack's limits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import slack_messages
from hypothesis import given
from hypothesis import strategies as st

from driftline.notify.links import ANCHORS, OTHERS, runbook
from driftline.notify.notification import Purpose
from driftline.notify.receivers.slack_blocks import MOST_IN_SHORT, build_message
from driftline.notify.receivers.slack_text import code, defused, escape
from support.alert_events import (
    CHANGED,
    HOUR,
    drift_event,
    health_event,
    points,
    resolved_event,
    silence_event,
)
from support.receivers import news
from support.slack_rules import faults

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertEnvelope


def blocks(*alerts: AlertEnvelope, **given: Any) -> list[dict[str, Any]]:
    payload = build_message(news(*alerts, **given)).payload()
    assert faults(payload) == []
    found: list[dict[str, Any]] = payload["blocks"]
    return found


def chart(*alerts: AlertEnvelope) -> list[str]:
    """The lines of the first chart."""
    texts = (one["text"]["text"] for one in blocks(*alerts) if "text" in one)
    found: str = next(text for text in texts if text.startswith("```"))
    return found.strip("`").split("\n")


def many(count: int) -> list[AlertEnvelope]:
    return [
        drift_event(alert_id=f"{number:020}", signal=f"feature.f{number}")
        for number in range(count)
    ]


def test_an_alert_says_what_where_and_how_much() -> None:
    """In its header, which is also what a phone shows."""
    message = build_message(news())
    assert message.blocks[0] == {
        "type": "header",
        "text": {
            "type": "plain_text",
            "text": "🔴 car-loan/2019-01: error rose from 5.6 % to 8.4 % (+50 %)",
            "emoji": False,
        },
    }
    assert message.text.startswith("🔴 car-loan/2019-01: error rose from 5.6 % to 8.4 %")
    assert message.text.endswith("alert 0123456789abcdef0123")


def test_the_look_of_an_alert_is_that_of_its_state() -> None:
    """A dot for its severity while it fires, a tick when it is over."""
    looks = {
        "🔴": drift_event(),
        "🟠": drift_event(severity="warning"),
        "🔵": drift_event(severity="info"),
        "✅": resolved_event(),
    }
    for sign, alert in looks.items():
        assert blocks(alert)[0]["text"]["text"].startswith(f"{sign} car-loan/2019-01: ")
    header = blocks(resolved_event())[0]["text"]["text"]
    assert header == "✅ car-loan/2019-01: error recovered, now 5.6 %"
    accepted = blocks(resolved_event(reason="accepted"))[0]["text"]["text"]
    assert accepted.endswith("error accepted as the new normal")


def test_the_moment_of_change_is_marked_in_the_chart() -> None:
    """Below the first point that holds values of after it."""
    top, bottom, mark, legend = chart(drift_event())
    bars = len(points())
    column = mark.index("▲") - (len(bottom) - bars)
    assert column == bars // 2
    assert top.split()[0] == "9.1"
    assert legend.endswith("▲ change about 2019-03-04 10:00 UTC")


@pytest.mark.parametrize(("hours", "place"), [(-1_000, 0), (1_000, -1)])
def test_a_change_outside_of_the_chart_is_marked_at_its_edge(hours: int, place: int) -> None:
    """Where one would look for it."""
    evidence = drift_event().data.model_dump()["evidence"]
    evidence["change_at"] = CHANGED + hours * HOUR
    _, bottom, mark, _ = chart(drift_event(evidence=evidence))
    width = len(points())
    assert mark.index("▲") - (len(bottom) - width) == range(width)[place]


def test_an_alert_without_a_course_has_no_chart() -> None:
    """And all the rest."""
    assert not any("```" in json.dumps(one) for one in blocks(drift_event(history=[])))


def test_a_likely_cause_is_told() -> None:
    """It may be no news of the model."""
    cause = {"kind": "lag", "since": CHANGED, "detail": "the monitor is behind"}
    told = json.dumps(blocks(drift_event(cause=cause)), ensure_ascii=False)
    assert "⚠ likely cause: the monitor is behind (since 2019-03-04 10:00 UTC)" in told


def test_who_has_taken_it_on_is_told() -> None:
    """With what they said."""
    taken = {"by": "alice", "at": CHANGED, "note": "on it"}
    assert "`alice: on it`" in json.dumps(blocks(drift_event(acknowledged=taken)))


def test_a_silence_and_a_health_alert_say_their_facts() -> None:
    """Last record and expectation; the figures of the monitor."""
    silence = json.dumps(blocks(silence_event()))
    assert "no predictions since 2019-03-04 10:00 UTC" in silence
    assert "*Expected within*\\n15 min" in silence
    assert "*Behind seconds*\\n`912.5`" in json.dumps(blocks(health_event()))
    ended = silence_event(status="resolved", reason="recovered", revision=2)
    assert blocks(ended)[0]["text"]["text"] == "✅ car-loan/2019-01: predictions come again"


def test_several_alerts_are_one_message() -> None:
    """The most urgent first, those that are over last."""
    alerts = (resolved_event(), drift_event(severity="info"), drift_event())
    message = build_message(news(*alerts))
    head, *lines = message.text.split("\n")
    assert head == "🔴 3 alerts of car-loan"
    assert [line[0] for line in lines] == ["🔴", "🔵", "✅"]
    assert [one["type"] for one in message.blocks].count("divider") == 3


@pytest.mark.parametrize("count", [2, MOST_IN_SHORT, MOST_IN_SHORT + 1, 40, 700])
@pytest.mark.parametrize("purpose", [Purpose.NEWS, Purpose.DIGEST])
def test_however_many_alerts_there_are_slack_takes_them(count: int, purpose: Purpose) -> None:
    """Each is named, or counted where there is no room for more names."""
    alerts = many(count)
    told = json.dumps(blocks(*alerts, purpose=purpose, held_back=count))
    named = {alert.data.alert_id for alert in alerts if alert.data.alert_id in told}
    left = re.search(r"and ([\d,]+) more: driftline alerts list", told)
    assert len(named) + (int(left[1].replace(",", "")) if left else 0) == count
    assert count > 40 or not left


def test_links_begin_where_people_reach_the_api() -> None:
    """And there are none if nobody said where."""
    told = json.dumps(blocks(base_url="https://drift.example/x/"))
    assert "<https://drift.example/x/v1/alerts/0123456789abcdef0123|open the alert>" in told
    assert "<http" not in json.dumps(blocks())


@given(st.text(alphabet="&<>a`@\U0001f534", max_size=60), st.integers(3, 40))
def test_a_cut_is_never_in_an_entity(text: str, limit: int) -> None:
    """What is left is whole, and no longer than it may be, as JavaScript counts."""
    for cut in (escape(text, limit), defused(text, limit), code(text, limit + 2)):
        assert len(cut.encode("utf-16-le")) // 2 <= limit + 2
        assert not re.search(r"&(?!amp;|lt;|gt;)", cut)
        assert not set("<>") & set(cut)
    assert escape("a" * 3, 3) == "aaa"


def test_every_alert_has_its_part_of_the_runbook() -> None:
    """The page has the heading that a notification names."""
    page = (slack_messages.PAGES.parent / "runbook.md").read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    assert set(ANCHORS) <= slugs
    signals = ("error", "loss.squared", "score", "label", "label_delay", "feature.x", "missing.x")
    named = {runbook(drift_event(signal=signal).data) for signal in signals}
    assert not any(OTHERS in one for one in named)
    assert runbook(health_event(signal="unheard-of").data) == f"docs/runbook.md#{OTHERS}"


@pytest.mark.parametrize("name", sorted(slack_messages.messages()))
def test_the_messages_in_the_docs_are_what_is_sent(name: str) -> None:
    """`python scripts/slack_messages.py` writes them anew."""
    message = slack_messages.messages()[name]
    assert faults(dict(message)) == []
    written = (slack_messages.PAGES / f"{name}.json").read_text("utf-8")
    assert written == slack_messages.as_text(message)


def test_a_repetition_says_that_it_is_one() -> None:
    """It is no news."""
    one = blocks(purpose=Purpose.REPEAT)[0]["text"]["text"]
    assert one.startswith("🔴 Still firing: car-loan/2019-01: error rose")
    several = blocks(*many(2), purpose=Purpose.REPEAT)[0]["text"]["text"]
    assert several == "🔴 2 alerts of car-loan still fire"
