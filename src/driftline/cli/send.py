"""`driftline send`: recorded data into a stream's topics."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from driftline.app.connections import find_connections
from driftline.app.roles import WorkerRole, role_group
from driftline.app.sending import send_timeline, topics_nobody_reads
from driftline.cli.common import (
    DeploymentOption,
    LabelDelayOption,
    LabelsOption,
    PredictionsOption,
    find_stream,
    load,
)
from driftline.cli.progress import Progress
from driftline.recorded import build_timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger(__name__)
app = typer.Typer()


@app.command()
def send(
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="The stream whose topics the records go to.")
    ],
    predictions: PredictionsOption,
    labels: LabelsOption = None,
    *,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1, metavar="N", help="Events a second; else as fast as Kafka takes them."
        ),
    ] = None,
    label_delay: LabelDelayOption = None,
    deployment: DeploymentOption = Path(),
) -> None:
    """Produce recorded data to a stream's topics, in event-time order.

    A label's time is written into it as its declared field; Kafka's timestamp is left alone.
    """
    declared = load(deployment)
    found = find_stream(declared, stream)
    connections = find_connections(declared, os.environ)
    timeline = build_timeline(found, predictions, labels, label_delay=label_delay)
    if connections.kafka_embedded and rate is None:
        log.warning("embedded_kafka_forgets", note="give --rate if the worker falls behind")
    group = role_group(declared.settings.name, WorkerRole.DECODE)
    _tell_unread(asyncio.run(topics_nobody_reads(found, group, connections.kafka)))
    began = time.perf_counter()
    with Progress("sending", len(timeline)) as progress:
        sent = asyncio.run(
            send_timeline(
                timeline,
                found,
                connections.kafka,
                rate=rate,
                on_progress=progress.at,
                create_topics=connections.kafka_embedded,
            )
        )
    seconds = time.perf_counter() - began
    typer.echo(
        f"{sent:,} records in {seconds:.1f} s ({sent / max(seconds, 1e-9):,.0f}/s)", err=True
    )


def _tell_unread(topics: Sequence[str]) -> None:
    if topics:
        typer.echo(
            f"no worker has begun to read {' and '.join(topics)}: one that starts later begins at"
            " the end (start: latest), and passes over what is sent before it says worker_started",
            err=True,
        )
