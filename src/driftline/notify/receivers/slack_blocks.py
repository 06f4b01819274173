"""What Slack is sent: blocks, and the text that stands for them in a notification on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from driftline.alerts.summary import clean
from driftline.notify.notification import Purpose
from driftline.notify.receivers.slack_alert import (
    SIGNS,
    alert_blocks,
    alert_in_short,
    footer,
    headline,
    sign,
)
from driftline.notify.receivers.slack_text import MAX_HEADER, MAX_TEXT, Block, defused, plain
from driftline.notify.words import sentence, title, where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.alerts.schema import AlertData
    from driftline.notify.notification import Notification

MOST_IN_SHORT: Final = 7
"""Alerts of a group that get blocks of their own, 6 each; the others get a line each."""
LINES_LENGTH: Final = 2_900
MOST_LINES_BLOCKS: Final = 4

TEST: Final = "This is a test: notifications of driftline arrive here."


@dataclass(frozen=True, slots=True)
class Message:
    """A message, without where it goes."""

    text: str
    """Markup; says the same in short."""
    blocks: tuple[Block, ...]

    def payload(self) -> dict[str, Any]:
        """What all ways into Slack take."""
        return {**self.in_plain_text(), "blocks": list(self.blocks)}

    def in_plain_text(self) -> dict[str, Any]:
        """The same without blocks: for a Slack that does not take them."""
        return {
            "text": self.text,
            "mrkdwn": False,
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }


def build_message(notification: Notification) -> Message:
    """The message that tells of all of a notification's alerts."""
    alerts = tuple(envelope.data for envelope in notification.alerts)
    base_url = notification.base_url
    if notification.purpose is Purpose.TEST or not alerts:
        blocks: list[Block] = [{"type": "section", "text": plain(TEST)}]
        return Message(defused(TEST, MAX_TEXT), tuple(blocks))
    if notification.purpose is Purpose.DIGEST:
        return _digest(alerts, notification.held_back)
    repeated = notification.purpose is Purpose.REPEAT
    if len(alerts) > 1:
        return _group(alerts, base_url, repeated=repeated)
    (data,) = alerts
    head = _head(data, repeated=repeated)
    return Message(_text(head, data), tuple(alert_blocks(head, data, base_url)))


def build_reply(data: AlertData, *, base_url: str | None, repeated: bool) -> Message:
    """What a thread is told of a later revision: its first message has all the rest."""
    head = _head(data, repeated=repeated)
    blocks = [
        {"type": "section", "text": plain(head)},
        {"type": "section", "text": plain(sentence(data.summary))},
        footer(data, base_url),
    ]
    return Message(_text(head, data), tuple(blocks))


def _head(data: AlertData, *, repeated: bool) -> str:
    return f"{sign(data)} Still firing: {title(data)}" if repeated else headline(data)


def _group(alerts: Sequence[AlertData], base_url: str | None, *, repeated: bool) -> Message:
    """Several alerts of one stream, those that fire first."""
    ordered = sorted(alerts, key=_urgency)
    fire = " still fire" if repeated else ""
    head = f"{_signs(ordered)} {len(alerts)} alerts of {_stream(ordered[0])}{fire}"
    blocks: list[Block] = [{"type": "header", "text": plain(head, MAX_HEADER)}]
    for data in ordered[:MOST_IN_SHORT]:
        blocks += [{"type": "divider"}, *alert_in_short(data, base_url)]
    if rest := ordered[MOST_IN_SHORT:]:
        blocks += [{"type": "divider"}, *_lines(rest)]
    return Message(_several(head, ordered), tuple(blocks))


def _digest(alerts: Sequence[AlertData], held_back: int) -> Message:
    ordered = sorted(alerts, key=_urgency)
    times = "notification was" if held_back == 1 else "notifications were"
    head = f"{_signs(ordered)} {held_back:,} {times} held back"
    why = "This receiver's ceiling for an hour was reached. Where those alerts stand now:"
    blocks: list[Block] = [
        {"type": "header", "text": plain(head, MAX_HEADER)},
        {"type": "section", "text": plain(why)},
        *_lines(ordered),
    ]
    return Message(_several(head, ordered), tuple(blocks))


def _lines(alerts: Sequence[AlertData]) -> Iterator[Block]:
    """A line for each alert; what has no room is counted."""
    pages: list[list[str]] = [[]]
    for number, data in enumerate(alerts):
        line = f"{headline(data)} (alert {data.alert_id}.{data.revision})"
        if len("\n".join([*pages[-1], line])) > LINES_LENGTH:
            if len(pages) == MOST_LINES_BLOCKS:
                pages[-1].append(f"and {len(alerts) - number:,} more: driftline alerts list")
                break
            pages.append([])
        pages[-1].append(line)
    for page in pages:
        yield {"type": "section", "text": plain("\n".join(page))}


def _stream(data: AlertData) -> str:
    return clean(data.stream) if data.stream else where(data)


def _urgency(data: AlertData) -> tuple[bool, int]:
    return data.reason is not None, list(SIGNS).index(data.severity)


def _signs(ordered: Sequence[AlertData]) -> str:
    return headline(ordered[0]).partition(" ")[0]


def _text(head: str, data: AlertData) -> str:
    return defused(f"{head}\n{sentence(data.summary)}\nalert {data.alert_id}", MAX_TEXT)


def _several(head: str, alerts: Sequence[AlertData]) -> str:
    return defused("\n".join([head, *map(headline, alerts)]), MAX_TEXT)
