"""`driftline tokens`: who may use the HTTP API."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from driftline.app.connections import find_redis
from driftline.app.stores import open_client
from driftline.cli.common import (
    DeploymentOption,
    JsonOption,
    load,
    output,
    plain,
    read_duration,
    write_json,
    write_line,
)
from driftline.store.keys import Keys
from driftline.web.tokens import Scope, TokenStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from driftline.config.deployment import Deployment
    from driftline.web.tokens import Token

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Who may use the HTTP API: create, list, revoke.",
)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Whose it is: a-z, 0-9 and -. The audit log says it.")
]


@app.command()
def create(
    name: NameArgument,
    deployment: DeploymentOption = Path(),
    *,
    scope: Annotated[Scope, typer.Option(help="What it may do; each includes the one before.")],
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            parser=read_duration, metavar="DURATION", help="Such as 90d. Left out: never."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and write it: only its SHA-256 is kept, so it is shown this once."""
    made = asyncio.run(_create(load(deployment), name, scope, expires_in))
    if as_json:
        write_json({"name": name, "scope": scope.value, "token": made})
    else:
        write_line(made)


async def _create(
    deployment: Deployment, name: str, scope: Scope, lifetime: timedelta | None
) -> str:
    async with _store(deployment) as store:
        return await store.create(name, scope, now=datetime.now(UTC), lifetime=lifetime)


@app.command(name="list")
def list_(deployment: DeploymentOption = Path(), *, as_json: JsonOption = False) -> None:
    """The tokens by name: what each may do, since when and until when."""
    tokens = asyncio.run(_list(load(deployment)))
    if as_json:
        write_json([_as_json(token) for token in tokens])
    elif tokens:
        output().print(_table(tokens))
    else:
        typer.echo("no tokens", err=True)


async def _list(deployment: Deployment) -> Sequence[Token]:
    async with _store(deployment) as store:
        return await store.list()


@app.command()
def revoke(name: NameArgument, deployment: DeploymentOption = Path()) -> None:
    """Forget a token: it opens nothing from now on. Exit code 1 if there is none of this name."""
    if not asyncio.run(_revoke(load(deployment), name)):
        typer.echo(f"no token {name!r}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{name}: revoked")


async def _revoke(deployment: Deployment, name: str) -> bool:
    async with _store(deployment) as store:
        return await store.revoke(name)


@asynccontextmanager
async def _store(deployment: Deployment) -> AsyncIterator[TokenStore]:
    async with open_client(find_redis(deployment, os.environ)) as client:
        yield TokenStore(client, Keys(deployment.settings.name))


def _as_json(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "scope": token.scope.value,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }


def _table(tokens: Sequence[Token]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("name", "scope", "created", "expires"):
        table.add_column(name, no_wrap=True)
    for token in tokens:
        ends = "never" if token.expires_at is None else f"{token.expires_at:%Y-%m-%d %H:%M} UTC"
        created = f"{token.created_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(plain(token.name), plain(token.scope), plain(created), plain(ends))
    return table
