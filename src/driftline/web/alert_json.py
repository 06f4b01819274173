"""Answers about alerts, put together from the JSON that is kept of each revision."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.web.board import Kept
    from driftline.web.entries import Entry, Place

CURSOR: Final = r"^([0-9]{1,15})\.([0-9]{1,10})\.([0-9]{1,18})$"
"""What `write_cursor` writes."""


def page_json(
    alerts: Sequence[Kept], *, following: str | None, position: str, complete: bool
) -> bytes:
    """An `AlertPage`."""
    tail = {"next": following, "position": position, "complete": complete}
    items = _array(alert.latest for alert in alerts)
    return b'{"items":' + items + b"," + json.dumps(tail).encode()[1:]


def detail_json(alert: Kept) -> bytes:
    """An `AlertDetail`."""
    complete = len(alert.revisions) == alert.latest.revision
    return (
        b'{"alert":'
        + alert.latest.json
        + b',"revisions":'
        + _array(alert.revisions)
        + b',"complete":'
        + json.dumps(complete).encode()
        + b"}"
    )


def write_cursor(alert: Kept) -> str:
    """Where the page behind this alert begins."""
    return ".".join(map(str, alert.opened))


def read_cursor(text: str) -> Place:
    """The inverse of `write_cursor`.

    Raises:
        ValueError: the text is no cursor.
    """
    match = re.fullmatch(CURSOR, text, re.ASCII)
    if match is None:
        msg = "should be `next` of the page before"
        raise ValueError(msg)
    return int(match[1]), int(match[2]), int(match[3])


def _array(entries: Iterable[Entry]) -> bytes:
    return b"[" + b",".join(entry.json for entry in entries) + b"]"
