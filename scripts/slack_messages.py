# ruff: noqa: INP001
"""The messages of docs/slack, made from the events there: run it after what Slack is sent changed.

    python scripts/slack_messages.py

docs/slack/events.jsonl holds alert events as they were published: those of drift and of silence by
`driftline replay` of the demo's data, that of health by a worker. Each message is what a receiver
posts, and can be pasted into Slack's Block Kit Builder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftline.alerts.event import read_event
from driftline.notify.notification import Notification, Purpose
from driftline.notify.receivers.slack_blocks import build_message, build_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.alerts.schema import AlertEnvelope

PAGES: Final = Path(__file__).parents[1] / "docs" / "slack"
BASE_URL: Final = "https://driftline.example"

FIRING: Final = "e847d4e41ae96dd9e6d1.1"
UPDATE: Final = "964a38cefbc3421fef46.2"
RESOLVED: Final = "0fbd0d2dd4ded0af65c2.2"
SILENCE: Final = "91858c309962e635ae66.1"
GROUP: Final = (
    FIRING,
    "2b2a32770e2fd529a560.1",
    "539a223c0b7ac59e029e.1",
    "9da2d82835e3b7482ee5.1",
)


def messages() -> Mapping[str, Mapping[str, Any]]:
    """Each message by its file's stem, as it is posted."""
    events = _events()
    (health,) = (one for one in events.values() if one.data.kind == "health")
    digest = (*(events[name] for name in (*GROUP, RESOLVED, SILENCE)), health)
    return {
        "firing": _news(events[FIRING]),
        "update": _news(events[UPDATE]),
        "reply": build_reply(events[UPDATE].data, base_url=BASE_URL, repeated=False).payload(),
        "resolved": _news(events[RESOLVED]),
        "group": _news(*(events[name] for name in GROUP)),
        "digest": _news(*digest, purpose=Purpose.DIGEST, held_back=12),
        "silence": _news(events[SILENCE]),
        "health": _news(health),
    }


def as_text(message: Mapping[str, Any]) -> str:
    """A message as it stands in its file."""
    return json.dumps(message, indent=2, ensure_ascii=False) + "\n"


def _events() -> dict[str, AlertEnvelope]:
    lines = (PAGES / "events.jsonl").read_bytes().splitlines()
    return {event.id: event for event in map(read_event, lines)}


def _news(
    *alerts: AlertEnvelope, purpose: Purpose = Purpose.NEWS, held_back: int = 0
) -> Mapping[str, Any]:
    notification = Notification(
        "n", "team", purpose, alerts, held_back=held_back, base_url=BASE_URL
    )
    return build_message(notification).payload()


def main() -> None:
    """Write them."""
    for name, message in messages().items():
        (PAGES / f"{name}.json").write_text(as_text(message), encoding="utf-8")


if __name__ == "__main__":
    main()
