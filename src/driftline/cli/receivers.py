"""`driftline receivers`: the ways out that are declared, and whether they work."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from driftline.cli.common import DeploymentOption, JsonOption, load, output, plain, write_json
from driftline.cli.routes_text import receivers_json
from driftline.config.alerting import ALERTING_FILE
from driftline.errors import DriftlineError, nearest
from driftline.logs import printable
from driftline.notify.notification import DeliveryError
from driftline.notify.receivers import build_receiver
from driftline.notify.trial import send_trial

if TYPE_CHECKING:
    from driftline.config.alerting import AlertingSpec, ReceiverSpec
    from driftline.config.deployment import Deployment

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The receivers of config/alerting.yaml: list, test.",
)


@app.command(name="list")
def list_(deployment: DeploymentOption = Path(), *, as_json: JsonOption = False) -> None:
    """List the receivers, and which routes lead to them. Asks no server, shows no secret."""
    alerting = load(deployment).alerting
    if as_json:
        write_json(_listed_json(alerting))
    elif alerting.receivers:
        output().print(_table(alerting))
    else:
        typer.echo(f"no receiver is declared in {ALERTING_FILE}", err=True)


@app.command(name="test")
def try_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The receiver, as declared.")],
    deployment: DeploymentOption = Path(),
) -> None:
    """Send a test message. Exit code 1, with the reason, if it does not arrive."""
    declared = load(deployment)
    spec = _find(declared.alerting, name)
    sent = asyncio.run(_try(declared, name, spec))
    typer.echo(f"{name}: sent as {sent}")


async def _try(deployment: Deployment, name: str, spec: ReceiverSpec) -> str:
    receiver = build_receiver(name, spec, deployment.directory, os.environ)
    try:
        return await send_trial(name, receiver, base_url=deployment.alerting.base_url)
    except DeliveryError as error:
        message = f"receiver {name}: {error}"
    raise DriftlineError(message)


def _find(alerting: AlertingSpec, name: str) -> ReceiverSpec:
    spec = alerting.receivers.get(name)
    if spec is None:
        near = nearest(name, alerting.receivers)
        there = ", ".join(alerting.receivers) or f"none, see {ALERTING_FILE}"
        hint = f"did you mean '{near}'?" if near else f"there are: {there}"
        message = f"no receiver '{printable(name)}' ({hint})"
        raise typer.BadParameter(message, param_hint="NAME")
    return spec


def _routes_to(alerting: AlertingSpec, name: str) -> list[int]:
    return [place for place, route in enumerate(alerting.routes) if name in route.receivers]


def _listed_json(alerting: AlertingSpec) -> dict[str, object]:
    return {
        name: {**told, "routes": _routes_to(alerting, name)}
        for name, told in receivers_json(alerting).items()
    }


def _table(alerting: AlertingSpec) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("receiver", "kind", "routes", "most an hour"):
        table.add_column(column, no_wrap=True)
    table.add_column("", overflow="fold")
    for name, spec in alerting.receivers.items():
        # As messages about the file name them; a bare 0 would read as none.
        routes = ", ".join(f"routes[{place}]" for place in _routes_to(alerting, name)) or "none"
        ceiling = str(spec.per_hour or alerting.per_hour)
        table.add_row(plain(name), spec.kind, routes, ceiling, plain(spec.description))
    return table
