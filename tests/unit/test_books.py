"""The books balance: every offset that was passed is booked once, under one name."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.eventlog.messages import Gap, GapCause, Passage, Progress
from driftline.model import Role, SourcePartition
from driftline.monitor.books import Books, SourceBooks

quick = settings(deadline=None, max_examples=100, print_blob=True)


def report(books: Books, fates: str, first: int, following: int, incarnation: str = "") -> None:
    """Book a range of a partition in which every offset has a fate: a row, or r, f, g (gap)."""
    part = fates[first:following]

    def offsets(fate: str) -> list[int]:
        return [first + at for at, one in enumerate(part) if one == fate]

    passage = Passage(
        "s",
        Role.PREDICTIONS,
        None,
        np.array(offsets("r"), np.int64),
        np.array(offsets("f"), np.int64),
    )
    books.on_progress(
        Progress(
            source=SourcePartition("t", 0, incarnation),
            first=first,
            next=following,
            log_start=0,
            log_end=len(fates),
            seen_at=None,
            gaps=tuple(Gap(at, at + 1, GapCause.ABSENT) for at in offsets("g")),
            passages=(passage,),
        ),
        passage,
    )


def only(books: Books) -> SourceBooks:
    """The books of the one source partition."""
    (found,) = books.sources["predictions"].values()
    return found


@quick
@given(st.text("_rfg", min_size=1, max_size=60), st.integers(0, 1 << 32))
def test_any_cuts_and_repetitions_are_booked_once(fates: str, seed: int) -> None:
    """A reader may go back anywhere, as often as it likes, as long as it leaves nothing out."""
    chance, books, done = random.Random(seed), Books(), 0
    for _ in range(100):
        first = chance.randint(0, done)
        following = chance.randint(first, len(fates))
        report(books, fates, first, following)
        done = max(done, following)
    report(books, fates, done, len(fates))
    booked = only(books)
    assert booked.passed == len(fates)
    assert booked.dead_lettered == fates.count("r")
    assert booked.filtered == fates.count("f")
    assert sum(booked.gaps.values()) == fates.count("g")
    assert booked.rows == fates.count("_")


def test_offsets_that_were_skipped_are_a_gap() -> None:
    """Somebody moved the committed position forward: said under a name of its own."""
    books = Books()
    report(books, "_" * 100, 0, 10)
    report(books, "_" * 100, 40, 50)
    assert only(books).gaps == {"moved": 30}
    assert (only(books).passed, only(books).rows) == (50, 20)


def test_a_topic_that_was_made_again_has_books_of_its_own() -> None:
    """Its offsets begin anew."""
    books = Books()
    report(books, "_" * 9, 0, 9, "a")
    report(books, "_r" * 9, 0, 4, "b")
    assert (only(books).incarnation, only(books).passed, only(books).rows) == ("b", 4, 2)


def test_where_reading_begins_is_no_gap() -> None:
    """A stream that is attached in the middle of a topic has passed nothing before."""
    books = Books()
    report(books, "_" * 100, 70, 80)
    assert (only(books).passed, only(books).gaps) == (10, {})
