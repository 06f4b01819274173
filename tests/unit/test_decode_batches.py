"""Whatever stands beside a record in a large batch, it is read as the careful reader reads it."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.deployment import Stream
from driftline.config.spec import canonical
from driftline.config.streams import StreamSpec
from driftline.decode import RejectCode, build_decoder
from driftline.decode.codes import RefusedError
from driftline.decode.layout import build_layout
from driftline.decode.texts import canonical_texts, merge_texts, take_texts, without_empty
from driftline.decode.values import all_sound, checked_text
from driftline.model import Role
from support.bad_inputs import BAD_INPUTS, GOOD_INPUTS, NOW, STREAMS, Input, fields, good
from support.decoding import SEEN_AT, SOURCE, Placed, alone, outcomes, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.eventlog.messages import Texts

P, L = Role.PREDICTIONS, Role.LABELS
LOAN = STREAMS["loan"]
GOOD = fields("loan", P)
NESTED = fields("loan", P, more='{"a": [1, {"b": 2}], "c": "[{"}')
CROWD = 300
"""Records that fill more than one block, and more than are looked at one by one."""

PIECES = [
    GOOD,
    GOOD[:-1],
    GOOD[1:],
    NESTED,
    fields("loan", P, id="7"),
    fields("loan", P, id='"\\u0000"'),
    fields("loan", P, id='"\x7f"'),
    fields("loan", P, id='"ö"'),
    fields("loan", P, id='"a\\n1"'),
    fields("loan", P, y="true"),
    fields("loan", P, y='"1"'),
    fields("loan", P, model='""'),
    fields("loan", P, region="null"),
    b'{"id": "a", "y": 1, "z": [1',
    b'{"id": "a", "z": "',
    b'"}',
    b"2]}",
    b"},{",
    b"}\n{",
    b",",
    b"[",
    b"]",
    b"{" * 70,
    b"[" * 70,
    b"}" * 70,
    b'"',
    b"\\",
    b"\n",
    b" ",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xb6",
    b"\xed\xa0\x80",
    b"1",
    b"null",
]
hostile = st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join) | st.none()


def read(bodies: Sequence[bytes | None]) -> list[tuple[object, ...]]:
    """What becomes of records with these values in one batch."""
    decoder = build_decoder(Stream("loan", LOAN, ()), P)
    return outcomes(decoder.decode(SOURCE, placed(bodies), seen_at=SEEN_AT))


def placed(bodies: Sequence[bytes | None]) -> list[Placed]:
    """Records with these values from offset 0 on."""
    return [Placed(offset, body) for offset, body in enumerate(bodies)]


def read_alone(bodies: Sequence[bytes | None]) -> list[tuple[object, ...]]:
    """What becomes of each of them by the careful reader."""
    return [alone(LOAN, P, record, SEEN_AT) for record in placed(bodies)]


@given(
    st.lists(hostile, min_size=5, max_size=30),
    st.sampled_from([GOOD, NESTED]),
    st.sampled_from([0, 1, 20]),
)
def test_bodies_that_look_valid_only_together_are_read_apart(
    bodies: list[bytes | None], neighbour: bytes, crowd: int
) -> None:
    """No body is completed, cut, or excused by another one."""
    bodies = [one for body in bodies for one in (body, *[neighbour] * crowd)]
    assert read(bodies) == read_alone(bodies)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("crowd", [4, CROWD])
def test_every_named_input_is_read_in_a_crowd_as_alone(stream: str, role: Role, crowd: int) -> None:
    """Few neighbours or many, of which none is harmed."""
    spec, neighbours = STREAMS[stream], [good(stream, role)] * crowd
    decoder = build_decoder(Stream(stream, spec, ()), role)
    beside = [alone(spec, role, one, SEEN_AT)[1:] for one in place(neighbours)]
    for odd in _of(stream, role):
        records = place([odd, *neighbours])
        first, *others = outcomes(decoder.decode(SOURCE, records, seen_at=SEEN_AT))
        assert first == alone(spec, role, records[0], SEEN_AT), odd.name
        assert [each[1:] for each in others] == beside, odd.name


def _of(stream: str, role: Role) -> list[Input]:
    return [each for each in BAD_INPUTS + GOOD_INPUTS if (each.stream, each.role) == (stream, role)]


ALLOWED = fields("loan", P, more="[" * 63 + "]" * 63)
BOMB = fields("loan", P, more="[" * 64 + "]" * 64)
TEXTS = fields("loan", P, more='"' + "[{" * 60 + '"')


@pytest.mark.parametrize("neighbour", [GOOD, NESTED], ids=["flat", "nested"])
@pytest.mark.parametrize("crowd", [4, CROWD])
@pytest.mark.parametrize("odd", [[BOMB], [ALLOWED, BOMB], [TEXTS, BOMB], [ALLOWED, TEXTS]])
def test_a_crowd_hides_no_bomb(neighbour: bytes, crowd: int, odd: list[bytes]) -> None:
    """64 deep is taken and 65 deep is not, wherever it stands; brackets in a text do not count."""
    for at in (0, crowd // 2, crowd):
        bodies = [neighbour] * crowd
        bodies[at:at] = odd
        found = read(bodies)
        assert found == read_alone(bodies)
        deep = [offset for offset, code, *_ in found if code is RejectCode.TOO_DEEP]
        assert deep == [offset for offset, body in enumerate(bodies) if body is BOMB]


@pytest.mark.parametrize("values", [["null"], ["null", '"b"'], ["null", '"a"', "true", "1"]])
def test_what_is_wanted_is_not_what_is_missing(values: list[str]) -> None:
    """A record without the field is another stream's, whether or not one has what is wanted."""
    wanted = {**LOAN.model_dump(mode="json"), "where": {"region": "a"}}
    spec = StreamSpec.model_validate(wanted)
    records = placed([fields("loan", P, region=value) for value in values * 5])
    decoder = build_decoder(Stream("loan", spec, ()), P)
    found = outcomes(decoder.decode(SOURCE, records, seen_at=SEEN_AT))
    assert found == [alone(spec, P, record, SEEN_AT) for record in records]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, -0.0, 1.0, 0.5, 1e22, 10**22, "", "0", "1", "1.0", "true", "false"])
    | st.text(max_size=2)
)


def texts_of(column: Texts) -> list[str | None]:
    """The column row by row."""
    return [column[row] for row in range(len(column))]


def is_compact(column: Texts) -> bool:
    """Whether each text occurs, once, in order of appearance."""
    there = [text for text in texts_of(column) if text is not None]
    return list(dict.fromkeys(there)) == list(column.values)


@given(st.lists(scalars, max_size=40))
def test_a_column_of_texts_is_each_value_as_text(came: list[str | float | bool | None]) -> None:
    """True is not 1, 1.0 is, and nothing is nothing."""
    column = canonical_texts(came)
    assert texts_of(column) == [None if value is None else canonical(value) for value in came]
    assert is_compact(column)


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("distinct", [255, 256, 257, 1_000])
def test_a_column_may_have_many_texts(distinct: int, missing: int) -> None:
    """However many there are, and whether or not there is one in every row."""
    came: list[str | None] = [f"t{number}" for number in islice(cycle(range(distinct)), 1_100)]
    came += [None] * missing
    assert texts_of(canonical_texts(came)) == came
    assert is_compact(canonical_texts(came))


@given(st.lists(scalars, max_size=20), st.lists(scalars, max_size=20), st.data())
def test_columns_are_cut_and_merged_row_by_row(
    mine: list[str | float | bool | None],
    theirs: list[str | float | bool | None],
    data: st.DataObject,
) -> None:
    """What is left has the same texts as before, and no others."""
    ours, others = canonical_texts(mine), canonical_texts(theirs)
    order = np.array(data.draw(st.permutations(range(len(mine) + len(theirs)))), np.int64)
    merged = merge_texts(ours, others, order)
    both = texts_of(ours) + texts_of(others)
    assert texts_of(merged) == [both[row] for row in order.tolist()]
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(both), max_size=len(both))))
    part = take_texts(merged, np.flatnonzero(kept))
    assert texts_of(part) == [merged[row] for row in np.flatnonzero(kept).tolist()]
    assert texts_of(without_empty(part)) == [text or None for text in texts_of(part)]
    assert all(map(is_compact, (merged, part, without_empty(part))))


@given(
    st.lists(st.sampled_from(["a-1", "x" * 256, "~", " "]), max_size=5),
    st.sampled_from(["", "a", "\n", "a\nb", "\x1f", "\x7f", "\x80", "ö", "x" * 257, "\u2028"]),
    st.integers(0, 5),
    st.sampled_from([0, 200]),
)
def test_texts_that_are_sound_together_are_sound_alone(
    texts: list[str], odd: str, at: int, crowd: int
) -> None:
    """Few or many: what `checked_text` would refuse is not passed over."""
    texts = ["m"] * crowd + texts
    texts.insert(at, odd)
    column = build_layout(LOAN, P).id
    try:
        checked_text(column, odd)
    except RefusedError:
        assert not all_sound(texts)
    assert all_sound([text for text in texts if text != odd])


def test_offsets_may_have_holes() -> None:
    """A row keeps its record's offset, also where the partition was compacted."""
    records = [Placed(offset, GOOD, NOW) for offset in (3, 4, 7, 8, 9, 11)]
    decoded = build_decoder(Stream("loan", LOAN, ()), P).decode(SOURCE, records, seen_at=SEEN_AT)
    assert decoded.offsets.tolist() == [3, 4, 7, 8, 9, 11]
