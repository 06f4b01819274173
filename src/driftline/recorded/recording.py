"""What a file of recorded data is, whatever its format."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, TypeAlias, cast

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

Json: TypeAlias = Any
"""A value as JSON has it; what is in a file is not ours to type."""
JsonRecord: TypeAlias = dict[str, Json]

UNREADABLE: Final = (OSError, EOFError, zlib.error)
"""What reading a file's bytes raises, gzipped ones among them."""
CHUNK: Final = 10_000
"""How many records are in memory at a time, per file."""


class BrokenLine(dict[str, Json]):
    """In the place of a record: a line that is no JSON object. It has no fields, but a text."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text


class RecordingError(DriftlineError):
    """A file of recorded data cannot be read; the text names it, the place and what is wrong."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")


class Recording(Protocol):
    """A file of records. It may be read several times; at most some chunks are in memory."""

    path: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that records may have; none where only the records themselves know."""

    def holds(self, path: tuple[str, ...]) -> bool:
        """Whether a record may have the field at this path of names of nested objects."""

    def count(self) -> int:
        """How many records there are."""

    def records(self, only: Collection[str] | None = None) -> Iterator[list[JsonRecord]]:
        """The records in the file's order, in chunks of up to `CHUNK`.

        Args:
            only: leave out all other fields.

        A value that is null, NaN, infinite or, in a CSV, empty is an absent key: JSON knows no
        such numbers, and a CSV no null. A line that is no JSON object is a `BrokenLine`.

        Raises:
            RecordingError: a place in the file is not what its format asks for.
        """

    def places(self, rows: Collection[int]) -> dict[int, str]:
        """Where in the file these records are, for people: "line 7", or "row 7" without lines.

        Rows are counted from 0, places from 1; the first line of a CSV is its header.
        """


def repeated(names: Sequence[str]) -> list[str]:
    """The names that more than one column has, sorted."""
    return sorted({name for name in names if names.count(name) > 1})


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unzipped if its name ends with .gz."""
    if path.name.lower().endswith(".gz"):
        # typeshed does not say so, but a GzipFile is one.
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")
