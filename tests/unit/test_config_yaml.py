"""What is written in YAML is what is meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.yaml import parse_yaml, read_yaml, write_key
from driftline.errors import DeploymentError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        (".5", 0.5),
        ("-1.", -1.0),
        ("0", 0),
        ("-17", -17),
        ("+4", 4),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.2.3", "1.2.3"),
        ("9" * 40, "9" * 40),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
        ("<<", "<<"),
        ("a b", "a b"),
        ("[1, a, {b: ~}]", [1, "a", {"b": None}]),
    ],
)
def test_a_scalar_is_what_it_looks_like(written: str, meant: Any) -> None:
    """Only null, true, false and decimal numbers are more than text."""
    value = parse_yaml(f"key: {written}".encode(), "f.yaml").data
    assert value == {"key": meant}
    assert isinstance(value, dict)
    assert type(value["key"]) is type(meant)


def test_keys_are_always_text() -> None:
    """A class or a path that looks like a number is still a name."""
    assert parse_yaml(b"1: a\ntrue: b\n~: c", "f").data == {"1": "a", "true": "b", "~": "c"}


def test_every_key_and_item_knows_its_line() -> None:
    """Problems can be put beside what they are about, or beside the nearest thing there is."""
    document = parse_yaml(b"a:\n  - x\n  - b: 1\nc: {d: 2}\n", "f.yaml")
    assert document.line(("a", 1, "b")) == 3
    assert document.line(("c", "d", "missing")) == 4
    assert str(document.problem(("a", 0), "no")) == "f.yaml:2: a[0]: no"
    assert str(document.problem(("z",), "no")) == "f.yaml: z: no"


def test_a_key_is_written_as_people_write_it() -> None:
    """Dots between names, brackets around positions."""
    assert write_key(("a", 0, "b.c", 12)) == "a[0].b.c[12]"
    assert write_key(()) == ""


def test_all_duplicates_are_told_at_once() -> None:
    """The second and the third are both named, and so is one elsewhere."""
    with pytest.raises(DeploymentError) as caught:
        parse_yaml(b"a: 1\na: 2\na: 3\nb: {c: 1, c: 2}\n", "f")
    assert [str(problem) for problem in caught.value.problems] == [
        "f:2: a: is there twice; first in line 1",
        "f:3: a: is there twice; first in line 1",
        "f:4: b.c: is there twice; first in line 4",
    ]


def test_a_byte_order_mark_and_nothing_else_is_an_empty_file() -> None:
    """Editors that put a mark before the text do no harm."""
    assert parse_yaml("\ufeffa: 1".encode(), "f").data == {"a": 1}
    assert parse_yaml(b"\xef\xbb\xbf# nothing\n", "f").data is None


def test_a_message_holds_nothing_of_the_text_around_a_mistake() -> None:
    """A file may hold what is nobody's business."""
    with pytest.raises(DeploymentError) as caught:
        parse_yaml(b"password: *hunter2", "f")
    assert "hunter2" not in str(caught.value)


def test_why_a_file_cannot_be_read_is_told(tmp_path: Path) -> None:
    """In the system's words."""
    with pytest.raises(DeploymentError, match=r"loans\.yaml: cannot be read: File name too long"):
        read_yaml(tmp_path / ("x" * 300), "loans.yaml")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """To open it is to wait for somebody who writes."""
    os.mkfifo(tmp_path / "loans.yaml")
    with pytest.raises(DeploymentError, match=r"streams/loans\.yaml: is a pipe, should be"):
        read_yaml(tmp_path / "loans.yaml", "streams/loans.yaml")
