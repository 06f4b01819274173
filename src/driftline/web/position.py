"""A place in the alerts topic: per partition the next offset. An event's id in a stream of alerts.

Written as the offsets with a dot between them, partition 0 first: `128` or `12.0.7.3`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Position: TypeAlias = "dict[int, int]"

_WRITTEN: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18}){0,1023}")


def write_position(position: Mapping[int, int]) -> str:
    """The place as text; a partition that is not in it stands at its beginning."""
    return ".".join(str(position.get(number, 0)) for number in range(max(position, default=0) + 1))


def read_position(text: str) -> Position:
    """The inverse of `write_position`.

    Raises:
        ValueError: the text is no place.
    """
    if _WRITTEN.fullmatch(text) is None:
        msg = "should be offsets with a dot between them, as an event's id in the stream"
        raise ValueError(msg)
    return {number: int(part) for number, part in enumerate(text.split("."))}
