"""What Slack takes as blocks: the documented types and limits that driftline's messages meet."""

from __future__ import annotations

import re
from typing import Any, Final

MAX_BLOCKS: Final = 50
MAX_TEXT: Final = 40_000
_LINK: Final = re.compile(r"<https?://[^<>|]*\|[^<>|]*>")


def faults(payload: dict[str, Any]) -> list[str]:
    """What Slack would not take, or would take as more than text."""
    blocks = payload.get("blocks", [])
    found = [] if len(blocks) <= MAX_BLOCKS else [f"{len(blocks)} blocks"]
    found += _length("text", payload.get("text", ""), MAX_TEXT)
    found += _wrong_markup(payload.get("text", ""))
    for place, block in enumerate(blocks):
        found += [f"block {place}: {fault}" for fault in _of_block(block)]
    return found


def _of_block(block: dict[str, Any]) -> list[str]:
    kind = block.get("type")
    if kind == "divider":
        return []
    if kind == "header":
        return _of_text(block["text"], 150, only="plain_text")
    if kind == "section":
        return _of_section(block)
    if kind == "context":
        elements = block["elements"]
        found = [] if 1 <= len(elements) <= 10 else [f"{len(elements)} elements"]
        return found + [fault for one in elements for fault in _of_text(one, 2_000)]
    if kind == "rich_text":
        return [fault for part in block["elements"] for fault in _of_rich_text(part)]
    return [f"unknown type {kind}"]


def _of_section(block: dict[str, Any]) -> list[str]:
    fields = block.get("fields", [])
    found = [] if "text" in block or fields else ["neither text nor fields"]
    found += [] if len(fields) <= 10 else [f"{len(fields)} fields"]
    found += _of_text(block["text"], 3_000) if "text" in block else []
    return found + [fault for one in fields for fault in _of_text(one, 2_000)]


def _of_text(text: dict[str, Any], limit: int, *, only: str | None = None) -> list[str]:
    kind, content = text.get("type"), text.get("text", "")
    found = _length(str(kind), content, limit) + _unprintable(content)
    if kind not in {"plain_text", "mrkdwn"} or (only and kind != only):
        found.append(f"text of type {kind}")
    unknown = text.keys() - ({"type", "text", "emoji"} if kind == "plain_text" else _MRKDWN_KEYS)
    found += [f"unknown keys {unknown}"] if unknown else []
    return found + (_wrong_markup(content) if kind == "mrkdwn" else [])


_MRKDWN_KEYS: Final = {"type", "text", "verbatim"}


def _of_rich_text(part: dict[str, Any]) -> list[str]:
    found = [] if part["type"] == "rich_text_section" else [f"part of type {part['type']}"]
    for element in part["elements"]:
        found += [] if element["type"] == "text" else [f"element of type {element['type']}"]
        found += _length("element", element["text"], 3_000) + _unprintable(element["text"])
    return found


def _length(what: str, text: str, limit: int) -> list[str]:
    length = len(text.encode("utf-16-le")) // 2
    return [] if 0 < length <= limit else [f"{what} of {length} characters"]


def _unprintable(text: str) -> list[str]:
    bad = [char for char in text if not char.isprintable() and char != "\n"]
    return [f"unprintable {bad}"] if bad else []


def _wrong_markup(text: str) -> list[str]:
    """Markup may hold links of ours; all else that means something to Slack is escaped."""
    rest = _LINK.sub("", text)
    found = [f"raw {char}" for char in "<>" if char in rest]
    if re.search(r"&(?!amp;|lt;|gt;)", rest):
        found.append("raw &")
    if rest.replace("```", "").count("`") % 2 or rest.count("```") % 2:
        found.append("an open code span")
    return found
