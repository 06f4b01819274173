"""Which events partition an instance's events go to. It never changes while the count does not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from driftline.model import InstanceKey

if TYPE_CHECKING:
    from collections.abc import Iterable


def events_partition(key: InstanceKey, partitions: int) -> int:
    """The events partition of an instance: the CRC-32 of its name, modulo the partition count."""
    return crc32(key.name.encode()) % partitions


def partitions_of(stream: str, values: Iterable[str | None], partitions: int) -> list[int]:
    """The events partition of each of a stream's instances."""
    # A name's checksum goes on from that of the part which all of them have in common.
    start = crc32(InstanceKey(stream, "").name.encode())
    return [
        events_partition(InstanceKey(stream), partitions)
        if value is None
        else crc32(value.encode(), start) % partitions
        for value in values
    ]
