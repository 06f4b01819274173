"""`driftline topics`: driftline's own topics with the settings they need, and the attached ones."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from driftline.app.connections import find_connections
from driftline.app.topic_check import check_topics
from driftline.cli.common import DeploymentOption, JsonOption, load, output, plain, write_json
from driftline.transport.topics import Creation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.app.topic_check import AttachedTopic, OwnTopic, TopicReport

app = typer.Typer(add_completion=False)


@app.command()
def topics(
    deployment: DeploymentOption = Path(),
    *,
    create: Annotated[
        bool, typer.Option("--create", help="Make driftline's own topics that are missing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The topics of a deployment: what is needed, and what is there.

    Exit code 1 if something is missing. Attached topics are never made or changed.
    """
    loaded = load(deployment)
    connections = find_connections(loaded, os.environ)
    report = asyncio.run(check_topics(loaded, connections, create=create))
    if as_json:
        write_json(topics_json(report))
    else:
        _print(report)
    if not report.complete:
        raise typer.Exit(1)


def _print(report: TopicReport) -> None:
    console = output()
    console.print(own_table(report))
    console.print()
    console.print(attached_table(report))
    if report.embedded:
        typer.echo("Kafka is embedded: topics appear when they are first used.", err=True)


def own_table(report: TopicReport) -> Table:
    """The topics that driftline writes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("own topic", "state", "partitions", "replication"):
        table.add_column(name, no_wrap=True)
    table.add_column("settings needed", overflow="fold")
    table.add_column("differs", overflow="fold")
    for one in report.own:
        wanted, found = one.wanted, one.found
        table.add_row(
            plain(wanted.name),
            _state(one),
            str(found.partitions if found else wanted.partitions),
            _replication(one),
            _lines(f"{name}={value}" for name, value in wanted.config.items()),
            _lines(
                f"{other.setting}: {other.found}, needed {other.wanted}"
                for other in one.differences
            ),
        )
    return table


def attached_table(report: TopicReport) -> Table:
    """The topics that streams read."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("attached topic", "state", "partitions"):
        table.add_column(name, no_wrap=True)
    table.add_column("read by", overflow="fold")
    for one in report.attached:
        table.add_row(
            plain(one.name),
            "there" if one.found else "MISSING",
            str(one.found.partitions) if one.found else "-",
            plain(", ".join(one.readers)),
        )
    return table


def topics_json(report: TopicReport) -> dict[str, Any]:
    """The report as `--json` writes it."""
    return {
        "complete": report.complete,
        "embedded": report.embedded,
        "own": [_own_json(one) for one in report.own],
        "attached": [_attached_json(one) for one in report.attached],
    }


def _own_json(one: OwnTopic) -> dict[str, Any]:
    wanted, found = one.wanted, one.found
    return {
        "name": wanted.name,
        "exists": found is not None,
        "created": one.creation is Creation.CREATED,
        "partitions": found.partitions if found else None,
        "replication": found.replication if found else None,
        "wanted": {
            "partitions": wanted.partitions,
            "replication": wanted.replication if wanted.replication > 0 else None,
            "config": dict(wanted.config),
        },
        "differences": [
            {
                "setting": other.setting,
                "wanted": other.wanted,
                "found": other.found,
                "vital": other.vital,
            }
            for other in one.differences
        ],
    }


def _attached_json(one: AttachedTopic) -> dict[str, Any]:
    return {
        "name": one.name,
        "exists": one.found is not None,
        "partitions": one.found.partitions if one.found else None,
        "read_by": list(one.readers),
    }


def _lines(lines: Iterable[str]) -> Text:
    return Text("\n").join(map(plain, lines))


def _state(one: OwnTopic) -> str:
    if one.creation is Creation.CREATED:
        return "created"
    if one.creation is Creation.REFUSED:
        return "REFUSED by the broker"
    if one.found is None:
        return "MISSING"
    return "there" if one.fit else "UNFIT"


def _replication(one: OwnTopic) -> str:
    if one.found is not None:
        return str(one.found.replication)
    return str(one.wanted.replication) if one.wanted.replication > 0 else "broker's default"
