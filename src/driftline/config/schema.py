"""JSON Schemas of the declarations, made from the models, for editors and other tools."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any, Final, Literal, TypeAlias

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from driftline.config.alerting import AlertingSpec
from driftline.config.durations import format_duration
from driftline.config.profiles import DETECTOR_SPEC
from driftline.config.settings import Settings
from driftline.config.streams import StreamSpec

SchemaKind: TypeAlias = Literal["stream", "detector", "config", "alerting"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ADAPTERS: Final[dict[SchemaKind, tuple[str, TypeAdapter[Any]]]] = {
    "stream": ("A driftline stream: streams/<name>.yaml", TypeAdapter(StreamSpec)),
    "detector": ("A driftline detector profile: detectors/<name>.yaml", DETECTOR_SPEC),
    "config": ("How a driftline deployment runs: config/driftline.yaml", TypeAdapter(Settings)),
    "alerting": ("Who is told of alerts: config/alerting.yaml", TypeAdapter(AlertingSpec)),
}


class _Schema(GenerateJsonSchema):
    """Writes default durations and times of day as a file does."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return f"{dft:%H:%M}" if isinstance(dft, time) else super().encode_default(dft)


def json_schema(kind: SchemaKind) -> dict[str, Any]:
    """The schema (draft 2020-12) of one of a deployment's files."""
    title, adapter = _ADAPTERS[kind]
    return {"$schema": _DIALECT, **adapter.json_schema(schema_generator=_Schema), "title": title}
