"""`driftline status`: instances, owners, lag, the books, the join, detectors, windows."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.app.connections import find_connections
from driftline.app.status.collect import collect_status
from driftline.app.stores import open_store
from driftline.cli.common import DeploymentOption, JsonOption, load, output, write_json
from driftline.cli.status_text import status_page

if TYPE_CHECKING:
    from driftline.app.status.report import StatusReport
    from driftline.config.deployment import Deployment

app = typer.Typer(add_completion=False)


@app.command()
def status(
    stream: Annotated[
        str | None,
        typer.Argument(metavar="STREAM", help="Only this one, in more detail. Left out: all."),
    ] = None,
    deployment: DeploymentOption = Path(),
    *,
    as_json: JsonOption = False,
) -> None:
    """How the deployment is doing, from what Redis and Kafka know. Changes nothing."""
    report = asyncio.run(_collect(load(deployment), stream))
    if as_json:
        write_json(report)
    else:
        output().print(status_page(report, detailed=stream is not None))


async def _collect(deployment: Deployment, stream: str | None) -> StatusReport:
    connections = find_connections(deployment, os.environ)
    async with open_store(deployment, connections) as store:
        return await collect_status(deployment, connections, store, stream=stream)
