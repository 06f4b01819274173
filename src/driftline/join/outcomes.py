"""What comes out of the join, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

import msgspec

from driftline.join.fields import Value  # noqa: TC001 - msgspec reads it
from driftline.model import Micros  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """A prediction joined with its delayed label."""

    row: int
    """The row of the message that completed the pair."""
    id: str
    at: Micros
    """The prediction's event time."""
    label_at: Micros
    prediction: Value
    score: float | None
    version: str | None
    label: Value
    partition: int
    offset: int
    """Where the label's record stands."""


class Revision(msgspec.Struct, frozen=True, gc=False):
    """A joined label that was corrected: counts and windows follow, detectors do not."""

    row: int
    """The row of the label that corrects."""
    at: Micros
    """The event time of the prediction."""
    prediction: Value
    score: float | None
    old: Value
    new: Value


class Outcomes(Sequence[Outcome]):
    """The outcomes of one message, in the order of its rows: columns, as most have many."""

    __slots__ = (
        "at",
        "columns",
        "label_at",
        "labels",
        "predictions",
        "rows",
        "scores",
        "versions",
    )

    def __init__(self, columns: Sequence[Sequence[object]]) -> None:
        """One column for each field of `Outcome`, in the order of the fields."""
        self.columns = columns
        # mypy cannot know what each column holds.
        self.rows: Sequence[int] = columns[0]  # type: ignore[assignment]
        self.at: Sequence[Micros] = columns[2]  # type: ignore[assignment]
        self.label_at: Sequence[Micros] = columns[3]  # type: ignore[assignment]
        self.predictions: Sequence[Value] = columns[4]  # type: ignore[assignment]
        self.scores: Sequence[float | None] = columns[5]  # type: ignore[assignment]
        self.versions: Sequence[str | None] = columns[6]  # type: ignore[assignment]
        self.labels: Sequence[Value] = columns[7]  # type: ignore[assignment]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Outcomes:
        """Single outcomes as columns."""
        names = Outcome.__struct_fields__
        return cls([[getattr(one, name) for one in outcomes] for name in names])

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Outcome: ...
    @overload
    def __getitem__(self, place: slice) -> Outcomes: ...
    def __getitem__(self, place: int | slice) -> Outcome | Outcomes:
        found = [column[place] for column in self.columns]
        return Outcomes(found) if isinstance(place, slice) else Outcome(*found)  # type: ignore[arg-type]


NO_OUTCOMES: Final = Outcomes([()] * len(Outcome.__struct_fields__))


def put_together(parts: Iterable[tuple[int, Outcomes]]) -> Outcomes:
    """The outcomes of a message's parts, each with the row at which it begins."""
    columns: list[list[object]] = [[] for _ in Outcome.__struct_fields__]
    for start, outcomes in parts:
        columns[0] += [start + row for row in outcomes.rows]
        for column, more in zip(columns[1:], outcomes.columns[1:], strict=True):
            column.extend(more)
    return Outcomes(columns)
