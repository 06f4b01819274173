"""Entries of the join: what is kept of an id, as the bytes that are stored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from driftline.errors import StateError
from driftline.eventlog.messages import Texts
from driftline.join.arrivals import Arrivals
from driftline.join.columns import FEW, early_entries, joined_entries, read, waiting_entries
from driftline.join.entries import decode_entry, encode_entry, join_entry, read_entry
from driftline.join.fields import EARLY, JOINED, WAITING, Fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.join.entries import Entry
    from driftline.join.fields import Value

AT: Final = 1_700_000_000_123_456
GROUP: Final = 2**32 - 1
CLASSES: Final = ("cat", "dog", "", "\0", "Ω" * 40)

numbers = st.one_of(st.sampled_from([0.0, 1.0, -0.0, 0.1]), st.floats(allow_nan=False))
texts = st.sampled_from(CLASSES)
scores = st.one_of(st.none(), st.floats(0, 1))
versions = st.one_of(st.none(), st.sampled_from(["v1", "v2"]))
times = st.integers(-(2**62), 2**62)
groups = st.integers(0, GROUP)


def rows_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Few or many rows: group, time, prediction, label, score, version."""
    row = st.tuples(groups, times, values, values, scores, versions)
    return st.one_of(
        st.lists(row, min_size=1, max_size=FEW), st.lists(row, min_size=FEW + 1, max_size=40)
    )


def column(values: Sequence[Value]) -> Any:
    """Predictions or labels as they come in."""
    if isinstance(values[0], float):
        return np.array(values, np.float64)
    found = tuple(map(str, dict.fromkeys(values)))
    return Texts(found, np.array([found.index(str(one)) for one in values], np.int32))


def arrivals(rows: Sequence[Any], values: Sequence[Value], *, whole: bool) -> Arrivals:
    """The rows as the join is given them; `whole`: with scores and versions."""
    known = ("v1", "v2")
    return Arrivals(
        7,
        [f"id-{n}" for n in range(len(rows))],
        np.array([at for _, at, *_ in rows], np.int64),
        np.arange(len(rows), dtype=np.int64),
        column(values),
        np.array([math.nan if row[4] is None else row[4] for row in rows]) if whole else None,
        Texts(
            known,
            np.array([-1 if row[5] is None else known.index(row[5]) for row in rows], np.int32),
        )
        if whole
        else None,
    )


def same(ours: Any, other: Any) -> bool:
    """Equal, and of the same sign."""
    if isinstance(ours, float) and isinstance(other, float):
        return ours.hex() == other.hex()
    return bool(ours == other)


@given(st.one_of(rows_of(numbers), rows_of(texts)), st.booleans())
def test_many_entries_are_what_each_alone_is(rows: list[Any], whole: bool) -> None:  # noqa: FBT001
    """Numbers or classes, scores and versions here and there: bytes and fields are the same."""
    predictions, labels = [row[2] for row in rows], [row[3] for row in rows]
    part = arrivals(rows, predictions, whole=whole)
    made = waiting_entries([row[0] for row in rows], part)
    fields = [
        Fields(group, WAITING, at, said, score if whole else None, version if whole else None)
        for group, at, said, _, score, version in rows
    ]
    assert made == [encode_entry(*astuple(one)) for one in fields]
    check_read(made, fields)
    joined = joined_entries(made, column(labels), read(range(len(made)), made).array)
    assert joined == joined_entries(made, labels)
    assert joined == [join_entry(*pair) for pair in zip(made, labels, strict=True)]
    check_read(
        joined,
        [
            replace(one, kind=JOINED, version=None, label=label)
            for one, label in zip(fields, labels, strict=True)
        ],
    )
    early = early_entries([row[0] for row in rows], arrivals(rows, labels, whole=False))
    check_read(
        early,
        [
            Fields(row[0], EARLY, row[1], label=row[3], partition=7, offset=offset)
            for offset, row in enumerate(rows)
        ],
    )
    check_read([*made, *joined, *early], None)


def check_read(entries: Sequence[Entry], fields: Sequence[Fields] | None) -> None:
    """Read together and alone they hold these fields; as stored they are themselves."""
    known = read(range(len(entries)), entries)
    columns = zip(
        known.groups, known.kinds, known.ats, known.predictions, known.scores, known.versions,
        known.labels, known.partitions, known.offsets, strict=True,
    )  # fmt: skip
    for place, (entry, together) in enumerate(zip(entries, columns, strict=True)):
        alone = read_entry(entry)
        assert all(map(same, together, alone))
        assert fields is None or all(map(same, alone, astuple(fields[place])))
        assert encode_entry(*alone) == entry
        assert decode_entry(entry) == entry


def test_labels_may_be_numbers_and_texts_at_once() -> None:
    """After a stream has become another task's."""
    waiting = [encode_entry(1, WAITING, AT + n, "cat") for n in range(20)]
    labels: list[Value] = [1.0, "cat"] * 10
    assert [read_entry(one)[6] for one in joined_entries(waiting, labels)] == labels


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        (Fields(1, WAITING, AT, 1.0), 13),
        (Fields(1, WAITING, AT, 0.0, 0.25), 21),
        (Fields(1, WAITING, AT, 2.5), 21),
        (Fields(1, WAITING, AT, 1.0, None, "v7"), 16),
        (Fields(1, WAITING, AT, "cat"), 17),
        (Fields(1, EARLY, AT, label=1.0, partition=3, offset=2**40), 25),
        (Fields(1, JOINED, AT, 1.0, None, None, 0.0), 13),
    ],
)
def test_an_entry_is_small(fields: Fields, size: int) -> None:
    """A million of them wait in Redis: a string of up to 14 bytes takes 16 there, one of 22 24."""
    assert len(encode_entry(*astuple(fields))) == size


FORMER: Final = [
    [5, 0, AT, 3, 17, 1.0, 0.25, "v1", None],
    [5, 0, AT, 3, 17, "cat", None, None, None],
    [GROUP, 1, AT, 3, 17, None, None, None, 0.5],
    [5, 1, AT, 3, 17, None, None, None, "cat"],
    [5, 2, -AT, 3, 17, 2.5, 0.25, None, -1.0],
    [5, 2, AT, 3, 17, "cat", None, None, "dog"],
]


@pytest.mark.parametrize("former", FORMER)
def test_a_former_versions_entry_is_read(former: list[Any]) -> None:
    """MessagePack behind the group; what nothing needs is left out."""
    blob = former[0].to_bytes(4, "little") + msgspec.msgpack.encode(former)
    entry = decode_entry(blob)
    group, kind, at, partition, offset, *rest = former
    place = [partition, offset] if kind == EARLY else [None, None]
    assert read_entry(entry) == [group, kind, at, *rest, *place]
    assert entry[:4] == blob[:4]
    for end in range(len(blob)):
        with pytest.raises(StateError):
            decode_entry(blob[:end])


@given(st.binary(max_size=60))
def test_no_bytes_are_taken_for_an_entry_that_they_are_not(blob: bytes) -> None:
    """They are refused, or can be read, and belong to the group that the store sees."""
    try:
        entry = decode_entry(blob)
    except StateError:
        return
    assert read_entry(entry)[0] == int.from_bytes(blob[:4], "little")


@pytest.mark.parametrize(
    "entry",
    [
        encode_entry(1, WAITING, AT, 1.0),
        encode_entry(1, WAITING, AT, "cat", 0.5, "v1"),
        encode_entry(1, EARLY, AT, label=2.5, partition=1, offset=2),
        encode_entry(1, JOINED, AT, "cat", None, None, "dog"),
    ],
)
def test_an_entry_that_is_cut_or_longer_is_refused(entry: Entry) -> None:
    """Never taken for something else."""
    for blob in (*(entry[:end] for end in range(len(entry))), entry + b"\0"):
        with pytest.raises(StateError):
            decode_entry(blob)
