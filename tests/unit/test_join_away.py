"""The books of what is in the store alone: nothing is missed, and little else is looked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.join.away import FEW, Away

texts = st.text(max_size=8)


@settings(deadline=None)
@given(st.lists(st.lists(texts, min_size=1, max_size=600), max_size=6), st.lists(texts))
def test_what_was_let_go_of_is_always_found(times: list[list[str]], others: list[str]) -> None:
    """Alone or among many, whatever was let go of before and since, in the order asked for."""
    away = Away()
    for number, ids in enumerate(times):
        away.add(ids, [number], held=sum(map(len, times[: number + 1])))
    gone = {id_ for ids in times for id_ in ids}
    asked = [*others, *sorted(gone)]
    many = away.among(asked)
    assert many == [id_ for id_ in asked if away.among([id_])]
    assert gone.issubset(many)


@pytest.mark.parametrize("at_once", [1, 7, 1_000, 100_000])
def test_of_others_few_are_taken_for_it(at_once: int) -> None:
    """However many come at once: two in a hundred at most, where the filters are full."""
    count = min(100_000, at_once * 500)
    away = Away()
    cuts = [*range(0, count, at_once), count]
    for begin, end in pairwise(cuts):
        if end > begin:
            away.add([f"gone-{n}" for n in range(begin, end)], [begin], held=end)
    others = [f"other-{n}" for n in range(20_000)]
    assert len(away.among(others)) < 0.02 * len(others)


def test_the_books_go_with_the_groups_of_their_entries() -> None:
    """Not before: not while one group of a stretch lives."""
    away = Away()
    away.add([f"a{n}" for n in range(256)], [1, 2], held=256)
    away.add([f"b{n}" for n in range(256)], [3], held=512)
    away.forget({2, 3})
    assert len(away.among([f"a{n}" for n in range(256)])) == 256
    away.forget({3})
    assert len(away.among([f"a{n}" for n in range(256)])) < 20
    assert len(away.among([f"b{n}" for n in range(256)])) == 256
    away.forget(set())
    assert away.among(["b0"]) == []


def test_an_id_takes_a_few_bytes_however_long_it_goes_on() -> None:
    """A hundred horizons of a thousand ids each: what is over takes no room."""
    away = Away()
    largest = 0
    for number in range(1_000):
        away.forget(set(range(number - 10, number)))
        away.add([f"{number}-{n}" for n in range(100)], [number], held=1_000)
        largest = max(largest, away.size)
    assert largest <= 1_000 * 16


def test_few_and_many_are_asked_for_alike() -> None:
    """On both sides of where columns begin."""
    rng = np.random.default_rng(1)
    away = Away()
    away.add([f"id-{n}" for n in rng.integers(0, 500, 300)], [1], held=300)
    asked = [f"id-{n}" for n in range(500)]
    for count in (FEW - 1, FEW, FEW + 1, 4 * FEW):
        by_many = [one for n in range(0, 500, count) for one in away.among(asked[n : n + count])]
        assert by_many == away.among(asked)
