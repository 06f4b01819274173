"""Slack's text objects, made so that no name in them means anything to Slack.

Three characters have to be escaped in its markup: &, < and >; so <!channel> and <@U012> cannot be
written by data. What is left of the markup (*, _, ~, `) is kept from names by code spans, in which
it means nothing, or by plain_text objects and rich text, which know no markup. `verbatim` keeps
Slack from looking for channels, mentions and links itself.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Block: TypeAlias = dict[str, Any]

MAX_TEXT: Final = 3_000
MAX_HEADER: Final = 150
MAX_FIELD: Final = 2_000
MAX_FIELDS: Final = 10
MAX_BLOCKS: Final = 50
MAX_NAME: Final = 200
_ASTRAL: Final = 0x10000

_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_UNSEEN: Final = "\u200b"
"""A zero width space: behind an @ it keeps Slack from seeing a mention."""


def escape(text: str, limit: int) -> str:
    """The text for markup, cut to so many characters: after escaping, and never in an entity."""
    return _cut([_ENTITIES.get(char, char) for char in text], limit)


def defused(text: str, limit: int) -> str:
    """As `escape`, and without code spans, and names behind an @ are nobody's."""
    pieces = [_ENTITIES.get(char, char) for char in text.replace("`", "'")]
    return _cut([piece + _UNSEEN if piece == "@" else piece for piece in pieces], limit)


def code(name: str, limit: int = MAX_NAME) -> str:
    """A name in a code span; a dash for none."""
    inside = escape(name.replace("`", "'").strip() or "-", limit - 2)
    return f"`{inside}`"


def plain(text: str, limit: int = MAX_TEXT) -> Block:
    """Text without any markup."""
    return {"type": "plain_text", "text": _cut(list(text or "-"), limit), "emoji": False}


def markup(text: str) -> Block:
    """Markup of our own; names in it are escaped already."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def bold(text: str, limit: int = MAX_TEXT) -> Block:
    """A line of its own, bold, without any markup."""
    element = {"type": "text", "text": _cut(list(text), limit), "style": {"bold": True}}
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [element]}],
    }


def link(url: str, text: str) -> str:
    """A link, in markup; the text is our own."""
    return f"<{url.replace('|', '%7C').replace('>', '%3E').replace('<', '%3C')}|{text}>"


def _cut(pieces: list[str], limit: int) -> str:
    """The pieces up to so many characters, as JavaScript counts them; none of them in part."""
    lengths = [sum(1 + (ord(char) >= _ASTRAL) for char in piece) for piece in pieces]
    if sum(lengths) <= limit:
        return "".join(pieces)
    kept, used = [], 1
    for piece, length in zip(pieces, lengths, strict=True):
        used += length
        if used > limit:
            break
        kept.append(piece)
    return "".join(kept) + "…"
