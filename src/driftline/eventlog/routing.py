"""Which events partition an instance's events go to. It never changes while the count does not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from driftline.model import InstanceKey


def events_partition(key: InstanceKey, partitions: int) -> int:
    """The events partition of an instance: the CRC-32 of its name, modulo the partition count."""
    return crc32(key.name.encode()) % partitions
