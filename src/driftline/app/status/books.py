"""The books of a stream: put together from the events partitions and from the instances.

Every events partition books all that its readers passed; the one that has come furthest tells most.
What became of the rows is told by the instances, and adds up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.app.status.report import Balance, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.monitor.books import SourceBooks
    from driftline.monitor.head import RowBooks
    from driftline.monitor.partition_state import StreamState


def build_sources(
    states: Iterable[StreamState], instances: Sequence[Mapping[str, RowBooks]]
) -> tuple[SourceStatus, ...]:
    """The books of each source partition, by role, topic and number."""
    furthest: dict[tuple[str, str, int], SourceBooks] = {}
    for state in states:
        for role, by_source in state.books.sources.items():
            for source, books in by_source.items():
                topic, _, number = source.rpartition("/")
                place = (role, topic, int(number))
                known = furthest.get(place)
                if known is None or _reach(books) > _reach(known):
                    furthest[place] = books
    return tuple(_source(place, furthest[place], instances) for place in sorted(furthest))


def build_balance(
    sources: Iterable[SourceStatus], states: Sequence[StreamState], *, log_read: bool
) -> Balance:
    """What became of the rows of all sources."""
    rows = applied = duplicates = 0
    for source in sources:
        rows += source.rows
        applied += source.applied
        duplicates += source.duplicates
    refused = sum(state.refused for state in states)
    suspended = sum(state.suspended_rows for state in states)
    forgotten = sum(state.forgotten_rows for state in states)
    return Balance(
        rows=rows,
        applied=applied,
        duplicates=duplicates,
        over_max_instances=refused,
        suspended=suspended,
        forgotten=forgotten,
        difference=rows - applied - duplicates - refused - suspended - forgotten,
        log_read=log_read,
    )


def _reach(books: SourceBooks) -> tuple[int, int]:
    return books.next_offset, books.passed


def _source(
    place: tuple[str, str, int],
    books: SourceBooks,
    instances: Sequence[Mapping[str, RowBooks]],
) -> SourceStatus:
    role, topic, partition = place
    name = f"{role}|{topic}|{partition}"
    # What an instance had of an earlier life of the topic is no part of these books.
    rows = [
        one[name] for one in instances if name in one and one[name].incarnation == books.incarnation
    ]
    return SourceStatus(
        role=role,
        topic=topic,
        partition=partition,
        next_offset=books.next_offset,
        passed=books.passed,
        rows=books.rows,
        applied=sum(one.applied for one in rows),
        duplicates=sum(one.duplicates for one in rows),
        dead_lettered=books.dead_lettered,
        filtered=books.filtered,
        gaps=dict(books.gaps),
        redelivered=sum(one.redelivered for one in rows),
    )
