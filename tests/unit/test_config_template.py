"""What `driftline init` writes can be used at once, and the schemas describe what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from driftline.config.deployment import load_deployment
from driftline.config.schema import SchemaKind, json_schema
from driftline.config.settings import Settings
from driftline.config.templates import FILES, write_template
from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_template_is_a_right_deployment(tmp_path: Path) -> None:
    """It loads as it is, with the default settings and something of each kind watched."""
    written = write_template(tmp_path / "new")
    assert [str(path.relative_to(tmp_path / "new")) for path in written] == list(FILES)
    deployment = load_deployment(tmp_path / "new")
    assert deployment.settings == Settings()
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
        is_key = bare.startswith("# ") and told.lstrip().split(":")[0].isidentifier()
        if line in {"kafka: embedded", "redis: embedded"}:
            continue
        lines.append(line.replace("# ", "", 1) if is_key and ": " in told + " " else line)
    return "\n".join(lines)


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
    [("stream", FILES[0]), ("detector", FILES[1]), ("config", FILES[2])],
)
def test_a_schema_knows_every_key_of_the_template(
    kind: SchemaKind, file: str, tmp_path: Path
) -> None:
    """And refuses others, as the reader does."""
    write_template(tmp_path)
    schema = json_schema(kind)
    assert schema["$schema"].endswith("2020-12/schema")
    declared: dict[str, Any] = yaml.safe_load((tmp_path / file).read_text())
    objects = [one for one in (schema, *schema["$defs"].values()) if "properties" in one]
    assert any(declared.keys() <= one["properties"].keys() for one in objects)
    assert all(one["additionalProperties"] is False for one in objects)


def test_a_schema_writes_durations_as_files_do() -> None:
    """An editor that fills in a default writes what the reader takes."""
    labels = json_schema("stream")["$defs"]["LabelsSpec"]["properties"]
    assert labels["horizon"]["default"] == "30d"
