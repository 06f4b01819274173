"""`driftline web`: the HTTP API."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from driftline.app.web.run import run_web
from driftline.cli.common import DeploymentOption, load

app = typer.Typer()


@app.command()
def web(deployment: DeploymentOption = Path()) -> None:
    """Serve the HTTP API, where `web` of config/driftline.yaml says. Ctrl-C or SIGTERM ends it."""
    run_web(load(deployment), os.environ)
