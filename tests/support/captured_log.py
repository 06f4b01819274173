"""All that is logged, at a level of choice, as driftline writes it."""

from __future__ import annotations

import io
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from driftline.logs import LogStyle, configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def captured_log(level: str = "DEBUG") -> Iterator[io.StringIO]:
    """Where lines of JSON go meanwhile; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    output = io.StringIO()
    configure_logs(LogStyle.JSON, level, output=output)
    try:
        yield output
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(before)
