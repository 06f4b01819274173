# ruff: noqa: INP001
"""The field tables of docs/alerts.md, made from the schema: run it after a field was added.

    python scripts/alert_tables.py

It replaces what stands between the two marks in the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from driftline.alerts.schema import AlertEnvelope

PAGE: Final = Path(__file__).parents[1] / "docs" / "alerts.md"
BEGIN: Final = "<!-- fields: begin -->"
END: Final = "<!-- fields: end -->"
TABLES: Final = (
    ("`data` of every kind", "AlertCommon", ("DriftData", "SilenceData", "HealthData")),
    ("`data` of kind `drift`, besides", "DriftData", ()),
    ("`data` of kind `silence`, besides", "SilenceData", ()),
    ("`data` of kind `health`, besides", "HealthData", ()),
    ("`data.evidence`", "EvidenceData", ()),
    ("`before`, `after` and `now`", "SampleData", ()),
    ("`data.trigger`", "TriggerData", ()),
    ("`data.detectors[]`", "DetectorData", ()),
    ("`data.labels`", "LabelsData", ()),
    ("`data.moved_with[]`", "MovedData", ()),
    ("`data.history[]`", "PointData", ()),
    ("`data.cause`", "CauseData", ()),
    ("`data.acknowledged`", "AcknowledgedData", ()),
    ("`data.retrain`", "RetrainData", ()),
    ("`data.retrain.sources[]`", "SourceWindowData", ()),
)


def main() -> None:
    """Write the tables into the page."""
    parts = AlertEnvelope.model_json_schema()["$defs"]
    common = set.intersection(
        *(set(parts[kind]["properties"]) for kind in ("DriftData", "SilenceData", "HealthData"))
    ) - {"kind", "stream", "instance"}
    tables = []
    for title, name, kinds in TABLES:
        fields = parts[kinds[0] if kinds else name]["properties"]
        if kinds:
            fields = {key: field for key, field in fields.items() if key in common}
        elif name in {"DriftData", "SilenceData", "HealthData"}:
            fields = {key: field for key, field in fields.items() if key not in common}
        rows = [_row(key, field, parts) for key, field in fields.items()]
        tables.append(
            "\n".join((f"### {title}", "", "| field | type | meaning |", "|---|---|---|", *rows))
        )
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    middle = "\n\n".join(tables)
    PAGE.write_text(f"{before}{BEGIN}\n\n{middle}\n\n{END}{after}", encoding="utf-8")


def _row(key: str, field: dict[str, Any], parts: dict[str, Any]) -> str:
    meaning = field["description"].replace("|", "&#124;")
    return f"| `{key}` | {_type(field, parts)} | {meaning} |"


def _type(field: dict[str, Any], parts: dict[str, Any]) -> str:
    if "anyOf" in field:
        words = [_type(one, parts) for one in field["anyOf"] if one.get("type") != "null"]
        null = any(one.get("type") == "null" for one in field["anyOf"])
        return " or ".join(words) + (", or null" if null else "")
    if "$ref" in field:
        return _type(parts[field["$ref"].rpartition("/")[2]], parts)
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'], parts)}s"
    return "time" if field.get("format") == "date-time" else str(field.get("type", "any"))


if __name__ == "__main__":
    main()
