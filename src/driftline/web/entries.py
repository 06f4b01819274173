"""What is kept in memory of one revision of an alert: its JSON, and what lists filter by."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeAlias

from driftline.alerts.alert import Status
from driftline.alerts.event import read_event

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertEnvelope

Place: TypeAlias = "tuple[int, int, int]"
"""A record's timestamp in milliseconds, partition and offset: a total order, the same for all
readers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision, as it was published."""

    place: Place
    event_id: str
    alert_id: str
    revision: int
    kind: str
    stream: str | None
    instance: str | None
    signal: str
    severity: str
    status: str
    owner: str | None
    tags: tuple[str, ...]
    acknowledged: bool
    json: bytes = field(repr=False)
    """The CloudEvent: one line, as JSON escapes line ends."""

    @property
    def partition(self) -> int:
        """Of the alerts topic."""
        return self.place[1]

    @property
    def offset(self) -> int:
        """In its partition."""
        return self.place[2]

    @property
    def firing(self) -> bool:
        """Whether the alert fires, by this revision."""
        return self.status == Status.FIRING.value


def read_entry(place: Place, value: bytes) -> Entry:
    """The entry of a record.

    Raises:
        ValueError: it is no alert event of a version that this driftline reads.
    """
    event: AlertEnvelope = read_event(value)
    data = event.data
    return Entry(
        place=place,
        event_id=event.id,
        alert_id=data.alert_id,
        revision=data.revision,
        kind=data.kind,
        stream=data.stream,
        instance=data.instance,
        signal=data.signal,
        severity=data.severity.value,
        status=data.status.value,
        owner=data.owner,
        tags=data.tags,
        acknowledged=data.acknowledged is not None,
        # As this driftline reads it, not as it came: nothing passes that is not in the schema.
        json=event.model_dump_json().encode(),
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alerts are wanted: in each field any of the values; an empty field wants all."""

    stream: frozenset[str] = frozenset()
    instance: frozenset[str] = frozenset()
    signal: frozenset[str] = frozenset()
    severity: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    status: frozenset[str] = frozenset()
    owner: frozenset[str] = frozenset()
    tag: frozenset[str] = frozenset()

    def matches(self, entry: Entry) -> bool:
        """Whether this revision is wanted."""
        return all(
            not wanted.isdisjoint(entry.tags) if name == "tag" else getattr(entry, name) in wanted
            for name, wanted in self.given
        )

    @property
    def given(self) -> list[tuple[str, frozenset[str]]]:
        """The fields that want something."""
        named = ((one.name, getattr(self, one.name)) for one in fields(self))
        return [(name, wanted) for name, wanted in named if wanted]
