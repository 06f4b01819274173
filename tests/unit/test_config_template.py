"""What `driftline init` writes can be used at once, and the schemas describe what is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from driftline.config.alerting import AlertingSpec
from driftline.config.deployment import load_deployment
from driftline.config.schema import SchemaKind, json_schema
from driftline.config.settings import Settings
from driftline.config.templates import FILES, write_template
from driftline.config.yaml import parse_yaml
from driftline.errors import DriftlineError

ROOT: Final = Path(__file__).parents[2]


def test_the_template_is_a_right_deployment(tmp_path: Path) -> None:
    """It loads as it is, with the default settings and something of each kind watched."""
    written = write_template(tmp_path / "new")
    assert [str(path.relative_to(tmp_path / "new")) for path in written] == list(FILES)
    deployment = load_deployment(tmp_path / "new")
    assert (deployment.settings, deployment.alerting) == (Settings(), AlertingSpec())
    signals = [watch.signal for watch in deployment.streams["example"].watches]
    assert signals[:3] == ["error", "score", "feature.age"]


@pytest.mark.parametrize("file", FILES)
def test_what_is_commented_out_in_the_template_is_right_too(file: str, tmp_path: Path) -> None:
    """Each commented line or block can be put into force."""
    write_template(tmp_path)
    path = tmp_path / file
    path.write_text(_put_into_force(path.read_text()))
    load_deployment(tmp_path)


def _put_into_force(text: str) -> str:
    """Take the mark off lines that are YAML, and drop what they replace."""
    lines = []
    for line in text.splitlines():
        bare = line.lstrip()
        told = bare.removeprefix("# ")
        is_key = bare.startswith("# ") and re.match(r" *(- )?[\w-]+:( |$)", told)
        if line in {"kafka: embedded", "redis: embedded"}:
            continue
        lines.append(line.replace("# ", "", 1) if is_key and ": " in told + " " else line)
    return "\n".join(lines)


def test_the_alerting_that_is_commented_out_declares_something(tmp_path: Path) -> None:
    """As it stands nobody is told; put into force, receivers and routes are there."""
    write_template(tmp_path)
    for path in (tmp_path / "config/alerting.yaml", ROOT / "config/alerting.yaml"):
        text = path.read_text()
        assert parse_yaml(text.encode(), path.name).data is None
        document = parse_yaml(_put_into_force(text).encode(), path.name)
        declared = AlertingSpec.model_validate(document.data)
        assert declared.model_fields_set == set(AlertingSpec.model_fields)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """If one file is there, none is written."""
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors/adwin.yaml").write_text("mine")
    with pytest.raises(DriftlineError, match=r"detectors/adwin.yaml: already there"):
        write_template(tmp_path)
    assert (tmp_path / "detectors/adwin.yaml").read_text() == "mine"
    assert not (tmp_path / "streams").exists()


@pytest.mark.parametrize(
    ("kind", "file"),
    [("stream", FILES[0]), ("detector", FILES[1]), ("config", FILES[2]), ("alerting", FILES[3])],
)
def test_a_schema_knows_every_key_of_the_template(
    kind: SchemaKind, file: str, tmp_path: Path
) -> None:
    """And refuses others, as the reader does."""
    write_template(tmp_path)
    schema = json_schema(kind)
    assert schema["$schema"].endswith("2020-12/schema")
    declared: dict[str, Any] = yaml.safe_load(_put_into_force((tmp_path / file).read_text()))
    objects = [one for one in (schema, *schema["$defs"].values()) if "properties" in one]
    assert any(declared.keys() <= one["properties"].keys() for one in objects)
    assert all(one["additionalProperties"] is False for one in objects)


def test_a_schema_writes_durations_and_times_as_files_do() -> None:
    """An editor that fills in a default writes what the reader takes."""
    labels = json_schema("stream")["$defs"]["LabelsSpec"]["properties"]
    assert labels["horizon"]["default"] == "30d"
    hours = json_schema("alerting")["$defs"]["HoursSpec"]["properties"]
    assert hours["begin"]["default"] == "00:00"
