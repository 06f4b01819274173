"""`driftline demo`: watch a model go wrong."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from io import TextIOWrapper
from typing import Annotated, Final

import typer
from rich.console import Console

from driftline.cli.common import JsonOption, write_json
from driftline.demo.scenes import SCENES
from driftline.demo.stage import set_stage
from driftline.logs import LogStyle, configure_logs

app = typer.Typer()

PIPED_WIDTH: Final = 160
"""Columns for what does not go to a terminal: charts are drawn as wide as they may be."""


class SceneName(StrEnum):
    """What can be played."""

    CAR_LOAN = "car-loan"
    INSECTS = "insects"


@app.command()
def demo(
    scene: Annotated[
        SceneName, typer.Argument(metavar="SCENE", help="What to play.")
    ] = SceneName.CAR_LOAN,
    *,
    json: JsonOption = False,
) -> None:
    """Watch a model go wrong: embedded Kafka and Redis, real data, alerts as they fire.

    It ends by itself, within a minute, and leaves nothing behind. With --json the outcome goes to
    standard output in the end, and all else to standard error.
    """
    # What the parts report while all goes well would stand between the alerts.
    configure_logs(LogStyle.CONSOLE, "ERROR")
    stream = sys.stderr if json else sys.stdout
    if isinstance(stream, TextIOWrapper):
        # A chart that the terminal's encoding cannot hold is no reason to fail.
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    console = Console(file=stream, highlight=False, markup=False, width=width)
    with set_stage(SCENES[scene.value]) as stage:
        # This loads a good deal, while the worker does the same.
        from driftline.demo.run import run_demo  # noqa: PLC0415

        outcome = run_demo(stage, console)
    if json:
        write_json(outcome.to_json())
