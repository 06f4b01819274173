"""`driftline alerts`: what the alerts topic tells, and what is answered to it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftline.alerts.alert import Status  # noqa: TC001 - Typer reads it
from driftline.app.alert_log import AlertLog, find_alert, load_alerts, select_alerts
from driftline.app.connections import find_connections
from driftline.app.embedded_life import while_kafka_lives
from driftline.app.reading_topics import follow_topic, read_topic
from driftline.cli.alert_answers import accept, ack
from driftline.cli.alert_text import (
    TABLE_WIDTH,
    alert_line,
    alert_page,
    alert_table,
    unreadable_line,
)
from driftline.cli.common import (
    DeploymentOption,
    JsonOption,
    load,
    note_undeclared,
    output,
    write_json_line,
)
from driftline.logs import printable
from driftline.model import InstanceKey, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from driftline.alerts.schema import AlertEnvelope
    from driftline.app.alert_log import AlertHistory
    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Read the alerts topic, and answer to it."
)
app.command()(ack)
app.command()(accept)


class Since(StrEnum):
    """Where following begins."""

    BEGINNING = "beginning"
    NOW = "now"


@app.command(name="list")
def list_(
    deployment: DeploymentOption = Path(),
    *,
    stream: Annotated[
        str | None, typer.Option(metavar="STREAM", help="Of this stream or instance only.")
    ] = None,
    status: Annotated[Status | None, typer.Option(help="In this state only.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Of this severity only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """The newest revision of each alert, newest first. --json: one CloudEvent a line."""
    declared = load(deployment)
    note_undeclared(declared, stream and InstanceKey.parse(stream).stream)
    log = _load(declared)
    chosen = select_alerts(log.newest_first, stream=stream, status=status, severity=severity)
    if as_json:
        for alert in chosen[:limit]:
            write_json_line(event_json(alert.latest))
    elif chosen:
        _print_list(output(), chosen[:limit])
        if len(chosen) > limit:
            typer.echo(f"{len(chosen) - limit:,} older ones are left out: --limit", err=True)
    else:
        typer.echo("no alerts", err=True)


def _print_list(console: Console, alerts: Sequence[AlertHistory]) -> None:
    if console.width >= TABLE_WIDTH:
        console.print(alert_table(alerts))
        return
    for alert in alerts:
        console.print(alert_line(alert.latest.data), soft_wrap=True)


@app.command()
def show(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="An alert's id, or its beginning.")],
    deployment: DeploymentOption = Path(),
    *,
    as_json: JsonOption = False,
) -> None:
    """Everything about one alert. --json: its revisions, one CloudEvent a line, newest last."""
    alert = find_alert(_load(load(deployment)).newest_first, alert_id)
    if as_json:
        for event in alert.events:
            write_json_line(event_json(event))
    else:
        output().print(alert_page(alert))


@app.command()
def follow(
    deployment: DeploymentOption = Path(),
    *,
    since: Annotated[Since, typer.Option(help="Where to begin.")] = Since.NOW,
    as_json: JsonOption = False,
) -> None:
    """Print alert events as they come, until Ctrl-C. --json: one CloudEvent a line."""
    try:
        asyncio.run(_follow(deployment, since, as_json=as_json))
    except KeyboardInterrupt:
        # The way to end it, so no failure.
        return


async def _follow(directory: Path, since: Since, *, as_json: bool) -> None:
    deployment = load(directory)
    connections = find_connections(deployment, os.environ)
    topic = deployment.settings.alerts_topic
    await while_kafka_lives(connections, _print_events(connections, topic, since, as_json=as_json))


async def _print_events(
    connections: Connections, topic: str, since: Since, *, as_json: bool
) -> None:
    log, console = AlertLog(forgetful=True), output()
    records = follow_topic(connections, topic, since=since.value)
    async with aclosing(records):
        async for record in records:
            event = log.take(record)
            if event is None:
                continue
            if as_json:
                write_json_line(event_json(event))
            else:
                console.print(alert_line(event.data), soft_wrap=True)
                sys.stdout.flush()


def _load(deployment: Deployment) -> AlertLog:
    connections = find_connections(deployment, os.environ)
    topic = deployment.settings.alerts_topic
    log = asyncio.run(load_alerts(read_topic(connections, topic)))
    if log.unreadable:
        typer.echo(printable(unreadable_line(log.unreadable, topic)), err=True)
    return log


def event_json(event: AlertEnvelope) -> dict[str, Any]:
    """The CloudEvent as it is published."""
    return event.model_dump(mode="json")
