"""What is kept of an id while its other half may still come: some fifteen bytes.

An entry is its bytes, in memory and in the store alike: a checkpoint only hands them on, what is
fetched is only looked over, and many entries are read and made at one go (`columns.py`).

    group (4) | shape (1) | event time (8) | numbers that the shape names | texts that it names

The shape says what kind of entry it is and which parts it has. A prediction or a label that is 0 or
1, as all are in a binary task, stands in the shape itself.
"""

from __future__ import annotations

import struct
from math import copysign
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NewType

import msgspec
import numpy as np

from driftline.errors import StateError
from driftline.join.fields import EARLY, JOINED, WAITING, Fields, Former, Value

if TYPE_CHECKING:
    from driftline.model import Micros

Entry = NewType("Entry", bytes)
"""One id of the join."""


_NAMES: Final = Fields.__struct_fields__

# How a prediction or a label stands in an entry: in the shape, as a number, or as text.
ZERO, ONE, NUMBER, TEXT = range(4)

# A shape's bits: two for the kind, two each for the forms of prediction and label, then whether
# there is a score and a version.
KIND_BITS: Final = 0b11
PREDICTION_SHIFT: Final = 2
LABEL_SHIFT: Final = 4
FORM_BITS: Final = 0b11
SCORE_BIT: Final = 1 << 6
VERSION_BIT: Final = 1 << 7
JOINED_BITS: Final = FORM_BITS << PREDICTION_SHIFT | SCORE_BIT
"""What stays of a prediction's shape when its label has come."""

_TYPES: Final = {"group": "<u4", "kind": "u1", "partition": "<i4", "at": "<i8", "offset": "<i8"}
_CODES: Final = {"<u4": "I", "u1": "B", "<i4": "i", "<i8": "q", "<f8": "d"}
shape_of: Final = itemgetter(4)
group_mark: Final = itemgetter(slice(4))
"""The group's number, as the store compares it."""


def mark_of(group: int) -> bytes:
    """The mark of a group's entries."""
    return group.to_bytes(4, "little")


def group_of(mark: bytes) -> int:
    """The inverse of `mark_of`."""
    return int.from_bytes(mark, "little")


class Layout:
    """Which parts the entries of a shape have, and where. The shape stands where the kind does."""

    def __init__(self, shape: int) -> None:
        self.kind = shape & KIND_BITS
        self.prediction = shape >> PREDICTION_SHIFT & FORM_BITS
        self.label = shape >> LABEL_SHIFT & FORM_BITS
        early = self.kind == EARLY
        has = {
            "partition": early,
            "offset": early,
            "prediction": self.prediction == NUMBER,
            "score": bool(shape & SCORE_BIT),
            "label": self.label == NUMBER,
        }
        texts = {
            "prediction": self.prediction == TEXT,
            "version": bool(shape & VERSION_BIT),
            "label": self.label == TEXT,
        }
        self.numbers = ("group", "kind", "at", *(name for name, there in has.items() if there))
        self.texts = tuple(name for name, there in texts.items() if there)
        types = [_TYPES.get(name, "<f8") for name in self.numbers]
        self.dtype = np.dtype(list(zip(self.numbers, types, strict=True)))
        whole = struct.Struct("<" + "".join(_CODES[one] for one in types))
        self.unpack = whole.unpack_from
        self.places = tuple(map(_NAMES.index, self.numbers[3:]))
        """Of the numbers behind group, shape and time: which of the fields each is."""
        self.size = whole.size
        self.opaque = np.dtype(f"V{self.size}")
        self.template = self._said()

    def _said(self) -> list[Any]:
        """The fields that the shape itself tells, all others None."""
        fields = Fields(0, self.kind, 0)
        if self.kind != EARLY and self.prediction in {ZERO, ONE}:
            fields = msgspec.structs.replace(fields, prediction=float(self.prediction))
        if self.kind != WAITING and self.label in {ZERO, ONE}:
            fields = msgspec.structs.replace(fields, label=float(self.label))
        return list(msgspec.structs.astuple(fields))


def _shapes() -> dict[int, Layout]:
    """The shapes that there are: a part stands only where its kind of entry has it."""
    never = {
        WAITING: FORM_BITS << LABEL_SHIFT,
        EARLY: FORM_BITS << PREDICTION_SHIFT | SCORE_BIT | VERSION_BIT,
        JOINED: VERSION_BIT,
    }
    return {
        shape: Layout(shape)
        for shape in range(256)
        if not shape & never.get(shape & KIND_BITS, KIND_BITS)
    }


LAYOUTS: Final = _shapes()


def form_of(value: Value) -> int:
    """How a value stands in an entry."""
    if value == 1.0:
        return ONE
    if isinstance(value, str):
        return TEXT
    return ZERO if value == 0.0 and copysign(1.0, value) > 0 else NUMBER


_HEAD: Final = struct.Struct("<IBq")
_PLACE: Final = struct.Struct("<iq")
_NUMBER: Final = struct.Struct("<d")
_SHAPES: Final = [bytes([shape]) for shape in range(256)]
_encode: Final = msgspec.msgpack.Encoder().encode
_decode_texts: Final = msgspec.msgpack.Decoder(list[str]).decode


def encode_entry(  # noqa: PLR0917 - one for each of `Fields`
    group: int,
    kind: int,
    at: Micros,
    prediction: Value | None = None,
    score: float | None = None,
    version: str | None = None,
    label: Value | None = None,
    partition: int | None = None,
    offset: int | None = None,
) -> Entry:
    """The entry that holds these fields, which are those of `Fields`."""
    said = ZERO if prediction is None else form_of(prediction)
    truth = ZERO if label is None else form_of(label)
    shape = kind | said << PREDICTION_SHIFT | truth << LABEL_SHIFT
    numbers = texts = b""
    if kind == EARLY:
        numbers += _PLACE.pack(partition, offset)
    if said == NUMBER:
        numbers += _NUMBER.pack(prediction)
    elif said == TEXT:
        texts += _encode(prediction)
    if score is not None:
        shape |= SCORE_BIT
        numbers += _NUMBER.pack(score)
    if version is not None:
        shape |= VERSION_BIT
        texts += _encode(version)
    return Entry(_HEAD.pack(group, shape, at) + numbers + _with_label(texts, label, truth))


def entry_in(group: int, made: Fields) -> Entry:
    """The entry of these fields in this group."""
    return encode_entry(
        group, made.kind, made.at, made.prediction, made.score, made.version, made.label,
        made.partition, made.offset,
    )  # fmt: skip


def join_entry(waiting: Entry, label: Value) -> Entry:
    """The entry of a prediction whose label has come: it needs no version any more."""
    shape, truth = waiting[4], form_of(label)
    layout = LAYOUTS[shape]
    shape = shape & JOINED_BITS | JOINED | truth << LABEL_SHIFT
    head = waiting[:4] + _SHAPES[shape] + waiting[5 : layout.size]
    texts = b"" if layout.prediction != TEXT else _encode(read_texts(layout, waiting)[0])
    return Entry(head + _with_label(texts, label, truth))


def _with_label(texts: bytes, label: Value | None, truth: int) -> bytes:
    """The end of an entry: a label is the last of the numbers, or of the texts."""
    if truth == NUMBER:
        return _NUMBER.pack(label) + texts
    return texts + _encode(label) if truth == TEXT else texts


def read_entry(entry: Entry) -> list[Any]:
    """The fields of an entry."""
    layout = LAYOUTS[entry[4]]
    fields = layout.template.copy()
    numbers = layout.unpack(entry)
    fields[0], fields[2] = numbers[0], numbers[2]
    if layout.places:
        for place, value in zip(layout.places, numbers[3:], strict=True):
            fields[place] = value
    if layout.texts:
        for name, text in zip(layout.texts, read_texts(layout, entry), strict=True):
            fields[_NAMES.index(name)] = text
    return fields


def relabelled(entry: Entry, label: Value) -> Entry:
    """The entry with another label."""
    fields = read_entry(entry)
    fields[_NAMES.index("label")] = label
    return encode_entry(*fields)


def read_texts(layout: Layout, entry: bytes) -> list[str]:
    """The texts behind an entry's numbers."""
    return _decode_texts(bytes([_ARRAY | len(layout.texts)]) + entry[layout.size :])


def decode_entry(blob: bytes) -> Entry:
    """The entry that was stored, by this driftline or a former one.

    Raises:
        StateError: the blob is no entry.
    """
    try:
        if _ARRAY <= blob[4] < _ARRAY_END:
            return _from_former(blob)
        layout = LAYOUTS[blob[4]]
        texts = len(read_texts(layout, blob)) if layout.texts else 0
    except (LookupError, msgspec.DecodeError, ValueError, struct.error) as error:
        msg = f"a stored entry of the join does not decode: {error!r}"
        raise StateError(msg) from error
    if len(blob) != layout.size if not layout.texts else texts != len(layout.texts):
        msg = f"a stored entry of the join has {len(blob)} bytes"
        raise StateError(msg)
    return Entry(blob)


_ARRAY: Final = 0x90
_ARRAY_END: Final = 0xA0
"""MessagePack's short arrays. Former entries were such behind their group; no shape looks so."""


_decode_former: Final = msgspec.msgpack.Decoder(Former).decode


def _from_former(blob: bytes) -> Entry:
    one = _decode_former(memoryview(blob)[4:])
    early = one.kind == EARLY
    return encode_entry(
        one.group, one.kind, one.at, one.prediction, one.score, one.version, one.label,
        one.partition if early else None, one.offset if early else None,
    )  # fmt: skip
