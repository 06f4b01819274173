"""`driftline schema`: the JSON Schemas of what driftline writes and reads."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import typer

from driftline.alerts.schema import AlertEnvelope
from driftline.cli.common import write_json
from driftline.config.schema import json_schema

Schema: TypeAlias = Literal["alert", "stream", "detector", "config", "alerting"]
SUBJECTS: tuple[Schema, ...] = ("alert", "stream", "detector", "config", "alerting")
Subject: TypeAlias = Literal[
    "alert", "stream", "detector", "config", "alerting", "asyncapi", "openapi"
]
"""The last two are documents that hold schemas: they are printed when they are asked for."""

app = typer.Typer()


@app.command()
def schema(
    subject: Annotated[
        Subject | None, typer.Argument(metavar="SUBJECT", help="Left out: all schemas, by name.")
    ] = None,
) -> None:
    """Print the JSON Schema of an alert event or of a declaration.

    `alert` is the event on the alerts topic; the others are the files of a deployment:
    streams/<name>.yaml, detectors/<name>.yaml, config/driftline.yaml and config/alerting.yaml.
    `asyncapi` is the AsyncAPI document of all that driftline sends, `openapi` the OpenAPI document
    of `driftline web`.
    """
    if subject == "asyncapi":
        from driftline.web.asyncapi import build_asyncapi  # noqa: PLC0415 - slow

        write_json(build_asyncapi())
        return
    if subject == "openapi":
        from driftline.web.app import describe_api  # noqa: PLC0415 - slow

        write_json(describe_api())
        return
    write_json({one: _schema(one) for one in SUBJECTS} if subject is None else _schema(subject))


def _schema(subject: Schema) -> dict[str, Any]:
    if subject != "alert":
        return json_schema(subject)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **AlertEnvelope.model_json_schema(),
        "title": "A driftline alert: a CloudEvent 1.0 in structured mode",
    }
