"""The events log's messages survive the way into bytes and back; other bytes are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import StateError
from driftline.eventlog.codec import decode, encode, split_rows
from driftline.eventlog.messages import (
    Command,
    CommandKind,
    Gap,
    GapCause,
    Message,
    Passage,
    Progress,
    Rows,
    Texts,
)
from driftline.model import Role, SourcePartition

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = SourcePartition("loans.predictions", 3, "kQ2x")
MARCH = 1_553_990_400_000_000

text = st.text(st.characters(codec="utf-8"), max_size=20)
moment = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
number = st.floats(allow_infinity=False, allow_subnormal=True)


def make_rows(count: int, **changes: Any) -> Rows:
    """Rows as a reader makes them."""
    numbers: dict[str, NDArray[np.float64]] = {
        "prediction": np.arange(count, dtype=np.float64) % 2,
        "feature.car_value": np.sqrt(np.arange(count, dtype=np.float64)),
    }
    rows = Rows(
        stream="car-loan",
        role=Role.PREDICTIONS,
        source=SOURCE,
        first=100,
        next=100 + count,
        seen_at=MARCH,
        instances=(None,),
        instance_codes=np.zeros(count, np.int32),
        offsets=np.arange(100, 100 + count),
        ids=tuple(f"loan-{n}" for n in range(count)),
        times=MARCH + np.arange(count, dtype=np.int64) * 1_000_003,
        numbers=numbers,
        texts={"version": Texts(("v1", "v2"), (np.arange(count) % 3 - 1).astype(np.int32))},
    )
    return replace(rows, **changes)


def make_progress(**changes: Any) -> Progress:
    """Progress with one of everything."""
    progress = Progress(
        source=SOURCE,
        first=100,
        next=200,
        log_start=90,
        log_end=250,
        seen_at=None,
        gaps=(Gap(100, 110, GapCause.RETENTION),),
        passages=(
            Passage("car-loan", Role.LABELS, MARCH, np.array([111, 150]), np.array([], np.int64)),
        ),
        partitions=4,
        ended=True,
    )
    return replace(progress, **changes)


COMMAND = Command(
    "c1", CommandKind.FORGET, "ada", MARCH, "car-loan", None, {"why": ["old", 1, None]}
)


def facts(message: Message) -> object:
    """A message as plain values that compare, numbers bit for bit, texts per row."""
    match message:
        case Rows():
            return (
                message.stream,
                message.role,
                message.source,
                (message.first, message.next, message.seen_at),
                message.instances,
                message.ids,
                [c.tolist() for c in (message.instance_codes, message.offsets, message.times)],
                {name: column.view("<i8").tolist() for name, column in message.numbers.items()},
                {
                    name: [column[n] for n in range(len(column))]
                    for name, column in message.texts.items()
                },
            )
        case Progress():
            passages = [
                (p.stream, p.role, p.newest, p.rejected.tolist(), p.filtered.tolist())
                for p in message.passages
            ]
            return replace(message, passages=()), passages
        case _:
            return message


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    """Rows with whatever the types allow."""
    count = draw(st.integers(0, 12))
    first = draw(st.integers(0, 2**62))
    steps = draw(st.lists(st.integers(1, 2**40), min_size=count, max_size=count))
    offsets = first + np.cumsum(np.array(steps, np.int64)) - 1
    values = tuple(draw(st.lists(text, min_size=1, max_size=4)))

    def column(of: st.SearchStrategy[Any], dtype: str) -> np.ndarray[Any, Any]:
        return np.array(draw(st.lists(of, min_size=count, max_size=count)), dtype)

    return Rows(
        stream=draw(text),
        role=draw(st.sampled_from(Role)),
        source=SourcePartition(draw(text), draw(st.integers(0, 2**31)), draw(text)),
        first=first,
        next=int(offsets[-1]) + 1 if count else first,
        seen_at=draw(st.none() | moment),
        instances=tuple(draw(st.lists(st.none() | text, min_size=1, max_size=3))),
        instance_codes=np.zeros(count, np.int32),
        offsets=offsets,
        ids=tuple(column(text, "O").tolist()),
        times=column(moment, "<i8"),
        numbers={name: column(number, "<f8") for name in draw(st.sets(text, max_size=3))},
        texts={
            name: Texts(values, column(st.integers(-1, len(values) - 1), "<i4"))
            for name in draw(st.sets(text, max_size=2))
        },
    )


@given(any_rows())
def test_rows_come_back_as_they_were(rows: Rows) -> None:
    """Whatever rows hold, every bit of them survives."""
    assert facts(decode(encode(rows))) == facts(rows)


@pytest.mark.parametrize("message", [make_progress(), COMMAND, make_rows(0), make_rows(300)])
def test_each_kind_of_message_comes_back_as_it_was(message: Message) -> None:
    """Progress, commands and rows survive."""
    assert facts(decode(encode(message))) == facts(message)


def test_decoded_columns_have_their_declared_types() -> None:
    """Narrow storage is not seen outside."""
    rows = decode(encode(make_rows(5)))
    assert isinstance(rows, Rows)
    assert rows.offsets.dtype == rows.times.dtype == np.int64
    assert rows.instance_codes.dtype == rows.texts["version"].codes.dtype == np.int32
    assert {column.dtype for column in rows.numbers.values()} == {np.dtype(np.float64)}


def test_negative_zero_is_not_stored_as_zero() -> None:
    """Equal numbers of different bits stay different, so that a run repeats exactly."""
    rows = make_rows(2, numbers={"score": np.array([0.0, -0.0])}, texts={})
    decoded = decode(encode(rows))
    assert isinstance(decoded, Rows)
    assert np.signbit(decoded.numbers["score"]).tolist() == [False, True]


def test_texts_that_no_row_uses_are_left_out() -> None:
    """A part of a batch does not carry the dictionary of the whole."""
    many = tuple(f"value {n}" for n in range(1000))
    rows = make_rows(3, texts={"region": Texts(many, np.array([999, -1, 5], np.int32))})
    decoded = decode(encode(rows))
    assert isinstance(decoded, Rows)
    assert decoded.texts["region"].values == ("value 5", "value 999")
    assert [decoded.texts["region"][row] for row in range(3)] == ["value 999", None, "value 5"]


def test_a_row_of_six_numbers_takes_under_sixty_bytes() -> None:
    """The log stays compact: a binary prediction, a score, and four features."""
    generator = np.random.default_rng(1)
    features = {f"feature.{n}": generator.normal(size=1000) for n in range(4)}
    numbers = {"prediction": np.arange(1000) % 2.0, "score": generator.random(1000), **features}
    assert len(encode(make_rows(1000, numbers=numbers, texts={}))) < 60 * 1000


@pytest.mark.parametrize("limit", [0, 300, 1000, 5000, 10**9])
def test_split_rows_keep_their_order_and_the_limit(limit: int) -> None:
    """All rows come back in order, each part within the limit unless it is one row."""
    rows = make_rows(100)
    parts = split_rows(rows, limit)
    assert [row_id for part in parts for row_id in part.ids] == list(rows.ids)
    assert [at for part in parts for at in part.times.tolist()] == rows.times.tolist()
    assert all(len(encode(part)) <= limit or len(part) == 1 for part in parts)
    assert all((part.first, part.next) == (rows.first, rows.next) for part in parts)


WRONG: dict[str, Message] = {
    "a short column": make_rows(3, times=np.zeros(2, np.int64)),
    "a short number column": make_rows(3, numbers={"score": np.zeros(4)}),
    "a short text column": make_rows(3, texts={"version": Texts((), np.full(2, -1, np.int32))}),
    "an offset before the range": make_rows(3, offsets=np.array([99, 100, 101])),
    "an offset behind the range": make_rows(3, offsets=np.array([100, 101, 103])),
    "an offset twice": make_rows(3, offsets=np.array([100, 100, 101])),
    "offsets that fall": make_rows(4, offsets=np.array([100, 102, 101, 103])),
    "a range that ends before it begins": make_rows(0, next=99),
    "a negative range": make_rows(0, first=-5),
    "a negative partition": make_rows(1, source=SourcePartition("t", -1)),
    "an infinity": make_rows(2, numbers={"score": np.array([0.5, np.inf])}),
    "a code without a text": make_rows(2, texts={"v": Texts(("a",), np.array([0, 1], np.int32))}),
    "a code below none": make_rows(2, texts={"v": Texts(("a",), np.array([0, -2], np.int32))}),
    "an instance that is not there": make_rows(2, instance_codes=np.array([0, 1], np.int32)),
    "a row without an instance": make_rows(2, instance_codes=np.array([0, -1], np.int32)),
    "a time behind the calendar": make_rows(1, times=np.array([253_402_300_800_000_000])),
    "a clock before the calendar": make_rows(1, seen_at=-(2**62)),
    "a log that ends before it begins": make_progress(log_start=9, log_end=8),
    "a partition beyond the topic": make_progress(partitions=3),
    "a gap outside the range": make_progress(gaps=(Gap(190, 201, GapCause.MOVED),)),
    "an empty gap": make_progress(gaps=(Gap(110, 110, GapCause.ABSENT),)),
    "a command beyond the calendar": replace(COMMAND, at=2**62),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_message_that_could_not_be_read_is_not_written(name: str) -> None:
    """What decode would refuse, encode refuses first."""
    with pytest.raises(StateError, match="events log: "):
        encode(WRONG[name])


def forge(position: int, value: object) -> bytes:
    """An encoded message of rows with one of its fields replaced, past encode's checks."""
    blob = encode(make_rows(4))
    fields = msgspec.msgpack.decode(blob[3:])
    fields[position] = value
    return blob[:3] + msgspec.msgpack.encode(fields)


FORGED: dict[str, bytes] = {
    "nothing": b"",
    "only the magic": b"DL",
    "no body": b"DL\x01",
    "another magic": b"XX\x01\x80",
    "a newer format": b"DL\x02" + encode(COMMAND)[3:],
    "something behind the end": encode(COMMAND) + b"\x00",
    "half a message": encode(COMMAND)[:-4],
    "a deep nest": b"DL\x01" + b"\x91" * 100_000 + b"\x01",
    "a deep nest in a command": encode(COMMAND)[:-12] + b"\x91" * 100_000,
    "an unknown kind": b"DL\x01" + msgspec.msgpack.encode(["verdict", 1]),
    "bad UTF-8": encode(COMMAND).replace(b"ada", b"\xff\xfe\xfd"),
    "a number for the stream": forge(1, 5),
    "an unknown role": forge(2, "oracles"),
    "an offset beyond 64 bits": forge(4, 2**64 - 1),
    "bytes that are no multiple": forge(9, [100, "u4", b"abcde"]),
    "an unknown kind of column": forge(9, [100, "f4", b"abcdefgh"]),
    "floats for offsets": forge(9, [100, "f8", np.arange(4.0).tobytes()]),
    "a base with wide numbers": forge(9, [100, "i8", np.arange(4).tobytes()]),
    "a base that overflows": forge(11, [2**63 - 2, "u1", b"\x01\x02\x03\x04"]),
    "a base beyond 64 bits": forge(11, [2**64 - 1, "u1", b"\x01\x02\x03\x04"]),
    "an infinity": forge(12, {"score": ["f8", np.full(4, -np.inf).tobytes()]}),
    "half-words for numbers": forge(12, {"score": ["u2", bytes(8)]}),
    "a code that wraps to a good one": forge(13, {"v": [["a"], [2**32, "u1", bytes(4)]]}),
    "a code that wraps to none": forge(13, {"v": [["a"], [0, "u4", b"\xff" * 16]]}),
    "a wide code that wraps": forge(13, {"v": [["a"], [0, "i8", (bytes(4) + b"\1" * 4) * 4]]}),
    "a code far below": forge(13, {"v": [["a"], [-(2**32), "u2", bytes(8)]]}),
    "an instance code that wraps": forge(8, [2**32, "u1", bytes(4)]),
    "a text column that is short": forge(13, {"v": [["a"], [0, "u1", bytes(3)]]}),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_bytes_are_refused(name: str) -> None:
    """Nothing but what encode wrote is taken for a message."""
    with pytest.raises(StateError, match="events log: "):
        decode(FORGED[name])


@given(st.data())
def test_mutated_bytes_are_refused_or_read_as_a_sound_message(data: st.DataObject) -> None:
    """However bytes are damaged, the only error is StateError, and what passes encodes again."""
    messages: list[Message] = [make_rows(5), make_progress(), COMMAND]
    blob = bytearray(encode(data.draw(st.sampled_from(messages))))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = decode(bytes(blob))
    except StateError:
        return
    assert facts(decode(encode(message))) == facts(message)
