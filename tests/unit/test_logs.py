"""The log: one form for all libraries, safe to read and to keep."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from driftline.logs import LogStyle, configure_logs, printable, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Where the log of this test goes; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_machines_read_one_json_object_a_line(output: io.StringIO) -> None:
    """An event is a constant, its facts are keys, time and level are there."""
    configure_logs(LogStyle.JSON, output=output)
    structlog.get_logger("driftline.test").info("batch_applied", rows=3, topic="a\nb")
    (line,) = lines(output)
    assert line["event"] == "batch_applied"
    assert line["rows"] == 3
    assert line["level"] == "info"
    assert line["logger"] == "driftline.test"
    assert line["topic"] == "a\\nb"
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("library", ["faust.app", "mode.services", "aiokafka.consumer"])
def test_lines_of_libraries_go_the_same_way(output: io.StringIO, library: str) -> None:
    """A warning of theirs is one JSON line with its name; their chatter is left out."""
    configure_logs(LogStyle.JSON, output=output)
    logging.getLogger(library).info("chatter")
    logging.getLogger(library).warning("lost %s of %d", "one", 2)
    (line,) = lines(output)
    assert (line["event"], line["level"], line["logger"]) == ("lost one of 2", "warning", library)


def test_a_library_that_repeats_itself_is_heard_once_in_a_while(output: io.StringIO) -> None:
    """While a broker is away aiokafka says so 400 times a second; other lines are not held up."""
    configure_logs(LogStyle.JSON, output=output)
    aiokafka = logging.getLogger("aiokafka")
    for second in (0.0, 1.0, 9.0, 11.0, 12.0):
        line = aiokafka.makeRecord("aiokafka", logging.ERROR, "", 0, "no node %d", (1,), None)
        line.created = 1_000_000 + second
        aiokafka.handle(line)
    aiokafka.error("no node %d", 2)
    for _ in range(2):
        structlog.get_logger("driftline.test").warning("ours")
    said = [line["event"] for line in lines(output)]
    assert said == ["no node 1", "no node 1 (2 more like it before)", "no node 2", "ours", "ours"]


def test_no_secret_reaches_the_log(output: io.StringIO) -> None:
    """Neither by its key, nor inside an address, nor in the text of an exception."""
    configure_logs(LogStyle.JSON, output=output)
    log = structlog.get_logger()
    url = "redis://user:hunter2@example.org:6379/0"
    log.info("connected", address=url, sasl_password="hunter2", nested={"token": "hunter2"})  # noqa: S106
    failure = (ValueError, ValueError(url), None)
    log.error("failed", exc_info=failure)
    logging.getLogger("faust").error("failed at %s", url, exc_info=failure)
    assert "hunter2" not in output.getvalue()
    assert len(lines(output)) == 3
    assert lines(output)[0]["address"] == "redis://user:***@example.org:6379/0"


def test_what_goes_over_the_wire_is_in_no_log(output: io.StringIO) -> None:
    """At debug level aiokafka writes whole requests, and a SASL one holds the password."""
    configure_logs(LogStyle.JSON, "DEBUG", output=output)
    wire = logging.getLogger("aiokafka.conn")
    wire.debug("Request %d: %s", 3, r"SaslAuthenticateRequest_v1(sasl_auth_bytes=b'u\x00hunter2')")
    wire.info("Response %d: %s", 3, "hunter2")
    wire.warning("lost")
    assert [line["event"] for line in lines(output)] == ["lost"]


def test_two_names_that_look_alike_differ_in_the_log() -> None:
    """A character that cannot be seen is shown by its number."""
    for hidden in "\xad\u200b\u2060\ufeff\ufff9\U000e0041":
        assert printable(f"o{hidden}k") not in {"ok", f"o{hidden}k"}
        assert printable(f"o{hidden}k").isascii()


@pytest.mark.parametrize("style", LogStyle)
def test_a_record_cannot_paint_the_terminal(output: io.StringIO, style: LogStyle) -> None:
    """Escape sequences and characters that reorder text are shown, not obeyed."""
    configure_logs(style, output=output)
    hostile = "\x1b[2Jgone\u202etxt.exe\x9b1m\ud800"
    structlog.get_logger().warning("record_refused", id=hostile, text=[hostile])
    structlog.get_logger().error("failed", exc_info=(ValueError, ValueError(hostile), None))
    written = output.getvalue()
    assert not set(written) & set("\x1b\u202e\x9b\ud800")
    assert "gone" in written


def test_a_huge_value_is_cut(output: io.StringIO) -> None:
    """A line stays a line, and says how much there was."""
    configure_logs(LogStyle.JSON, output=output)
    structlog.get_logger().info("read", value="x" * 1_000_000)
    assert len(output.getvalue()) < 3_000
    assert "1000000 in all" in output.getvalue()


def test_levels_below_the_chosen_one_are_silent(output: io.StringIO) -> None:
    """At ERROR a warning is not written; at DEBUG the libraries speak too."""
    configure_logs(LogStyle.CONSOLE, "ERROR", output=output)
    structlog.get_logger().warning("quiet")
    assert output.getvalue() == ""
    configure_logs(LogStyle.CONSOLE, "DEBUG", output=output)
    logging.getLogger("faust").debug("loud")
    assert "loud" in output.getvalue()


def test_plain_text_stays_as_it_is() -> None:
    """Letters of every language, and addresses without a password, are not touched."""
    text = "кредит 信用 می\u200cشود ½ kafka://host:9092/topic?a=b me@example.org"
    assert printable(text) == text
    assert without_secrets(text) == text
