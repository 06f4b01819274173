"""Durations are texts with a unit, and come back as they went."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import format_duration, parse_duration
from driftline.config.streams import WindowSpec


@given(st.integers(min_value=0, max_value=10**12))
def test_a_written_duration_is_read_as_the_same(milliseconds: int) -> None:
    """Any whole number of milliseconds makes the round trip."""
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(min_value=1, max_value=10_000), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_read_duration_is_written_in_its_largest_unit(amount: int, unit: str) -> None:
    """What is written is never longer than what was read, and means the same."""
    text = f"{amount}{unit}"
    written = format_duration(parse_duration(text))
    assert parse_duration(written) == parse_duration(text)
    assert len(written) <= len(text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("12h", timedelta(hours=12)),
        ("14d", timedelta(days=14)),
        ("0s", timedelta(0)),
    ],
)
def test_each_unit_is_read(text: str, duration: timedelta) -> None:
    """The units are those that people write."""
    assert parse_duration(text) == duration
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "s",
        "30 s",
        " 30s",
        "30s ",
        "1.5h",
        "-1s",
        "1e3s",
        "1w",
        "1D",
        "30s\n",
        "\u0663\u0660s",
        "9" * 12 + "d",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """No sign, no fraction, no blank, no other unit, no other digits, nothing endless."""
    with pytest.raises(ValueError, match="should be"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "message"),
    [(timedelta(seconds=-1), "not be negative"), (timedelta(microseconds=1), "whole milliseconds")],
)
def test_what_cannot_be_written_is_refused(duration: timedelta, message: str) -> None:
    """A duration from code is held to what a file can say."""
    with pytest.raises(ValueError, match=message):
        format_duration(duration)


def test_code_may_give_a_timedelta_but_no_bare_number() -> None:
    """A number without a unit means seconds to one and milliseconds to another."""
    assert WindowSpec(size=timedelta(hours=1), keep="2d").keep == timedelta(days=2)
    with pytest.raises(ValueError, match="with its unit"):
        WindowSpec(size=3600, keep="2d")
