"""The attached topics: which streams read them, and what the broker says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftline.model import Role, to_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.config.deployment import Stream
    from driftline.config.streams import LabelsSpec, PredictionsSpec
    from driftline.transport.batches import Start


def attached_topics(streams: Iterable[Stream]) -> dict[str, list[tuple[Stream, Role]]]:
    """Every topic that is read, with the streams and roles that it is read for."""
    topics: dict[str, list[tuple[Stream, Role]]] = {}
    for stream in streams:
        for role in Role:
            source = stream.spec.source(role)
            if source is not None:
                topics.setdefault(source.topic, []).append((stream, role))
    return topics


def start_of(attached: Iterable[tuple[Stream, Role]]) -> Start:
    """Where to begin in a topic that is new to us: of several streams' wishes the earliest."""
    starts = [_source(stream, role).start for stream, role in attached]
    if "earliest" in starts:
        return "earliest"
    times = [start for start in starts if isinstance(start, datetime)]
    return to_micros(min(times).astimezone(UTC)) if times else "latest"


def starts_of(topics: Mapping[str, Iterable[tuple[Stream, Role]]]) -> dict[str, Start]:
    """`start_of` for each topic."""
    return {topic: start_of(attached) for topic, attached in topics.items()}


def _source(stream: Stream, role: Role) -> PredictionsSpec | LabelsSpec:
    source = stream.spec.source(role)
    assert source is not None  # noqa: S101 - only roles that the stream has are attached
    return source
