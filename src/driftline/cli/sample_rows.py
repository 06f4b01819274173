"""Decoded columns as rows, as people look at them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from driftline.config.watches import FEATURE
from driftline.model import Role, iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.app.sampling import Sample
    from driftline.decode import Decoded

Cell: TypeAlias = "float | str | None"


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One record as driftline reads it."""

    partition: int
    offset: int
    id: str
    time: str
    instance: str | None
    outcome: Cell
    """The prediction, or the label. Binary: 1 for the positive class."""
    score: Cell
    version: str | None
    features: Mapping[str, Cell]
    """None where one is missing."""

    def to_json(self) -> dict[str, Any]:
        """The row with its fields' names."""
        return {name: getattr(self, name) for name in self.__slots__}


def sample_rows(sample: Sample) -> list[SampleRow]:
    """All rows of a sample, the latest first."""
    outcome = "prediction" if sample.role is Role.PREDICTIONS else "label"
    timed = [
        (int(decoded.times[row]), _row(decoded, row, partition, outcome))
        for partition, decoded in sample.decoded.items()
        for row in range(len(decoded))
    ]
    timed.sort(key=lambda pair: pair[0], reverse=True)
    return [row for _, row in timed]


def _row(decoded: Decoded, row: int, partition: int, outcome: str) -> SampleRow:
    cells = dict(_cells(decoded, row))
    version = cells.get("version")
    return SampleRow(
        partition=partition,
        offset=int(decoded.offsets[row]),
        id=decoded.ids[row],
        time=iso(int(decoded.times[row])),
        instance=None if decoded.instances is None else decoded.instances[row],
        outcome=cells.get(outcome),
        score=cells.get("score"),
        version=None if version is None else str(version),
        features={
            name.removeprefix(FEATURE): cell
            for name, cell in cells.items()
            if name.startswith(FEATURE)
        },
    )


def _cells(decoded: Decoded, row: int) -> Iterator[tuple[str, Cell]]:
    for name, column in decoded.numbers.items():
        number = float(column[row])
        yield name, None if math.isnan(number) else number
    for name, texts in decoded.texts.items():
        yield name, texts[row]
