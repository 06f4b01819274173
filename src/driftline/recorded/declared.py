"""A file as a stream declares it: it has the columns, and those of dotted names are nested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.fields import FieldSource
from driftline.decode.layout import NUMERIC, Kind, build_layout
from driftline.errors import nearest
from driftline.model import Role
from driftline.recorded.files import open_recording
from driftline.recorded.places import column_of, declared_fields, put_at
from driftline.recorded.recording import RecordingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from driftline.config.fields import FieldPath
    from driftline.config.streams import StreamSpec
    from driftline.recorded.recording import JsonRecord, Recording


def open_declared(
    path: Path, spec: StreamSpec, roles: Sequence[Role], *, timed: bool = True
) -> Recording:
    """The file, its records as they would be in the stream's topics.

    A column that is named as a whole dotted path holds the nested field that the path leads to,
    unless the file has that field itself.

    Args:
        path: where it is.
        spec: the stream's declaration.
        roles: what it holds. Of several, only the first one's columns have to be there.
        timed: whether the declared time has to be there.

    Raises:
        RecordingError: the file does not read, or lacks the column of a declared field. (That one
            of some records lacks a value is another matter, and for who reads them.)
    """
    for role in roles:
        if spec.source(role) is None:
            raise RecordingError(path, f"the stream declares no {role}")
    recording = open_recording(path, numbers=_numbers(spec, roles))
    moved = {
        _name(field): field.path
        for role in roles
        for field in declared_fields(spec, role).values()
        if len(field.path) > 1
        and not recording.holds(field.path)
        and recording.holds((_name(field),))
    }
    if moved:
        recording = _Nested(recording, moved)
    needed = declared_fields(spec, roles[0])
    if not timed:
        needed.pop(f"{roles[0]}.time", None)
    _check_columns(recording, needed)
    return recording


def _name(field: FieldPath) -> str:
    """What a column of this field is named."""
    return column_of(field) if field.source is FieldSource.KEY else ".".join(field.path)


def _numbers(spec: StreamSpec, roles: Sequence[Role]) -> set[str]:
    """The columns in which the stream looks for numbers, or for the one class that is positive.

    To that, "1.0" in a column of texts would be another class than 1.0 in one of numbers.
    """
    columns = [column for role in roles for column in build_layout(spec, role).all_columns]
    return {_name(column.field) for column in columns if column.kind in {*NUMERIC, Kind.BINARY}}


def _check_columns(recording: Recording, needed: Mapping[str, FieldPath]) -> None:
    """Refuse at once a file of which no record has some field: it is misspelt, or another file."""
    taken = set(map(_name, needed.values()))
    free = [column for column in recording.columns if column not in taken]
    missing = [
        f"no column {_name(field)}, which the stream declares as {declared}"
        + _hint(declared, _name(field), free)
        for declared, field in needed.items()
        if not recording.holds(field.path or (_name(field),))
    ]
    if missing:
        columns = ", ".join(recording.columns)
        message = f"has {', and '.join(missing)}; its columns are {columns}"
        raise RecordingError(recording.path, message)


def _hint(declared: str, name: str, columns: Sequence[str]) -> str:
    folded = {column.casefold(): column for column in columns}
    near = nearest(name.casefold(), folded)
    if near:
        return f" (did you mean {folded[near]}?)"
    if declared == f"{Role.LABELS}.time":
        return " (--label-delay says when labels come whose file has no times)"
    return ""


def _nest(records: Sequence[JsonRecord], name: str, path: Sequence[str]) -> None:
    """Put the field of this name where the path leads."""
    for record in records:
        if name in record:
            put_at(record, path, record.pop(name))


class _Nested:
    """A recording of which some columns are fields of nested objects."""

    def __init__(self, recording: Recording, moved: Mapping[str, tuple[str, ...]]) -> None:
        self._recording = recording
        self._moved = moved
        self.path = recording.path
        self.columns = recording.columns

    def holds(self, path: tuple[str, ...]) -> bool:
        """See `Recording.holds`."""
        if path in self._moved.values():
            return True
        return path[0] not in self._moved and self._recording.holds(path)

    def count(self) -> int:
        """See `Recording.count`."""
        return self._recording.count()

    def records(self, only: Collection[str] | None = None) -> Iterator[list[JsonRecord]]:
        """See `Recording.records`."""
        if only is not None:
            only = {*only, *(name for name, path in self._moved.items() if path[0] in only)}
        for chunk in self._recording.records(only):
            for name, path in self._moved.items():
                _nest(chunk, name, path)
            yield chunk

    def places(self, rows: Collection[int]) -> dict[int, str]:
        """See `Recording.places`."""
        return self._recording.places(rows)
