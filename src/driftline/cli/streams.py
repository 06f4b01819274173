"""`driftline streams`: what is stored of a stream, and what of it is suspended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.agents.clock import system_clock
from driftline.app.connections import find_connections
from driftline.app.forgetting import Target, find_target, forget
from driftline.app.log_commands import build_command
from driftline.app.resuming import resume
from driftline.app.stores import open_store
from driftline.cli.common import DeploymentOption, load
from driftline.cli.person import who
from driftline.cli.wording import many
from driftline.eventlog.messages import CommandKind
from driftline.logs import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.deployment import Deployment

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Remove what is stored of a stream, or resume what is suspended.",
)


@app.callback()
def _streams() -> None:
    """Remove what is stored of a stream, or resume what is suspended."""


@app.command(name="resume")
def resume_(
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="A stream, or one instance: STREAM/VALUE.")
    ],
    deployment: DeploymentOption = Path(),
) -> None:
    """Let suspended instances go on from what is stored of them, with the records that come next.

    What was passed over meanwhile is not made up for. Exit code 1 if one is suspended again.
    """
    resumed, left = asyncio.run(_resume(load(deployment), stream))
    for name in resumed:
        typer.echo(printable(f"{name}: resumed"))
    for name, reason in left.items():
        typer.echo(printable(f"{name}: suspended again: {reason}"), err=True)
    if left:
        raise typer.Exit(1)


async def _resume(deployment: Deployment, name: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    connections = find_connections(deployment, os.environ)
    async with open_store(deployment, connections) as store:
        command = build_command(CommandKind.RESUME, name, by=who(), at=system_clock())
        return await resume(deployment, connections, store, command)


@app.command(name="forget")
def forget_(
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="A stream, or one instance: STREAM/VALUE.")
    ],
    deployment: DeploymentOption = Path(),
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove what is stored of a stream: detectors, windows, waiting predictions, books.

    Topics stay as they are. While its records keep coming, a stream that is declared begins anew.
    """
    removed = asyncio.run(_forget(load(deployment), stream, yes=yes))
    if removed is None:
        typer.echo("nothing was removed", err=True)
        raise typer.Exit(1)
    typer.echo(printable(f"{stream}: {many(removed, 'instance')} forgotten"))


async def _forget(deployment: Deployment, name: str, *, yes: bool) -> int | None:
    connections = find_connections(deployment, os.environ)
    async with open_store(deployment, connections) as store:
        target = await find_target(deployment, store, name)
        if not yes and not _confirmed(target):
            return None
        command = build_command(CommandKind.FORGET, target.name, by=who(), at=system_clock())
        return await forget(deployment, connections, store, target, command)


def _confirmed(target: Target) -> bool:
    stored = many(len(target.instances), "instance")
    return typer.confirm(
        printable(f"Remove all that is stored of {target.name} ({stored})? It cannot be undone."),
        err=True,
    )
