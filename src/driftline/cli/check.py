"""`driftline check`: what a deployment comes to."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.app.connections import find_connections
from driftline.app.sampling import sample_streams
from driftline.cli.check_json import deployment_json, sample_json
from driftline.cli.check_text import write_deployment, write_sample
from driftline.cli.common import DeploymentOption, JsonOption, load, output, write_json
from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.app.sampling import Sample
    from driftline.config.deployment import Deployment

app = typer.Typer()


@app.command()
def check(
    deployment: DeploymentOption = Path(),
    *,
    sample: Annotated[
        bool,
        typer.Option("--sample", help="Show how real records of each topic map, touching nothing."),
    ] = False,
    records: Annotated[
        int,
        typer.Option(min=1, max=10_000, metavar="N", help="With --sample: the latest so many."),
    ] = 100,
    as_json: JsonOption = False,
) -> None:
    """Validate a deployment and show what it comes to: streams, signals, detectors, memory.

    A deployment that is wrong is refused with every problem at once, and exit code 2.
    """
    declared = load(deployment)
    samples: list[Sample] = []
    if as_json:
        document = deployment_json(declared, os.environ)
        if sample:
            samples = _take(declared, records)
            document["sample"] = sample_json(samples)
        write_json(document)
    else:
        console = output()
        write_deployment(console, declared, os.environ)
        if sample:
            samples = _take(declared, records)
            write_sample(console, samples)
    _require_topics(samples)


def _take(declared: Deployment, count: int) -> list[Sample]:
    kafka = find_connections(declared, os.environ).kafka
    return asyncio.run(sample_streams(list(declared.streams.values()), kafka, count))


def _require_topics(samples: Sequence[Sample]) -> None:
    missing = sorted({sample.topic for sample in samples if not sample.exists})
    if missing:
        message = f"no such topic: {', '.join(missing)}"
        raise UnavailableError(message)
