"""One log for everything: driftline's lines and those of Faust, mode, aiokafka and confluent-kafka.

Lines go to standard error: coloured text for people, one JSON object a line for machines. Whatever
is in a line, it prints no password of an address and no character that would fool a terminal.
"""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from typing import TextIO

    from structlog.typing import EventDict, Processor

LONGEST_VALUE: Final = 2_000
"""Characters of one value that are logged: a record may be a megabyte."""

HIDDEN: Final = "***"

# Below their own warnings these say what only their authors need.
TALKATIVE: Final = (
    "faust",
    "mode",
    "aiokafka",
    "confluent_kafka",
    "asyncio",
    "kafka",
    "uvicorn",
    # Faust's services log under the module of their class: each start and stop of each of them.
    "driftline.transport.consumer",
    "driftline.transport.consumer_thread",
    "driftline.transport.faust_batches",
)

# At debug level these write out whole requests and answers: passwords, tokens, and all records.
INDISCREET: Final = ("aiokafka.conn",)

ONCE_IN_SECONDS: Final = 10.0
"""How often a library may repeat a warning: aiokafka says 400 a second while a broker is away."""
_MOST_REMEMBERED: Final = 1_000

_SECRET_KEY: Final = re.compile(
    r"password|passwd|secret|token|credential|authorization", re.IGNORECASE
)
_URL_PASSWORD: Final = re.compile(r"(?P<before>://[^/@\s:]*:)[^@\s/]+@")
# Line separators, what reorders text, and what is there and cannot be seen: soft hyphen, zero width
# characters but for the two joiners that some languages write with, tags, annotation marks.
_DECEPTIVE: Final = (
    "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)
# Beside them the C0 controls: terminal escapes begin with one.
_UNPRINTABLE: Final = re.compile(f"[\x00-\x1f{_DECEPTIVE}]")
_UNPRINTABLE_IN_TRACEBACK: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_DECEPTIVE}]")


class LogStyle(StrEnum):
    """Who reads the log."""

    CONSOLE = "console"
    JSON = "json"


class _Sparing(logging.Filter):
    """Lets a library's warning through once in a while, and says how many like it were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._left_out: dict[tuple[str, str], tuple[float, int]] = {}
        """By logger and text: when it was last let through, and how many came since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        if record.levelno < logging.WARNING or not record.name.startswith(TALKATIVE):
            return True
        key = record.name, record.getMessage()
        at, left_out = self._left_out.get(key, (float("-inf"), 0))
        if at <= record.created < at + ONCE_IN_SECONDS:
            self._left_out[key] = at, left_out + 1
            return False
        if len(self._left_out) >= _MOST_REMEMBERED:
            self._left_out.clear()
        self._left_out[key] = record.created, 0
        if left_out:
            record.msg, record.args = f"{key[1]} ({left_out:,} more like it before)", ()
        return True


def configure_logs(style: LogStyle, level: str = "INFO", *, output: TextIO | None = None) -> None:
    """Send every line of this process, structlog's and the standard library's, to one output.

    The output is standard error unless another is given. `level` is a standard level name, in
    any case.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(logging_config(style, level, output=output))
    logging.captureWarnings(capture=True)


def logging_config(
    style: LogStyle, level: str = "INFO", *, output: TextIO | None = None
) -> dict[str, Any]:
    """The same as a `logging.config` dictionary.

    Faust is given it whole, as mode would otherwise clear the root logger's handlers for its own.
    """
    stream = sys.stderr if output is None else output
    level = level.upper()
    others = level if level == "DEBUG" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "driftline": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _renderer(style, colors=stream.isatty()),
                ],
                "foreign_pre_chain": [structlog.stdlib.add_logger_name, *_shared_processors()],
            }
        },
        "filters": {"sparing": {"()": _Sparing}},
        "handlers": {
            "output": {
                "class": "logging.StreamHandler",
                "filters": ["sparing"],
                "formatter": "driftline",
                "stream": stream,
            }
        },
        "root": {"level": level, "handlers": ["output"]},
        "loggers": {
            **{name: {"level": others} for name in TALKATIVE},
            **{name: {"level": "WARNING"} for name in INDISCREET},
        },
    }


def printable(text: str) -> str:
    """The text with each control, bidirectional, invisible and surrogate character as its escape.

    For all that comes from records and is shown in a terminal or written to a line of a log.
    """
    return _UNPRINTABLE.sub(_escape, text)


def without_secrets(text: str) -> str:
    """The text with the password of every address in it hidden."""
    return _URL_PASSWORD.sub(rf"\g<before>{HIDDEN}@", text)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Never the rich form: it prints the local variables, and so secrets.
        structlog.processors.format_exc_info,
        _make_safe,
    ]


def _renderer(style: LogStyle, *, colors: bool) -> Processor:
    if style is LogStyle.JSON:
        return structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )


def _make_safe(_logger: object, _method: str, event: EventDict) -> MutableMapping[str, Any]:
    """Hide secrets and escape what is not printable, in every value of the line."""
    return {key: _safe_value(key, value) for key, value in event.items()}


def _safe_value(key: str, value: object) -> object:
    if (
        key in {"_record", "_from_structlog"}
        or value is None
        or isinstance(value, bool | int | float)
    ):
        return value
    if _SECRET_KEY.search(key):
        return HIDDEN
    if key in {"exception", "stack"}:
        return _UNPRINTABLE_IN_TRACEBACK.sub(_escape, without_secrets(str(value)))
    if isinstance(value, dict):
        return _safe_mapping(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe_value("", item) for item in value]
    text = printable(without_secrets(str(value)))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} in all)"


def _safe_mapping(value: Mapping[object, object]) -> dict[str, object]:
    return {printable(str(name)): _safe_value(str(name), item) for name, item in value.items()}


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
