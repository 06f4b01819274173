"""Reading recorded files as JSON records."""

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftline.recorded import (
    CHUNK,
    RecordingError,
    encode_records,
    open_recording,
    read_records,
)
from driftline.recorded.recording import BrokenLine, JsonRecord


def written(directory: Path, name: str, text: str) -> Path:
    """A file with this text, zipped if its name says so."""
    path = directory / name
    content = text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def damaged(content: bytes) -> bytes:
    """The content zipped, with some bytes near its beginning turned over."""
    zipped = gzip.compress(content)
    return zipped[:12] + bytes(byte ^ 0xFF for byte in zipped[12:40]) + zipped[40:]


def all_of(path: Path) -> list[JsonRecord]:
    """Every record of a file."""
    return [record for chunk in read_records(path) for record in chunk]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "A.CSV"])
def test_a_csv_column_is_integers_numbers_booleans_or_text(tmp_path: Path, name: str) -> None:
    """As all its values fit; times stay the text they are."""
    path = written(
        tmp_path,
        name,
        "id,x,flag,when,mixed\n1,0.5,True,2018-10-30 18:00:00.000,1\n2,3,False,2018-10-31,a\n",
    )
    assert all_of(path) == [
        {"id": 1, "x": 0.5, "flag": True, "when": "2018-10-30 18:00:00.000", "mixed": "1"},
        {"id": 2, "x": 3.0, "flag": False, "when": "2018-10-31", "mixed": "a"},
    ]


def test_a_type_that_only_the_end_of_a_file_tells_holds_for_all_of_it(tmp_path: Path) -> None:
    """Records do not change their types in the middle."""
    numbers = "\n".join(map(str, range(3 * CHUNK)))
    records = all_of(written(tmp_path, "a.csv", f"id\n{numbers}\nlast\n"))
    assert records[0] == {"id": "0"}
    assert records[-1] == {"id": "last"}
    assert len(records) == 3 * CHUNK + 1


def test_in_a_column_of_numbers_one_bad_cell_is_text_alone(tmp_path: Path) -> None:
    """All others are what they would be without it; the same column else is text as a whole."""
    cells = ["1", "-2", "+2.5", "1e3", "4 ", "", "NA", "-inf", "True", "abc", "1_0", "1" + "0" * 20]
    rows = "\n".join(f"{cell},{cell}" for cell in cells)
    recording = open_recording(written(tmp_path, "a.csv", f"x,t\n{rows}\n"), numbers={"x", "y"})
    [records] = recording.records()
    assert [record.get("x") for record in records] == [
        *(1, -2, 2.5, 1000.0, 4, None, None, None, True, "abc", "1_0", 1e20)
    ]
    assert [record.get("t", "") for record in records] == cells
    assert [*recording.records({"t"})] == [[{"t": cell} if cell else {} for cell in cells]]


def test_identifiers_of_many_digits_keep_them(tmp_path: Path) -> None:
    """An integer beyond 64 bits is text, not a rounded float."""
    path = written(tmp_path, "a.csv", "id\n12345678901234567890\n1\n")
    assert all_of(path) == [{"id": "12345678901234567890"}, {"id": "1"}]


def test_what_is_missing_is_an_absent_key(tmp_path: Path) -> None:
    """Empty cells, NaN and infinity; words such as NA stay text."""
    path = written(tmp_path, "a.csv", "id,x,t\n1,,NA\n2,nan,\n3,inf,x\n4,1.5,None\n")
    assert all_of(path) == [
        {"id": 1, "t": "NA"},
        {"id": 2},
        {"id": 3, "t": "x"},
        {"id": 4, "x": 1.5, "t": "None"},
    ]
    lines = written(tmp_path, "a.jsonl", '{"id": 1, "x": null}\n')
    assert all_of(lines) == [{"id": 1}]


def test_cells_may_hold_commas_quotes_and_new_lines(tmp_path: Path) -> None:
    """As RFC 4180 has it; a byte order mark and a nameless column are passed over."""
    path = written(tmp_path, "a.csv", '\ufeff,id,text\n0,1,"a, ""b""\nc"\n1,2,€\n')
    assert all_of(path) == [{"id": 1, "text": 'a, "b"\nc'}, {"id": 2, "text": "€"}]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_json_lines_are_records_as_they_are(tmp_path: Path, name: str) -> None:
    """Nested values and types stay; empty lines are passed over."""
    path = written(tmp_path, name, '{"id": "a", "in": {"x": [1, 2.5]}}\n\n{"id": 7}\n')
    assert all_of(path) == [{"id": "a", "in": {"x": [1, 2.5]}}, {"id": 7}]
    assert open_recording(path).count() == 2


def test_parquet_becomes_json(tmp_path: Path) -> None:
    """Times and dates are ISO 8601 text, decimals numbers, categories text, structs objects."""
    path = tmp_path / "a.parquet"
    at = datetime(2024, 1, 2, 3, 4, 5, 600, UTC)
    table = pa.table(
        {
            "id": pa.array([1, 2]),
            "x": pa.array([float("nan"), 2.0]),
            "at": pa.array([at, None], pa.timestamp("ns", "UTC")),
            "day": pa.array([date(2024, 1, 2)] * 2),
            "price": pa.array([Decimal("1.5")] * 2),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "in": pa.array([{"x": 1}, {"x": 2}]),
        }
    )
    pq.write_table(table, path)
    first, second = all_of(path)
    assert first["at"] == "2024-01-02 03:04:05.000600Z"
    assert "x" not in first
    assert second == {
        "id": 2,
        "x": 2.0,
        "day": "2024-01-02",
        "price": 1.5,
        "kind": "b",
        "in": {"x": 2},
    }


def test_only_the_fields_asked_for_are_read(tmp_path: Path) -> None:
    """In every format."""
    for name, text in (("a.csv", "a,b\n1,2\n"), ("a.jsonl", '{"a": 1, "b": 2}\n')):
        recording = open_recording(written(tmp_path, name, text))
        assert [*recording.records({"b", "c"})] == [[{"b": 2}]]


def test_records_come_in_chunks(tmp_path: Path) -> None:
    """However large the file, and counted without being kept."""
    rows = 2 * CHUNK + 1
    path = written(tmp_path, "a.csv", "id\n" + "\n".join(map(str, range(rows))))
    assert max(len(chunk) for chunk in read_records(path)) <= CHUNK
    assert open_recording(path).count() == rows
    assert [*read_records(written(tmp_path, "b.csv", "id\n"))] == []


def test_records_are_encoded_as_plain_json() -> None:
    """In the file's order of fields."""
    [encoded] = encode_records([{"b": 1.0, "a": "€"}])
    assert encoded == '{"b":1.0,"a":"€"}'.encode()
    assert json.loads(encoded) == {"b": 1.0, "a": "€"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "has no header"),
        ("a.csv", b"a,b,a\n", "more than once: a"),
        ("a.csv", b"a,b\n1,2\n3,4,5\n", "line 3 has 3 cells; the header has 2"),
        ("a.csv", b'a,b\n"1\n",2\n\n3,4,5\n', "line 5 has 3 cells; the header has 2"),
        ("a.csv", b"a,b\n1,2\n1,\xff\n", "line 3 is not UTF-8"),
        ("a.csv", "größe,b\n1,2\n".encode("cp1252"), "line 1 is not UTF-8"),
        ("a.csv", b"a;b\n1;2\n", "commas should separate the columns; the header has ';'"),
        ("a.csv.gz", b"a,b\n", "Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9_999)[:-20], "end-of-stream"),
        ("a.csv.gz", damaged(b"a,b\n" + b"1,2\n" * 9_999), "while decompressing"),
        ("a.jsonl.gz", damaged(b'{"a": 1}\n' * 9_999), "while decompressing"),
        ("a.parquet", b"PAR1", "is no Parquet file"),
        ("a.txt", b"", "should end with one of .csv"),
    ],
)
def test_an_unreadable_file_is_named_with_the_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """And with what is wrong there."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=said) as error:
        all_of(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.timestamp("ns"), 1_700_000_000_000_000_001),
        (pa.timestamp("s"), 400_000_000_000),
        (pa.timestamp("s", "Mars/Olympus"), 0),
    ],
)
def test_a_nested_value_that_python_has_no_like_of_is_named(
    tmp_path: Path, kind: pa.DataType, value: int
) -> None:
    """A time of nanoseconds, one beyond the year 9999, a zone that nobody knows."""
    path = tmp_path / "a.parquet"
    column = pa.array([{"at": value}], pa.struct([("at", kind)]))
    pq.write_table(pa.table({"m": column}), path)
    with pytest.raises(RecordingError, match="a value does not read") as error:
        all_of(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("line", [b'{"a":', b"[1]", b'{"a": NaN}', b'{"a": "\xff"}'])
def test_a_line_that_is_no_json_object_stands_for_itself(tmp_path: Path, line: bytes) -> None:
    """The others are records all the same; also behind a byte order mark."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n' + line + b'\r\n{"a": 2}\n')
    first, broken, last = all_of(path)
    assert (first, last) == ({"a": 1}, {"a": 2})
    assert isinstance(broken, BrokenLine)
    assert broken.text == line


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_record_is_found_by_the_line_that_it_begins_in(tmp_path: Path, ending: str) -> None:
    """Counted from 1, with the header, with empty lines and with those within cells."""
    text = 'id,text\n1,"a\nb"\n\n2,c\n3,d\n'
    table = open_recording(written(tmp_path, f"a.csv{ending}", text))
    assert table.places({0, 1, 2}) == {0: "line 2", 1: "line 5", 2: "line 6"}
    lines = open_recording(written(tmp_path, f"a.jsonl{ending}", '{"id": 1}\n\n{"id": 2}\n{}\n'))
    assert lines.places({1, 2}) == {1: "line 3", 2: "line 4"}
    assert lines.places(()) == table.places(()) == {}


def test_a_record_of_parquet_is_found_by_its_row(tmp_path: Path) -> None:
    """Counted from 1 too."""
    pq.write_table(pa.table({"id": [7, 8]}), tmp_path / "a.parquet")
    assert open_recording(tmp_path / "a.parquet").places([1]) == {1: "row 2"}


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(RecordingError, match="no such file"):
        open_recording(tmp_path / "none.csv")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    """A pipe would be empty when it is read again."""
    make(tmp_path / "a.csv")
    with pytest.raises(RecordingError, match="should be a regular file"):
        open_recording(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.binary(3), pa.large_binary(), pa.binary_view()], ids=str
)
def test_a_column_of_bytes_is_refused(kind: pa.DataType, tmp_path: Path) -> None:
    """However they are stored: JSON has none, and as text they would be another value."""
    table = pa.table({"id": [1], "blob": pa.array([b"\xff\xfe\xfd"], kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(RecordingError, match="column blob holds bytes"):
        open_recording(tmp_path / "a.parquet")


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """As of a CSV: which of them is meant cannot be told."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(RecordingError, match="columns more than once: id"):
        open_recording(tmp_path / "a.parquet")
