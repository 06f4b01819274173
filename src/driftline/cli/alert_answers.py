"""`driftline alerts ack` and `accept`: what a person answers to an alert."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from driftline.agents.clock import system_clock
from driftline.alerts.alert import Status
from driftline.app.alert_commands import append_and_wait, build_accept, build_acknowledge
from driftline.app.alert_log import find_alert, load_alerts
from driftline.app.connections import find_connections
from driftline.app.reading_topics import read_topic
from driftline.app.stores import open_store
from driftline.cli.alert_text import alert_line
from driftline.cli.common import DeploymentOption, load, output
from driftline.cli.person import who
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.alerts.schema import AlertData
    from driftline.app.alert_log import AlertHistory
    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Command

_LOOKS: Final = 20
_LOOK_SECONDS: Final = 0.25

AlertId: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="An alert's id, or its beginning.")
]
NoteOption: TypeAlias = Annotated[str, typer.Option(help="What there is to say of it.")]
ByOption: TypeAlias = Annotated[
    str, typer.Option(help="In whose name.", show_default="user@host", default_factory=who)
]


def ack(
    alert_id: AlertId,
    deployment: DeploymentOption = Path(),
    *,
    note: NoteOption = "",
    by: ByOption,
) -> None:
    """Take an alert on: who, when and the note stand in it from here on."""
    _answer(
        deployment,
        alert_id,
        lambda alert: build_acknowledge(alert, by=by, at=system_clock(), note=note),
    )


def accept(
    alert_id: AlertId,
    deployment: DeploymentOption = Path(),
    *,
    note: NoteOption = "",
    by: ByOption,
) -> None:
    """Accept the level of now as the new normal: the alert ends, and the reference moves there."""
    _answer(
        deployment,
        alert_id,
        lambda alert: build_accept(alert, by=by, at=system_clock(), note=note),
    )


def _answer(directory: Path, alert_id: str, build: Callable[[AlertData], Command]) -> None:
    after = asyncio.run(_say(load(directory), alert_id, build))
    if after is None:
        typer.echo("no worker is running: it takes effect once one has come to it", err=True)
        return
    output().print(alert_line(after.latest.data), soft_wrap=True)


async def _say(
    deployment: Deployment, alert_id: str, build: Callable[[AlertData], Command]
) -> AlertHistory | None:
    """What the alert is after the command; None where no worker lives that would come to it.

    Raises:
        DriftlineError: the alert has ended.
    """
    connections = find_connections(deployment, os.environ)
    alert = await _find(deployment, connections, alert_id)
    _require_firing(alert)
    command = build(alert.latest.data)
    async with open_store(deployment, connections) as store:
        if not await append_and_wait(deployment, connections, store, command):
            return None
    # It is told once it is stored.
    for _ in range(_LOOKS):
        after = await _find(deployment, connections, alert.id)
        if after.latest.data.revision > alert.latest.data.revision:
            return after
        await asyncio.sleep(_LOOK_SECONDS)
    msg = f"alert {alert.id} did not change: see the worker's log for command_without_alert"
    raise DriftlineError(msg)


def _require_firing(alert: AlertHistory) -> None:
    data = alert.latest.data
    if data.status is Status.RESOLVED:
        reason = data.reason.value if data.reason is not None else "for an unknown reason"
        msg = f"alert {alert.id} has ended ({reason}): there is nothing to answer"
        raise DriftlineError(msg)


async def _find(deployment: Deployment, connections: Connections, alert_id: str) -> AlertHistory:
    log = await load_alerts(read_topic(connections, deployment.settings.alerts_topic))
    return find_alert(log.newest_first, alert_id)
