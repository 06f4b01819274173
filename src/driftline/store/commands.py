"""What is to be sent to Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.model import InstanceKey


class Command(NamedTuple):
    """One command. A tuple, as each checkpoint of thousands of instances makes a handful."""

    key: bytes
    """Packed: its key's last part, and the type that this key must have."""
    packed: bytes
    """As the scripts take it."""
    weight: int
    """What it counts for in a part."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a checkpoint is written."""

    instance: InstanceKey
    span: tuple[str, str]
    """From and to, as the scripts take them."""
    kinds: bytes
    """Packed: a key's last part, the type it must have, and so on."""
    parts: tuple[bytes, ...]
    """Packed lists of commands; at least one."""

    @property
    def size(self) -> int:
        """Bytes to send."""
        return sum(map(len, self.parts))
