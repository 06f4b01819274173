"""`driftline demo`: watch a model go wrong."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from driftline.cli.common import JsonOption, output, write_json
from driftline.demo.scenes import SCENES
from driftline.demo.stage import set_stage
from driftline.logs import LogStyle, configure_logs

app = typer.Typer()


class SceneName(StrEnum):
    """What can be played."""

    CAR_LOAN = "car-loan"
    INSECTS = "insects"


@app.command()
def demo(
    scene: Annotated[SceneName, typer.Argument(help="What to play.")] = SceneName.CAR_LOAN,
    *,
    json: JsonOption = False,
) -> None:
    """Watch a model go wrong: embedded Kafka and Redis, real data, alerts as they fire.

    It ends by itself, within a minute, and leaves nothing behind. With --json the outcome goes to
    standard output in the end, and all else to standard error.
    """
    # What the parts report while all goes well would stand between the alerts.
    configure_logs(LogStyle.CONSOLE, "ERROR")
    console = Console(stderr=True, highlight=False, markup=False) if json else output()
    if not console.is_terminal and hasattr(sys.stdout, "reconfigure"):
        # A chart that a narrow encoding cannot hold is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    with set_stage(SCENES[scene.value]) as stage:
        # This loads a good deal, while the worker does the same.
        from driftline.demo.run import run_demo  # noqa: PLC0415

        outcome = run_demo(stage, console)
    if json:
        write_json(outcome.to_json())
