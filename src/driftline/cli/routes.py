"""`driftline routes`: where an alert would go."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from driftline.app.connections import find_redis
from driftline.app.stores import open_client
from driftline.cli.common import (
    DeploymentOption,
    JsonOption,
    load,
    note_undeclared,
    output,
    plain,
    write_json,
)
from driftline.cli.matchers import read_pairs
from driftline.cli.routes_text import hours_text, manner_text, matchers_text, route_json
from driftline.config.conflicts import KINDS
from driftline.model import Severity
from driftline.notify.matching import Description
from driftline.notify.routing import Router
from driftline.notify.subscriptions import SubscriptionStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.deployment import Deployment
    from driftline.notify.routing import Assignment
    from driftline.notify.subscriptions import Subscription

CHOICES: Final = {"severity": tuple(Severity), "kind": KINDS}

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Where an alert would go: test.")


@app.callback()
def _routes() -> None:
    """Where an alert would go: test."""


@app.command(name="test")
def try_(
    alert: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="What the alert is: stream, instance, signal, severity, kind, owner, tag (several"
            " times for several).",
        ),
    ] = None,
    deployment: DeploymentOption = Path(),
    *,
    subscriptions: Annotated[
        bool, typer.Option("--subscriptions", help="Those in Redis, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show to whom an alert would go, by which route and how. Sends nothing, asks no server.

    What is left out is a drift alert's of the signal `error`, with the severity, owner and tags
    that the stream declares. Whether it is told at that moment also depends on silences and on
    ceilings.
    """
    declared = load(deployment)
    described = describe(declared, alert or ())
    active = asyncio.run(_subscriptions(declared)) if subscriptions else ()
    assigned = Router(declared.alerting, lambda: active).assign(described)
    if as_json:
        write_json(assignments_json(described, assigned))
        return
    console = output()
    console.print(plain(f"alert: {description_text(described)}"), soft_wrap=True)
    if assigned:
        console.print(assignments_table(assigned))
    else:
        typer.echo("no route matches: it is on the alerts topic and in the log only", err=True)


async def _subscriptions(deployment: Deployment) -> Sequence[Subscription]:
    async with open_client(find_redis(deployment, os.environ)) as client:
        return await SubscriptionStore(client, deployment.settings.name).list_active()


def describe(deployment: Deployment, texts: Sequence[str]) -> Description:
    """The alert that is described, completed from the declaration of its stream."""
    pairs = read_pairs(texts)
    given = {key: _the_one(key, values) for key, values in pairs.items() if key != "tag"}
    name = given.get("stream") or given.get("instance", "").partition("/")[0] or None
    note_undeclared(deployment, name)
    stream = deployment.streams.get(name or "")
    signal = given.get("signal", "error")
    watches = [one for one in (stream.watches if stream else ()) if one.signal == signal]
    return Description(
        stream=name,
        instance=given.get("instance", name),
        signal=signal,
        severity=given.get("severity", watches[0].severity.value if watches else "warning"),
        kind=given.get("kind", "drift"),
        owner=given.get("owner", stream.spec.owner if stream else None),
        tags=tuple(pairs.get("tag", stream.spec.tags if stream else ())),
    )


def _the_one(key: str, values: Sequence[str]) -> str:
    if len(values) > 1:
        message = f"an alert has one {key}; only tags may be several"
        raise typer.BadParameter(message)
    if key in CHOICES and values[0] not in CHOICES[key]:
        message = f"{key} should be {', '.join(CHOICES[key])}"
        raise typer.BadParameter(message)
    return values[0]


def description_text(alert: Description) -> str:
    """The alert on a line, as the command line takes it."""
    names = ("stream", "instance", "signal", "severity", "kind", "owner")
    pairs = [(name, getattr(alert, name)) for name in names]
    pairs += [("tag", tag) for tag in alert.tags]
    return " ".join(f"{name}={value}" for name, value in pairs if value is not None)


def assignments_table(assigned: Sequence[Assignment]) -> Table:
    """One line for each receiver."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("receiver", no_wrap=True)
    table.add_column("route")
    for name in ("matches", "how", "hours"):
        table.add_column(name, overflow="fold")
    for one in assigned:
        table.add_row(
            plain(one.receiver),
            "-" if one.place is None else str(one.place),
            plain(matchers_text(one.route.match)),
            manner_text(one.route),
            hours_text(one.route.hours),
        )
    return table


def assignments_json(alert: Description, assigned: Sequence[Assignment]) -> dict[str, Any]:
    """What `--json` writes."""
    return {
        "alert": {
            "stream": alert.stream,
            "instance": alert.instance,
            "signal": alert.signal,
            "severity": alert.severity,
            "kind": alert.kind,
            "owner": alert.owner,
            "tags": list(alert.tags),
        },
        "receivers": [
            {"receiver": one.receiver, "number": one.place, "route": route_json(one.route)}
            for one in assigned
        ],
    }
