"""CSV with a header, also gzipped: numbers and booleans are told from text by their column."""

from __future__ import annotations

import csv
import io
import re
from contextlib import suppress
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import csv as arrow_csv

from driftline.recorded.arrow import to_records
from driftline.recorded.recording import CHUNK, UNREADABLE, RecordingError, open_bytes, repeated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from driftline.recorded.recording import Json, JsonRecord

_BLOCK: Final = 1 << 20
_SAMPLE: Final = 1 << 16
_MISFIT: Final = re.compile(r"In CSV column #(\d+): .*?invalid value '(.*)'", re.DOTALL)
_TRUE: Final = ("true", "True", "TRUE")
_FALSE: Final = ("false", "False", "FALSE")
_BOOLEANS: Final = frozenset((*_TRUE, *_FALSE))
_NULLS: Final = frozenset(arrow_csv.ConvertOptions().null_values)
"""What Arrow takes for a missing value in a column that is not text; the empty cell is one."""
_INTEGER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER: Final = re.compile(
    r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE
)
_DECIMAL: Final = re.compile(r"(-?)0*(\d{1,19})", re.ASCII)
_HEXADECIMAL: Final = re.compile(r"-?0x[0-9a-f]+", re.ASCII | re.IGNORECASE)
_LONG_INTEGER: Final = re.compile(r"[-+]?\d{16,}")


class CsvRecording:
    """A CSV file. Each column is integers, numbers, true/false or text, as all of it fits.

    Times and dates are text, as in the file. In a column of `numbers` a cell that is none is text
    alone: it makes no texts of the others.
    """

    def __init__(self, path: Path, numbers: Collection[str] = ()) -> None:
        self.path = path
        self._numbers = numbers
        self._names = self._header()
        self._types: dict[str, Any] | None = None
        self._count = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        return tuple(filter(None, self._names))

    def holds(self, path: tuple[str, ...]) -> bool:
        """See `Recording.holds`; in a CSV nothing is nested."""
        return len(path) == 1 and path[0] in self.columns

    def count(self) -> int:
        """How many records there are; reads the file once."""
        self._resolve()
        return self._count

    def records(self, only: Collection[str] | None = None) -> Iterator[list[JsonRecord]]:
        """See `Recording.records`."""
        types = self._resolve()
        wanted = [name for name in self.columns if only is None or name in only]
        mixed = [name for name in wanted if name in self._numbers and types[name] == pa.string()]
        for batch in self._batches(types, wanted):
            for begin in range(0, batch.num_rows, CHUNK):
                records = to_records(batch.slice(begin, CHUNK), empty_is_absent=True)
                for name in mixed:
                    _read_singly(records, name)
                yield records

    def places(self, rows: Collection[int]) -> dict[int, str]:
        """See `Recording.places`."""
        found = {row: f"record {row + 1}" for row in rows}
        last = max(rows, default=-1)
        # A cell that is too long for Python's reader was none for Arrow's.
        with open_bytes(self.path) as file, suppress(csv.Error):
            for row, (line, _) in enumerate(_rows(file), -1):
                if row > last:
                    break
                if row in found:
                    found[row] = f"line {line}"
        return found

    def _header(self) -> list[str]:
        with open_bytes(self.path) as file:
            # What is not UTF-8 further down is found, and placed, later.
            text = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
            try:
                names = next(csv.reader(text), [])
            except (csv.Error, *UNREADABLE) as error:
                raise RecordingError(self.path, f"the header is not readable: {error}") from error
        if not any(names):
            raise RecordingError(self.path, "has no header; the first row should name the columns")
        self._check_header(names)
        if twice := repeated([name for name in names if name]):
            message = f"the header names a column more than once: {', '.join(twice)}"
            raise RecordingError(self.path, message)
        return names

    def _check_header(self, names: list[str]) -> None:
        """Name the two habits of spreadsheets by which no column would be found."""
        if any("\N{REPLACEMENT CHARACTER}" in name for name in names):
            raise RecordingError(self.path, "line 1 is not UTF-8")
        other = next((mark for mark in ";\t|" if mark in names[0]), None)
        if len(names) == 1 and other:
            message = f"commas should separate the columns; the header has {other!r}"
            raise RecordingError(self.path, message)

    def _resolve(self) -> dict[str, Any]:
        """Find each column's type: the narrowest, widened where a value does not fit.

        Arrow's own guess looks at the first block only, and would rewrite times.
        """
        if self._types is not None:
            return self._types
        types = self._guess()
        self._count = self._widen(types)
        self._types = types
        return types

    def _guess(self) -> dict[str, Any]:
        """The types that the first rows have: they tell nearly all.

        Without Arrow, which names one cell that does not fit and begins anew: once a column.
        """
        whole: list[list[str]] = []
        # What is wrong with the file is found, and placed, later.
        with suppress(csv.Error, *UNREADABLE), open_bytes(self.path) as file:
            rows = islice(_rows(_first_lines(file)), 1, None)
            whole.extend(cells for _, cells in rows if len(cells) == len(self._names))
        columns = list(zip(*whole, strict=True)) or [()] * len(self._names)
        named = zip(self._names, columns, strict=True)
        return {name: _kind_of(cells) for name, cells in named if name}

    def _widen(self, types: dict[str, Any]) -> int:
        """Widen the types until all rows fit; how many rows there are."""
        while True:
            try:
                return sum(batch.num_rows for batch in self._batches(types, self.columns))
            except _MisfitError as error:
                name = self._names[int(error.match[1])]
                types[name] = _widened(types[name], error.match[2])

    def _batches(self, types: dict[str, Any], wanted: Collection[str]) -> Iterator[Any]:
        if not wanted:
            return
        try:
            with open_bytes(self.path) as file:
                yield from arrow_csv.open_csv(
                    file,
                    read_options=arrow_csv.ReadOptions(block_size=_BLOCK),
                    parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=types,
                        include_columns=list(wanted),
                        true_values=_TRUE,
                        false_values=_FALSE,
                    ),
                )
        except pa.ArrowInvalid as error:
            match = _MISFIT.search(str(error))
            if match:
                raise _MisfitError(match) from error
            if "Empty CSV" in str(error):
                return
            raise RecordingError(self.path, self._explain(error)) from error
        except UNREADABLE as error:
            raise RecordingError(self.path, str(error)) from error

    def _explain(self, error: Exception) -> str:
        """Which row is wrong: Arrow, reading in blocks, does not know."""
        width = len(self._names)
        with open_bytes(self.path) as file:
            for line, raw in enumerate(file, 1):
                try:
                    raw.decode()
                except UnicodeDecodeError:
                    return f"line {line} is not UTF-8"
        with open_bytes(self.path) as file, suppress(csv.Error):
            for line, cells in _rows(file):
                if len(cells) != width:
                    return f"line {line} has {len(cells)} cells; the header has {width}"
        return str(error)


class _MisfitError(Exception):
    """A value does not fit the type of its column."""

    def __init__(self, match: re.Match[str]) -> None:
        super().__init__(match[0])
        self.match = match


def _read_singly(records: list[JsonRecord], name: str) -> None:
    """Make of this field's texts what each of them would be in a column that fits."""
    for record in records:
        if name in record:
            value = _cell(record[name].strip())
            if value is None:
                del record[name]
            else:
                record[name] = value


def _cell(text: str) -> Json:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    return number if isfinite(number) else None


def _rows(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """The header and the records, each with the line that it begins in; empty lines are none."""
    rows = csv.reader(io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline=""))
    line = 1
    for cells in rows:
        if cells:
            yield line, cells
        line = rows.line_num + 1


def _first_lines(file: BinaryIO) -> BinaryIO:
    block = file.read(_SAMPLE)
    return io.BytesIO(block[: block.rfind(b"\n") + 1] or block)


def _kind_of(cells: Sequence[str]) -> Any:
    """The narrowest type that may hold all of a column's cells."""
    kind: Any = pa.int64()
    said = [cell for cell in map(str.strip, cells) if cell not in _NULLS]
    while (misfit := next((cell for cell in said if not _may_fit(kind, cell)), None)) is not None:
        kind = _widened(kind, misfit)
    return kind


def _may_fit(kind: Any, cell: str) -> bool:
    """Whether Arrow may take the cell; where in doubt it does, as it is asked in the end."""
    if pa.types.is_int64(kind):
        if match := _DECIMAL.fullmatch(cell):
            return -(1 << 63) <= int(match[1] + match[2]) < 1 << 63
        return _HEXADECIMAL.fullmatch(cell) is not None
    if pa.types.is_boolean(kind):
        return cell in _BOOLEANS
    return pa.types.is_string(kind) or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        # C knows texts behind it, and with it Arrow.
        return cell.lower().startswith("nan(")
    return True


def _widened(kind: Any, value: str) -> Any:
    """The next type to try for a column that holds this value."""
    if not pa.types.is_int64(kind):
        return pa.string()
    if value in _BOOLEANS:
        return pa.bool_()
    # As a float, an identifier of so many digits would lose some.
    return pa.string() if _LONG_INTEGER.fullmatch(value) else pa.float64()
