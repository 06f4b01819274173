"""`driftline schema`: the JSON Schemas of what driftline writes and reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from driftline.alerts.schema import AlertEnvelope
from driftline.cli.common import write_json
from driftline.config.schema import json_schema

app = typer.Typer()


class Subject(StrEnum):
    """What a schema is of."""

    ALERT = "alert"
    STREAM = "stream"
    DETECTOR = "detector"
    CONFIG = "config"


@app.command()
def schema(
    subject: Annotated[Subject | None, typer.Argument(help="Left out: all, by name.")] = None,
) -> None:
    """Print the JSON Schema of an alert event, or of a stream's, a detector's or the config file."""
    write_json({one: _schema(one) for one in Subject} if subject is None else _schema(subject))


def _schema(subject: Subject) -> dict[str, Any]:
    if subject is Subject.ALERT:
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **AlertEnvelope.model_json_schema(),
            "title": "A driftline alert: a CloudEvent in structured mode",
        }
    return json_schema(subject.value)
