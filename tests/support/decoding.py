"""Records at their places, and what became of each: in a batch, and by the careful reader alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.decode.careful import CarefulReader
from driftline.decode.codes import RefusedError
from driftline.decode.layout import build_layout
from driftline.model import Role, SourcePartition
from support.bad_inputs import NOW, Input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.streams import StreamSpec
    from driftline.decode import Decoded

SOURCE: Final = SourcePartition("t", 0)
SEEN_AT: Final = NOW * 1_000


@dataclass(frozen=True, slots=True)
class Placed:
    """A record at its place in a partition."""

    offset: int
    value: bytes | None
    timestamp: int = NOW
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def place(inputs: Sequence[Input]) -> list[Placed]:
    """Inputs as records from offset 5 on, every other offset."""
    return [
        Placed(5 + 2 * number, each.value, each.timestamp, each.key, each.headers)
        for number, each in enumerate(inputs)
    ]


def rows_of(decoded: Decoded) -> list[tuple[Any, ...]]:
    """Rows as plain values, numbers by their bits."""
    numbers = [
        (name, decoded.numbers[name].view("<i8").tolist()) for name in sorted(decoded.numbers)
    ]
    texts = [
        (name, [column[row] for row in range(len(column))])
        for name, column in sorted(decoded.texts.items())
    ]
    instances = decoded.instances
    names = [None if instances is None else instances[row] for row in range(len(decoded))]
    return [
        (
            offset,
            row_id,
            at,
            name,
            *((n, c[row]) for n, c in numbers),
            *((n, c[row]) for n, c in texts),
        )
        for row, (offset, row_id, at, name) in enumerate(
            zip(decoded.offsets.tolist(), decoded.ids, decoded.times.tolist(), names, strict=True)
        )
    ]


def alone(spec: StreamSpec, role: Role, record: Placed, seen_at: int | None) -> tuple[Any, ...]:
    """What becomes of one record by the careful reader alone, in the form that `outcomes` gives."""
    layout = build_layout(spec, role)
    try:
        row = CarefulReader(layout).read(record, seen_at)
    except RefusedError as refused:
        return record.offset, refused.code, refused.message
    if row is None:
        return record.offset, "filtered"
    named = sorted(
        zip([layout.outcome, *layout.columns], [row.outcome, *row.columns], strict=True),
        key=lambda pair: pair[0].name,
    )
    texts = {"CLASS", "VERSION", "CATEGORICAL_FEATURE"}
    numbers = [
        (column.name, np.array([value], np.float64).view("<i8").item())
        for column, value in named
        if column.kind.name not in texts
    ]
    plain = [(column.name, value) for column, value in named if column.kind.name in texts]
    return (record.offset, row.id, row.at, row.instance, *numbers, *plain)


def outcomes(decoded: Decoded) -> list[tuple[Any, ...]]:
    """What became of every record of a batch, by offset; fails if an offset comes twice."""
    found = rows_of(decoded)
    found += [(reject.offset, reject.code, reject.message) for reject in decoded.rejects]
    found += [(offset, "filtered") for offset in decoded.filtered]
    assert len({each[0] for each in found}) == len(found)
    return sorted(found, key=lambda each: each[0])
