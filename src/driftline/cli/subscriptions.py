"""`driftline subscriptions`: who is told of alerts at their own wish."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer
from pydantic import ValidationError
from rich.table import Table

from driftline.agents.clock import system_clock
from driftline.app.connections import find_redis
from driftline.app.stores import open_client
from driftline.cli.common import DeploymentOption, JsonOption, load, output, plain, write_json
from driftline.cli.matchers import MatchersArgument, read_matchers
from driftline.cli.person import who
from driftline.cli.routes_text import matchers_json, matchers_text
from driftline.cli.wording import when
from driftline.config.credentials import SecretSource, fetch_secret
from driftline.logs import printable
from driftline.model import to_datetime
from driftline.notify.receivers import build_subscription_receiver
from driftline.notify.subscriptions import SubscriptionStore, TargetKind
from driftline.notify.targets import make_target
from driftline.notify.trial import send_trial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from driftline.config.deployment import Deployment
    from driftline.notify.subscriptions import Subscription, SubscriptionTarget

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Who is told of alerts at their own wish."
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]
STANDARD_INPUT: Final = "-"
_Value = TypeVar("_Value")


@app.command()
def add(
    which: MatchersArgument = None,
    deployment: DeploymentOption = Path(),
    *,
    kind: Annotated[TargetKind, typer.Option(help="What the target is.")] = TargetKind.WEBHOOK,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The webhook's URL, if it is no secret.")
    ] = None,
    url_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The environment variable that holds it.")
    ] = None,
    url_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The file that holds it; - for standard input."),
    ] = None,
    secret_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The same of a webhook's secret; else a new one."),
    ] = None,
    secret_file: Annotated[str | None, typer.Option(metavar="FILE")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is. Left out: this user's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Have a webhook, or a Slack webhook, told of the alerts that match; without any: of all.

    URL and secret are kept in Redis and never shown again: a webhook's secret, with which calls
    are signed, is written only now.
    """
    declared = load(deployment)
    matchers = read_matchers(which or ())
    target = _target(declared, kind, (url, url_env, url_file), (secret_env, secret_file))
    made = asyncio.run(
        _with_store(
            declared,
            lambda store: store.add(owner or who(), matchers, target, now=system_clock()),
        )
    )
    given = secret_env is not None or secret_file is not None
    secret = None if given or target.secret is None else target.secret.get_secret_value()
    if as_json:
        write_json({**subscription_json(made), "secret": secret})
        return
    typer.echo(made.id)
    if secret is not None:
        typer.echo(f"its secret, which is not shown again: {secret}", err=True)


def _target(
    deployment: Deployment,
    kind: TargetKind,
    url: tuple[str | None, str | None, str | None],
    secret: tuple[str | None, str | None],
) -> SubscriptionTarget:
    if sum(one is not None for one in url) != 1:
        message = "say where to: --url, --url-env or --url-file, one of them"
        raise typer.BadParameter(message)
    if None not in secret:
        message = "say --secret-env or --secret-file, not both"
        raise typer.BadParameter(message)
    plain_url, *source = url
    if plain_url is not None and kind is TargetKind.SLACK_WEBHOOK:
        message = "who knows a Slack webhook's URL may post: give it by --url-env or --url-file"
        raise typer.BadParameter(message, param_hint="--url")
    return make_target(
        kind,
        plain_url if plain_url is not None else _fetch(*source),
        _fetch(*secret) if any(secret) else None,
        allow_private=deployment.alerting.subscriptions.allow_private,
    )


def _fetch(env: str | None, file: str | None) -> str:
    if file == STANDARD_INPUT:
        return sys.stdin.readline().rstrip("\r\n")
    try:
        source = SecretSource(env=env, file=file)
    except ValidationError:
        message = "should name an environment variable or a file"
        raise typer.BadParameter(message) from None
    # Relative to where the command is given, as every file on a command line.
    return fetch_secret(source, Path(), os.environ)


@app.command(name="list")
def list_(
    deployment: DeploymentOption = Path(),
    *,
    owner: Annotated[str | None, typer.Option(help="Only those of this one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The subscriptions, oldest first, without their URLs and secrets."""
    found = asyncio.run(_with_store(load(deployment), lambda store: store.list(owner)))
    if as_json:
        write_json([subscription_json(one) for one in found])
    elif found:
        output().print(subscriptions_table(found))
    else:
        typer.echo("no subscriptions", err=True)


@app.command()
def pause(subscription_id: IdArgument, deployment: DeploymentOption = Path()) -> None:
    """Send nothing for now. What comes meanwhile is not made up for."""
    _report(_with_store(load(deployment), lambda store: store.pause(subscription_id)))


@app.command()
def resume(subscription_id: IdArgument, deployment: DeploymentOption = Path()) -> None:
    """Send again, one that was disabled too: what comes from now on."""
    _report(_with_store(load(deployment), lambda store: store.resume(subscription_id)))


@app.command()
def remove(subscription_id: IdArgument, deployment: DeploymentOption = Path()) -> None:
    """Remove it, with its URL and its secret."""
    asyncio.run(_with_store(load(deployment), lambda store: store.remove(subscription_id)))
    typer.echo(printable(f"{subscription_id}: removed"))


@app.command(name="test")
def try_(subscription_id: IdArgument, deployment: DeploymentOption = Path()) -> None:
    """Send a test message, whatever its state. Exit code 1, with the reason, if it fails."""
    declared = load(deployment)
    one = asyncio.run(_with_store(declared, lambda store: store.get(subscription_id)))
    allow_private = declared.alerting.subscriptions.allow_private
    sent = asyncio.run(_try(one, declared.alerting.base_url, allow_private=allow_private))
    typer.echo(f"{one.id}: sent as {sent}")


async def _try(one: Subscription, base_url: str | None, *, allow_private: bool) -> str:
    receiver = build_subscription_receiver(one, allow_private=allow_private)
    return await send_trial(one.receiver, receiver, base_url=base_url)


async def _with_store(
    deployment: Deployment, do: Callable[[SubscriptionStore], Awaitable[_Value]]
) -> _Value:
    async with open_client(find_redis(deployment, os.environ)) as client:
        limits = deployment.alerting.subscriptions
        return await do(SubscriptionStore(client, deployment.settings.name, limits))


def _report(changed: Coroutine[Any, Any, Subscription]) -> None:
    one = asyncio.run(changed)
    typer.echo(printable(f"{one.id}: {_state(one)}"))


def subscriptions_table(subscriptions: Sequence[Subscription]) -> Table:
    """One line for each subscription."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True)
    for name in ("owner", "told of", "target"):
        table.add_column(name, overflow="fold")
    table.add_column("since", no_wrap=True)
    table.add_column("state", overflow="fold")
    for one in subscriptions:
        table.add_row(
            one.id,
            plain(one.owner),
            plain(matchers_text(one.filter)),
            plain(f"{one.target.kind.value} at {one.target.host}"),
            when(to_datetime(one.created_at)),
            plain(_state(one)),
        )
    return table


def _state(one: Subscription) -> str:
    why = f": {one.disabled_reason}" if one.disabled_reason else ""
    return f"{one.state.value}{why}"


def subscription_json(one: Subscription) -> dict[str, Any]:
    """A subscription as `--json` writes it: without its URL and its secret."""
    return {
        "id": one.id,
        "owner": one.owner,
        "filter": matchers_json(one.filter),
        "target": {"kind": one.target.kind.value, "host": one.target.host},
        "state": one.state.value,
        "disabled_reason": one.disabled_reason,
        "failures": one.failures,
        "created_at": to_datetime(one.created_at),
    }
