"""The books of what is in the store alone: nothing is missed, and little else is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.join.away import FEW, Away
from driftline.join.entries import Entry
from driftline.join.fields import WAITING
from driftline.join.groups import Groups
from driftline.model import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

HORIZON: Final = 64 * SECOND
texts = st.text(max_size=8)


class Scene:
    """Groups, and the books of who of their entries was let go of."""

    def __init__(self) -> None:
        self.groups = Groups(horizon=HORIZON, max_waiting=1_000_000)
        self.away = Away(HORIZON)
        self.now = 0
        self.entries: dict[str, Entry] = {}

    def hold(self, ids: Iterable[str], at: float) -> Scene:
        """Entries of one event time, in seconds."""
        for id_ in ids:
            number = self.groups.place_one(round(at * SECOND), WAITING)
            self.entries[id_] = Entry(number.to_bytes(4, "little"))
        return self

    def let_go(self, ids: Iterable[str]) -> Scene:
        """From here on they are in the store alone."""
        going = {id_: self.entries[id_] for id_ in ids}
        if going:
            self.away.add(going, self.groups, self.now)
        return self

    def come(self, at: float) -> Scene:
        """Event time has come to so many seconds."""
        self.now = round(at * SECOND)
        for _ in self.groups.expire(self.now):
            pass
        self.away.forget(self.groups.numbers)
        return self


def some(name: str, count: int) -> list[str]:
    """Ids that begin with this name."""
    return [f"{name}-{number}" for number in range(count)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.lists(texts, max_size=600), st.integers(0, 400)), max_size=6),
    st.lists(texts),
)
def test_what_was_let_go_of_is_always_found(
    times: list[tuple[list[str], int]], others: list[str]
) -> None:
    """Alone or among many, whatever was let go of before and since, in the order asked for."""
    scene = Scene()
    for ids, at in times:
        scene.hold(ids, at).let_go(ids)
    gone = {id_ for ids, _ in times for id_ in ids}
    asked = [*others, *sorted(gone)]
    many = scene.away.among(asked)
    assert many == [id_ for id_ in asked if scene.away.among([id_])]
    assert gone.issubset(many)


@pytest.mark.parametrize("at_once", [7, 1_000, 100_000])
def test_of_others_few_are_taken_for_it(at_once: int) -> None:
    """However many come at once: two in a hundred at most, while what is held still grows."""
    scene, ids = Scene(), some("gone", min(100_000, at_once * 500))
    for begin in range(0, len(ids), at_once):
        part = ids[begin : begin + at_once]
        scene.hold(part, 30 * begin / len(ids)).let_go(part)
    others = some("other", 20_000)
    assert len(scene.away.among(others)) < 0.02 * len(others)


def test_the_books_go_with_the_groups_of_their_entries() -> None:
    """Not before: not while one group of a span lives."""
    early, late = some("a", 256), some("b", 256)
    scene = Scene().hold(early, 0).hold(late, 100).let_go(early).let_go(late)
    assert scene.away.among(early) == early
    scene.come(66)
    assert len(scene.away.among(early)) < 20
    assert scene.away.among(late) == late
    scene.come(200)
    assert scene.away.among(late) == []
    assert scene.away.size == 0


def test_few_and_many_are_asked_for_alike() -> None:
    """On both sides of where columns begin."""
    asked = some("id", 500)
    scene = Scene().hold(asked, 0).let_go(asked[::3])
    for count in (FEW - 1, FEW, FEW + 1, 4 * FEW):
        parts = [asked[n : n + count] for n in range(0, 500, count)]
        assert [one for part in parts for one in scene.away.among(part)] == scene.away.among(asked)


def bytes_an_entry(*, ahead: int, again: int) -> float:
    """The most that the books take of what is held, over twenty horizons of 2,000 entries each.

    Of every 250 entries one is of a time far `ahead`; each is let go of, and `again` so many times.
    """
    scene, most = Scene(), 0.0
    for number in range(160):
        at = number * 8
        ids = some(str(number), 250)
        scene.come(at).hold(ids[1:], at).hold(ids[:1], at + ahead * (1 + number % 7))
        for _ in range(1 + again):
            scene.let_go(ids)
        if number > 8:
            most = max(most, scene.away.size / scene.groups.held)
    return most


@pytest.mark.parametrize("ahead", [0, 1_000, 1_000_000])
@pytest.mark.parametrize("again", [0, 5])
def test_an_entry_takes_some_bytes_however_long_it_goes_on(ahead: int, again: int) -> None:
    """What is over takes no room; some that stay for long keep no others in the books."""
    assert bytes_an_entry(ahead=ahead, again=again) < 24
