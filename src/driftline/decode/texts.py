"""Columns of texts, each distinct one held once: made, cut and put together."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.config.spec import canonical
from driftline.eventlog.lookup import look_up
from driftline.eventlog.messages import Texts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.eventlog.messages import Ints

_BYTE: Final = 1 << 8
"""So few codes are bytes, of which a column is made in half the time."""


def canonical_texts(came: Sequence[Any]) -> Texts:
    """Scalars, or None, as canonical texts in order of appearance; each worked out once."""
    distinct: dict[Any, int] = dict.fromkeys(came, -1)
    kinds = set(map(type, distinct))
    if kinds == {str}:
        distinct = dict(zip(distinct, range(len(distinct)), strict=True))
        return _coded(distinct, distinct, came)
    # True is equal to 1, so that the table would take one for the other.
    if (0 in distinct or 1 in distinct) and len(set(map(type, came)) - {NoneType}) > 1:
        came = [None if value is None else canonical(value) for value in came]
        distinct = dict.fromkeys(came, -1)
    texts: dict[str, int] = {}
    for value in distinct:
        if value is not None:
            # 1 and "1" are two values, and one text.
            distinct[value] = texts.setdefault(canonical(value), len(texts))
    return _coded(texts, distinct, came)


def _coded(texts: Collection[str], codes: Mapping[Any, int], came: Sequence[Any]) -> Texts:
    places = look_up(codes, came)
    if len(texts) <= _BYTE and None not in codes:
        column = np.frombuffer(bytes(places), np.uint8).astype(np.int32)
    else:
        column = np.fromiter(places, np.int32, len(places))
    return Texts(tuple(texts), column)


def take_texts(column: Texts, rows: NDArray[np.bool_] | Ints) -> Texts:
    """Only some of the rows, and of the texts only those that they have."""
    codes = column.codes[rows]
    used, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    if len(used) and used[0] < 0:
        used, firsts, inverse = used[1:], firsts[1:], inverse - 1
    order = np.argsort(firsts)
    # In order of appearance; the one at the end is found where there is no text.
    places = np.append(np.argsort(order), -1).astype(np.int32)
    return Texts(look_up(column.values, used[order].tolist()), places[inverse])


def without_empty(column: Texts) -> Texts:
    """The same column with no text where it is empty."""
    empty = [not text for text in column.values]
    codes = np.where(np.array([*empty, False])[column.codes], np.int32(-1), column.codes)
    return take_texts(Texts(column.values, codes), np.arange(len(codes)))


def merge_texts(mine: Texts, theirs: Texts, order: Ints) -> Texts:
    """The rows of both, one behind the other and then put in order."""
    table = {text: code for code, text in enumerate(mine.values)}
    codes = [table.setdefault(text, len(table)) for text in theirs.values]
    moved = np.array([*codes, -1], np.int32)[theirs.codes]
    both = Texts(tuple(table), np.concatenate([mine.codes, moved]))
    return take_texts(both, order)
