"""`driftline worker`: the Faust worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from driftline.app.process import run_worker
from driftline.app.roles import WorkerRole
from driftline.cli.common import DeploymentOption, load

app = typer.Typer()


@app.command()
def worker(
    deployment: DeploymentOption = Path(),
    *,
    role: Annotated[
        list[WorkerRole] | None,
        typer.Option(help="Do this part only; may be given several times. Left out: all of them."),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Come back although a newer deployment took this one's place."
        ),
    ] = False,
) -> None:
    """Run: read the topics, watch the signals, raise alerts. Ctrl-C or SIGTERM ends it cleanly."""
    roles = tuple(dict.fromkeys(role or WorkerRole))
    run_worker(load(deployment), roles=roles, take_over=take_over, environ=os.environ)
