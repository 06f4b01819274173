"""What is said of deployments that are wrong: each mistake alone, and many at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from driftline.config.deployment import load_deployment
from driftline.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

STREAM: Final = "streams/churn.yaml"
ADWIN: Final = "detectors/adwin.yaml"
SETTINGS: Final = "config/driftline.yaml"
ALERTING: Final = "config/alerting.yaml"

RIGHT: Final = {
    STREAM: """\
task: binary
positive: 1
predictions:
  topic: churn.predictions
  id: id
  prediction: y_pred
  score: y_score
  features:
    - age
    - {name: plan, categorical: true}
labels:
  topic: churn.labels
  id: id
  label: left
  horizon: 30d
windows: [{size: 1d, keep: 90d}]
watch:
  error: {detector: adwin, severity: critical}
  feature.*: {detector: adwin}
""",
    ADWIN: "kind: adwin\ndelta: 0.002\n",
    "detectors/ddm.yaml": "kind: ddm\n",
    SETTINGS: """\
name: shop
kafka: embedded
redis: embedded
""",
    ALERTING: """\
receivers:
  team: {kind: slack-webhook, url: {env: SLACK_URL}}
  on-call: {kind: pagerduty, routing_key: {file: pagerduty.key}}
  hook: {kind: webhook, url: https://example.com/hook}
routes:
  - match: {severity: critical}
    receivers: on-call
    hours: {days: [mon, tue], begin: 09:00, end: 17:00, timezone: Europe/Berlin}
  - match: {stream: churn}
    receivers: [team, hook]
    continue: true
  - receivers: team
""",
}


@dataclass(frozen=True)
class Wrong:
    """A right deployment with one text of one file replaced."""

    name: str
    file: str
    old: str
    new: str
    says: list[str]


def write(directory: Path, files: Mapping[str, str | bytes]) -> None:
    for file, content in files.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def refusal(directory: Path, case: Wrong) -> list[str]:
    assert case.old in RIGHT[case.file]
    changed = RIGHT[case.file].replace(case.old, case.new, 1) if case.old else case.new
    write(directory, {**RIGHT, case.file: changed})
    with pytest.raises(DeploymentError) as caught:
        load_deployment(directory)
    return list(map(str, caught.value.problems))


CASES: Final = [
    Wrong(**case)
    for case in yaml.safe_load(
        Path(__file__).with_name("config_wrong_deployments.yaml").read_text(encoding="utf-8")
    )
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_named_with_file_line_key_and_what_is_right(
    case: Wrong, tmp_path: Path
) -> None:
    """One mistake gives these messages, word for word, and no others."""
    assert refusal(tmp_path, case) == case.says


def test_the_deployment_that_the_mistakes_are_made_in_is_right(tmp_path: Path) -> None:
    """Without a mistake it loads, so a message is about the mistake alone."""
    write(tmp_path, RIGHT)
    assert list(load_deployment(tmp_path).streams) == ["churn"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_secret_in_the_wrong_place_is_not_repeated(case: Wrong, tmp_path: Path) -> None:
    """Whatever is wrong about a password, no message holds it."""
    assert "hunter2" not in "".join(refusal(tmp_path, case))


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    """Mistakes in several files, and several in one, come in one error, in the order of lines."""
    stream = RIGHT[STREAM].replace("horizon", "horizen").replace("  error", "  eror")
    write(
        tmp_path,
        {
            STREAM: stream.replace("id: id", "id: 5", 1),
            "streams/Bad Name.yaml": "",
            "streams/other.yml": "",
            "streams/notes.txt": "left alone",
            ADWIN: "kind: adwin\ndelta: 7\n",
            SETTINGS: "name: shop\nlogs: {levl: info}\nworker: 3\n",
        },
    )
    with pytest.raises(DeploymentError) as caught:
        load_deployment(tmp_path)
    assert [(problem.file, problem.key) for problem in caught.value.problems] == [
        ("config/driftline.yaml:2", "logs.levl"),
        ("config/driftline.yaml:3", "worker"),
        ("detectors/adwin.yaml:2", "delta"),
        ("streams/Bad Name.yaml", ""),
        ("streams/churn.yaml:5", "predictions.id"),
        ("streams/churn.yaml:15", "labels.horizen"),
        ("streams/churn.yaml:18", "watch.eror"),
        ("streams/other.yml", ""),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"task: \xff", "streams/churn.yaml:1: should be UTF-8 text"),
        (b"#" * 1_000_001, "streams/churn.yaml: should be at most 1 MB"),
        (b"a: " + b"[" * 500_000, "streams/churn.yaml:1: should be nested at most 32 deep"),
        (b"- " * 100_000, "streams/churn.yaml:1: should be nested at most 32 deep"),
    ],
    ids=["not UTF-8", "too large", "brackets", "dashes"],
)
def test_a_file_that_is_made_to_hurt_is_refused(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    """Size, encoding and depth are bounded before anything is made of a file."""
    write(tmp_path, {**RIGHT, STREAM: content})
    with pytest.raises(DeploymentError) as caught:
        load_deployment(tmp_path)
    assert str(caught.value) == expected


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing directory, a missing streams/ and an empty one each have their message."""
    with pytest.raises(DeploymentError, match="nowhere: should be a directory"):
        load_deployment(tmp_path / "nowhere")
    with pytest.raises(DeploymentError, match="streams: should be a directory with a file for"):
        load_deployment(tmp_path)
    (tmp_path / "streams").mkdir()
    with pytest.raises(DeploymentError, match="streams: should hold a file for each stream"):
        load_deployment(tmp_path)


def test_an_unreadable_file_is_named_with_the_reason(tmp_path: Path) -> None:
    """What the system says is passed on; the other files are still checked."""
    write(tmp_path, RIGHT)
    (tmp_path / "detectors/kswin.yaml").mkdir()
    with pytest.raises(DeploymentError) as caught:
        load_deployment(tmp_path)
    assert str(caught.value) == "detectors/kswin.yaml: cannot be read: Is a directory"
