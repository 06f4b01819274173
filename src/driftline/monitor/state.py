"""What of the monitor survives a process: the units in which state is stored and read back.

The store knows none of the blobs' contents; the monitor knows none of the store's keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.model import InstanceKey


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An alert event that has to reach the alerts topic."""

    id: str
    """`<alert id>.<revision>`: the CloudEvent's id, by which a repetition is recognised."""
    key: str
    """The alert's id: one alert's events stay in one partition, in order."""
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class InstanceCheckpoint:
    """All that changed in one instance between two positions of the log; applied whole or not."""

    instance: InstanceKey
    from_offset: int | None
    """The applied offset (next to apply) that must be stored now; None if nothing may be stored
    yet."""
    to_offset: int
    """The applied offset after this step."""
    fields: Mapping[str, bytes]
    """Changed parts of the state by name, among them `head`."""
    fields_removed: Sequence[str] = ()
    windows: Mapping[str, bytes] = field(default_factory=dict)
    windows_removed: Sequence[str] = ()
    entries: Mapping[str, bytes] = field(default_factory=dict)
    """The join's entries by prediction id; each begins with its group's number as four bytes,
    little-endian."""
    entries_removed: Sequence[str] = ()
    groups: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Ids to append to a group of entries that will expire together."""
    groups_removed: Sequence[int] = ()
    """Groups that expired: their entries are garbage from here on and are collected when there is
    time.
    An entry goes with a group only if it still carries that group's number."""
    outbox: Sequence[Outgoing] = ()


@dataclass(frozen=True, slots=True)
class PartitionCheckpoint:
    """What an events partition knows for all its instances: clocks, books, and a position.

    It is safe to read on from that position: this is written after the checkpoints of all its
    instances up to the same offset.
    """

    partition: int
    from_offset: int | None
    to_offset: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance as it was stored."""

    offset: int
    fields: Mapping[str, bytes]
    outbox: tuple[Outgoing, ...] = ()
    """What was not yet trimmed from the outbox: to be published again."""


@dataclass(frozen=True, slots=True)
class StoredPartition:
    """An events partition as it was stored."""

    offset: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """All that has to be stored to go on from here: first the instances, then the partition."""

    instances: Sequence[InstanceCheckpoint]
    partition: PartitionCheckpoint
