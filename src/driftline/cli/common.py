"""What the commands share: the deployment they are about, and how they write."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from driftline.config.deployment import load_deployment
from driftline.config.durations import parse_duration
from driftline.config.settings import Settings, with_environment
from driftline.errors import DeploymentError, nearest
from driftline.logs import LogStyle, configure_logs, printable

if TYPE_CHECKING:
    from driftline.config.deployment import Deployment, Stream

DeploymentOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--deployment", "-d", metavar="DIR", help="Where streams/, detectors/, config/ are."
    ),
]
PredictionsOption: TypeAlias = Annotated[
    Path, typer.Option(metavar="FILE", help="CSV, JSON lines (either also .gz) or Parquet.")
]
LabelsOption: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Left out: no labels.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Write JSON, for machines.")]

PIPED_WIDTH: Final = 10_000
"""Columns of a table that does not go to a terminal: a row is one line, for grep and cut."""


def load(directory: Path) -> Deployment:
    """The deployment with the addresses of the environment; logs are then written as it says.

    Raises:
        DeploymentError: with every problem of the files and of the environment.
    """
    try:
        deployment = load_deployment(directory)
    except DeploymentError as error:
        raise DeploymentError([*error.problems, *_environment_problems()]) from error
    settings = with_environment(deployment.settings, os.environ)
    configure_logs(_style(settings.logs.format), settings.logs.level)
    return replace(deployment, settings=settings)


def _environment_problems() -> tuple[Any, ...]:
    try:
        with_environment(Settings(), os.environ)
    except DeploymentError as error:
        return error.problems
    return ()


def _style(declared: str) -> LogStyle:
    if declared == "auto":
        return LogStyle.CONSOLE if sys.stderr.isatty() else LogStyle.JSON
    return LogStyle(declared)


def find_stream(deployment: Deployment, name: str) -> Stream:
    """The stream of that name; wrong usage, with the nearest name, if there is none."""
    stream = deployment.streams.get(name)
    if stream is None:
        message = f"no stream '{printable(name)}' ({_right_name(deployment, name)})"
        raise typer.BadParameter(message, param_hint="STREAM")
    return stream


def note_undeclared(deployment: Deployment, stream: str | None) -> None:
    """Say so where the stream that is asked for is not declared."""
    if stream is not None and stream not in deployment.streams:
        hint = _right_name(deployment, stream)
        typer.echo(f"no stream '{printable(stream)}' is declared ({hint})", err=True)


def _right_name(deployment: Deployment, stream: str) -> str:
    near = nearest(stream, deployment.streams)
    return f"did you mean '{near}'?" if near else f"there are: {', '.join(deployment.streams)}"


def read_duration(text: str) -> timedelta:
    """A duration given on the command line; wrong usage if it is none."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


LabelDelayOption: TypeAlias = Annotated[
    timedelta | None,
    typer.Option(
        parser=read_duration,
        metavar="DURATION",
        help="How long after its prediction a label comes, such as 7d; else as the file says.",
    ),
]


def output() -> Console:
    """Standard output for tables and text: as wide as the terminal; to a file a row is a line."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(highlight=False, markup=False, width=width)


def plain(value: object) -> Text:
    """What came from data, as a cell: neither markup nor control characters have their way."""
    return Text(printable(str(value)))


def write_json(value: object) -> None:
    """One JSON document, indented."""
    write_line(json.dumps(_plain_values(value), indent=2))


def write_json_line(value: object) -> None:
    """One JSON document on one line."""
    write_line(json.dumps(_plain_values(value), separators=(",", ":")))


def _plain_values(value: object) -> Any:
    # Times as ISO 8601, NaN as null. `json` then escapes what is not ASCII: a terminal sees no
    # control or direction characters of the data.
    return msgspec.json.decode(msgspec.json.encode(value))


def write_line(text: str) -> None:
    """A line on standard output, at once: whoever reads along sees it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
