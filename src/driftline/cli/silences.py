"""`driftline silences`: of which alerts people are not told for a time."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.table import Table

from driftline.agents.clock import system_clock
from driftline.app.alerting_notes import match_notes
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
)
from driftline.cli.matchers import MatchersArgument, read_matchers
from driftline.cli.person import who
from driftline.cli.routes_text import matchers_json, matchers_text
from driftline.cli.wording import when
from driftline.logs import printable
from driftline.model import to_datetime, to_micros
from driftline.notify.silences import SilenceStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from driftline.config.deployment import Deployment
    from driftline.model import Micros
    from driftline.notify.silences import Silence

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Mute alerts for a time: add, list, expire."
)

_Value = TypeVar("_Value")


def read_moment(text: str) -> datetime:
    """A time given on the command line, in UTC if it names no zone; wrong usage if it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = "should be a time such as 2026-03-01T18:00Z"
        raise typer.BadParameter(message) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@app.command()
def add(
    which: MatchersArgument = None,
    deployment: DeploymentOption = Path(),
    *,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.")],
    duration: Annotated[
        timedelta | None,
        typer.Option("--for", parser=read_duration, metavar="DURATION", help="Such as 2h."),
    ] = None,
    begin: Annotated[
        datetime | None,
        typer.Option("--from", parser=read_moment, metavar="TIME", help="Left out: now."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--until", parser=read_moment, metavar="TIME", help="Instead of --for."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who. Left out: this user.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Do not tell people of the alerts that match, from now or --from on, and for how long.

    The alerts stay what they are. What still fires when the silence is over is then told.
    """
    if (duration is None) == (end is None):
        message = "say how long: --for 2h, or --until 2026-03-01T18:00Z"
        raise typer.BadParameter(message)
    now = system_clock()
    starts_at = to_micros(begin) if begin is not None else now
    ends_at = to_micros(end or to_datetime(starts_at) + (duration or timedelta()))
    matchers = read_matchers(which or ())
    declared = load(deployment)
    made = asyncio.run(
        _do(
            declared,
            lambda store: store.add(
                matchers,
                starts_at=starts_at,
                ends_at=ends_at,
                created_by=by or who(),
                comment=comment,
                now=now,
            ),
        )
    )
    for key, said in match_notes(matchers, declared):
        typer.echo(printable(f"warning: {key}: {said}"), err=True)
    if as_json:
        write_json(silence_json(made, now))
    else:
        typer.echo(made.id)


@app.command(name="list")
def list_(
    deployment: DeploymentOption = Path(),
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Those that are over, too, for 30 days.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The silences that mute or will, newest first."""
    now = system_clock()
    found = [
        one for one in _with_store(deployment, SilenceStore.list) if every or one.ends_at > now
    ]
    if as_json:
        write_json([silence_json(one, now) for one in found])
    elif found:
        output().print(silences_table(found, now))
    else:
        typer.echo("no silences", err=True)


@app.command()
def expire(
    silence_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    deployment: DeploymentOption = Path(),
) -> None:
    """End a silence now."""
    now = system_clock()
    ended = _with_store(deployment, lambda store: store.expire(silence_id, now))
    typer.echo(f"{ended.id}: over since {when(to_datetime(ended.ends_at))}")


def _with_store(directory: Path, do: Callable[[SilenceStore], Awaitable[_Value]]) -> _Value:
    return asyncio.run(_do(load(directory), do))


async def _do(deployment: Deployment, do: Callable[[SilenceStore], Awaitable[_Value]]) -> _Value:
    async with open_client(find_redis(deployment, os.environ)) as client:
        return await do(SilenceStore(client, deployment.settings.name))


def silences_table(silences: Sequence[Silence], now: Micros) -> Table:
    """One line for each silence."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "state", "from", "until"):
        table.add_column(name, no_wrap=True)
    for name in ("mutes", "by", "why"):
        table.add_column(name, overflow="fold")
    for one in silences:
        table.add_row(
            one.id,
            silence_state(one, now),
            when(to_datetime(one.starts_at)),
            when(to_datetime(one.ends_at)),
            plain(matchers_text(one.matchers)),
            plain(one.created_by),
            plain(one.comment),
        )
    return table


def silence_state(silence: Silence, now: Micros) -> str:
    """Where the silence stands: pending, active or expired, as the API says it."""
    if silence.active(now):
        return "active"
    return "pending" if now < silence.starts_at else "expired"


def silence_json(silence: Silence, now: Micros) -> dict[str, Any]:
    """A silence as `--json` writes it."""
    return {
        "id": silence.id,
        "state": silence_state(silence, now),
        "matchers": matchers_json(silence.matchers),
        "starts_at": to_datetime(silence.starts_at),
        "ends_at": to_datetime(silence.ends_at),
        "created_by": silence.created_by,
        "created_at": to_datetime(silence.created_at),
        "comment": silence.comment,
    }
