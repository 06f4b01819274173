"""A strict reader of YAML: what is written is what is meant, and every mistake has its line.

It takes the part of YAML that declarations need. Plain scalars are null, true, false, decimal
numbers, or text: NO, on, 12:30 and 2026-01-31 are text, 1e3 is a number. Duplicate keys, anchors,
aliases, tags, several documents, more than 1 MB, bytes that are not UTF-8 and deep nesting are
refused. Keys are always text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml

from driftline.errors import DeploymentError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 32

Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | float | bool | None"
Key: TypeAlias = "tuple[str | int, ...]"

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
# No leading zeros (007 is a code, not a number), and no more digits than a 64-bit number has.
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,19})", re.ASCII)
_FLOAT: Final = re.compile(
    r"[-+]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(0|[1-9][0-9]*)(?=[eE]))([eE][-+]?[0-9]{1,4})?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds."""

    file: str
    """How messages call it."""
    data: Data
    lines: dict[Key, int] = field(default_factory=dict)
    """The line, from 1, of every key and list item."""

    def problem(self, key: Sequence[str | int], message: str) -> Problem:
        """A problem at a key, with the line of the nearest part of it that is there."""
        line = self.line(key)
        return Problem(f"{self.file}:{line}" if line else self.file, write_key(key), message)

    def line(self, key: Sequence[str | int]) -> int:
        """The line of the nearest part of a key that is there; 0: none is."""
        path = tuple(key)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def write_key(key: Sequence[str | int]) -> str:
    """A key as people write it: `predictions.features[2].name`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_yaml(path: Path, file: str) -> Document:
    """Read a file; `file` is how messages call it.

    Raises:
        DeploymentError: it cannot be read, or is not what this reader takes; with every problem.
    """
    try:
        if path.is_fifo():
            # Who opens it waits for somebody who writes, for ever.
            raise DeploymentError([Problem(file, "", "is a pipe, should be a regular file")])
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DeploymentError([Problem(file, "", f"cannot be read: {error.strerror}")]) from None
    return parse_yaml(content, file)


def parse_yaml(content: bytes, file: str) -> Document:
    """As `read_yaml`, from bytes."""
    if len(content) > MAX_BYTES:
        raise DeploymentError([Problem(file, "", "should be at most 1 MB")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DeploymentError([Problem(f"{file}:{line}", "", "should be UTF-8 text")]) from None
    node = _compose(text, file)
    document = Document(file, None)
    problems: list[Problem] = []
    data = _Reading(document, problems).value(node, ()) if node is not None else None
    if problems:
        raise DeploymentError(problems)
    return Document(file, data, document.lines)


class _RefusedError(yaml.MarkedYAMLError):
    """YAML, but of a kind that declarations do without."""


class _Loader(yaml.SafeLoader):
    """Composes nodes without resolving them, and refuses what makes YAML surprising."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML types its nodes only
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refused(
                event, "anchors (&) and aliases (*) are not taken; quote a text that begins so"
            )
        if getattr(event, "tag", None) is not None:
            raise _refused(event, "tags (!) are not taken; quote a text that begins so")
        if self.depth >= MAX_DEPTH:
            raise _refused(event, f"should be nested at most {MAX_DEPTH} deep")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refused(event: yaml.Event, message: str) -> _RefusedError:
    return _RefusedError(problem=message, problem_mark=event.start_mark)  # type: ignore[arg-type]


def _compose(text: str, file: str) -> yaml.Node | None:
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = file if mark is None else f"{file}:{mark.line + 1}"
        raise DeploymentError([Problem(where, "", _said(error))]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        message = "not YAML: a character that is not printable"
        raise DeploymentError([Problem(f"{file}:{line}", "", message)]) from None
    finally:
        if loader is not None:
            loader.dispose()
    return node


def _said(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, yaml.composer.ComposerError):
        return "should be a single document"
    return str(error.problem) if isinstance(error, _RefusedError) else f"not YAML: {error.problem}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """Turns nodes into plain values, and notes lines and problems on the way."""

    document: Document
    problems: list[Problem]

    def value(self, node: yaml.Node, key: Key) -> Data:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*key, n)) for n, item in enumerate(node.value)]
        text = str(node.value)
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return self._plain(text, key, node) if plain else text

    def _item(self, node: yaml.Node, key: Key) -> Data:
        self.document.lines[key] = node.start_mark.line + 1
        return self.value(node, key)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> Data:
        values: dict[str, Data] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                message = "a key should be text"
                self.problems.append(
                    Problem(f"{self.document.file}:{line}", write_key(key), message)
                )
                continue
            path = (*key, str(name_node.value))
            if path in self.document.lines:
                message = f"is there twice; first in line {self.document.lines[path]}"
                self.problems.append(
                    Problem(f"{self.document.file}:{line}", write_key(path), message)
                )
                continue
            self.document.lines[path] = line
            values[str(name_node.value)] = self.value(value_node, path)
        return values

    def _plain(self, text: str, key: Key, node: yaml.Node) -> Data:
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if isfinite(number):
                return number
            line = f"{self.document.file}:{node.start_mark.line + 1}"
            self.problems.append(Problem(line, write_key(key), "is too large a number"))
        return text
