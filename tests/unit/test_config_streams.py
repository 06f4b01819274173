"""A stream can be declared in a file or in code, and is the same after a trip through JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from driftline.config.deployment import Deployment, Stream, load_deployment
from driftline.config.fields import FieldPath, FieldSource, TimeField, TimeUnit
from driftline.config.profiles import AdwinSpec, PageHinkleySpec, Profile
from driftline.config.spec import canonical
from driftline.config.streams import (
    FeatureSpec,
    LabelsSpec,
    OnStateLost,
    PredictionsSpec,
    StreamSpec,
    WatchSpec,
    WindowSpec,
)
from driftline.errors import DeploymentError
from driftline.model import Role, Severity, Task

ADWIN = Profile("adwin", AdwinSpec(kind="adwin"))
ROOT = Path(__file__).parents[2]


def stream_spec(**changes: Any) -> StreamSpec:
    given: dict[str, Any] = {
        "task": "binary",
        "positive": 1,
        "predictions": {"topic": "p", "id": "id", "prediction": "y"},
        "labels": {"topic": "l", "id": "id", "label": "t"},
        "watch": {"error": {"detector": "adwin"}},
    }
    return StreamSpec.model_validate({**given, **changes})


def stream(**changes: Any) -> Stream:
    return Stream.build("churn", stream_spec(**changes), {"adwin": ADWIN})


def test_a_stream_is_complete_in_code() -> None:
    """No file is needed: models, a profile, a stream, a deployment."""
    spec = StreamSpec(
        task=Task.BINARY,
        positive="yes",
        predictions=PredictionsSpec(
            topic="p",
            start=datetime(2026, 1, 31, tzinfo=UTC),
            id=FieldPath(("x-id",), FieldSource.HEADER),
            time=TimeField(FieldPath.parse("meta.ts"), TimeUnit.MILLISECONDS),
            prediction=FieldPath.parse("y"),
            features=(FeatureSpec(name="age"), FeatureSpec(name="plan", categorical=True)),
        ),
        labels=LabelsSpec(topic="p", id="id", label="t", horizon=timedelta(days=7)),
        windows=(WindowSpec(size=timedelta(hours=1), keep=timedelta(days=2)),),
        watch={"feature.*": WatchSpec(detector=("adwin",), severity=Severity.INFO)},
    )
    built = Stream.build("churn", spec, {"adwin": ADWIN})
    deployment = Deployment(Path(), profiles={"adwin": ADWIN}, streams={"churn": built})
    assert [watch.signal for watch in built.watches] == ["feature.age", "feature.plan"]
    assert len(deployment.digest) == 64
    assert Stream.from_json(json.loads(json.dumps(built.to_json()))) == built


def test_a_watch_says_how_long_its_alerts_wait_and_last() -> None:
    """It stays so in what is stored; a declaration stored without these has their defaults."""
    spec = stream_spec(
        watch={"error": {"detector": "adwin", "hold": "2h", "expire_after": "7d", "retrain": True}}
    )
    built = Stream.build("churn", spec, {"adwin": ADWIN})
    (watch,) = built.watches
    assert (watch.hold, watch.expire_after) == (timedelta(hours=2), timedelta(days=7))
    assert watch.retrain is True
    written = json.loads(json.dumps(built.to_json()))
    assert Stream.from_json(written) == built
    for key in ("hold", "expire_after", "retrain"):
        del written["watches"][0][key]
    (former,) = Stream.from_json(written).watches
    assert (former.hold, former.expire_after) == (timedelta(0), timedelta(days=365))
    assert former.retrain is False


def test_what_is_not_declared_has_these_defaults() -> None:
    """The defaults are part of the promise: what they come to is stored with the stream."""
    spec = stream_spec()
    assert spec.predictions.start == "latest"
    assert spec.predictions.time is None
    assert spec.labels is not None
    assert spec.labels.horizon == timedelta(days=30)
    assert spec.windows == (WindowSpec(size=timedelta(days=1), keep=timedelta(days=90)),)
    assert (spec.max_instances, spec.max_waiting) == (1_000, 1_000_000)
    assert (spec.lateness, spec.max_future) == (timedelta(minutes=1), timedelta(minutes=5))
    assert spec.on_state_lost is OnStateLost.REFUSE
    assert spec.watch["error"].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a", FieldPath(("a",))),
        ("a.b.c", FieldPath(("a", "b", "c"))),
        ({"path": "a.b"}, FieldPath(("a", "b"))),
        ({"path": ["a.b", "c"]}, FieldPath(("a.b", "c"))),
        (["a.b"], FieldPath(("a.b",))),
        (["a.b", "c"], FieldPath(("a.b", "c"))),
        ({"header": "x.id"}, FieldPath(("x.id",), FieldSource.HEADER)),
        ({"key": True}, FieldPath((), FieldSource.KEY)),
    ],
)
def test_a_field_is_found_in_value_header_or_key(written: Any, meant: FieldPath) -> None:
    """Each notation means one place, and is written back so that it means the same."""
    spec = stream_spec(predictions={"topic": "p", "id": written, "prediction": "y"})
    assert spec.predictions.id == meant
    again = StreamSpec.model_validate_json(spec.model_dump_json())
    assert again == spec


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ts", TimeField(FieldPath(("ts",)))),
        ({"path": "a.ts", "unit": "ms"}, TimeField(FieldPath(("a", "ts")), TimeUnit.MILLISECONDS)),
        ({"path": ["a.ts"], "unit": "s"}, TimeField(FieldPath(("a.ts",)), TimeUnit.SECONDS)),
        (
            {"header": "t", "unit": "ns"},
            TimeField(FieldPath(("t",), FieldSource.HEADER), TimeUnit.NANOSECONDS),
        ),
    ],
)
def test_a_time_is_text_or_a_number_with_its_unit(written: Any, meant: TimeField) -> None:
    """Without a unit a time is ISO 8601."""
    spec = stream_spec(predictions={"topic": "p", "id": "i", "time": written, "prediction": "y"})
    assert spec.predictions.time == meant
    assert StreamSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_start_without_an_offset_is_utc() -> None:
    """The same moment, however its text says it."""
    starts = ["2026-01-31", "2026-01-31 00:00:00", "2026-01-31T01:00:00+01:00"]
    for start in starts:
        spec = stream_spec(predictions={"topic": "p", "id": "i", "prediction": "y", "start": start})
        assert spec.predictions.start == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        ("1.0", "1.0"),
        (0.5, "0.5"),
        (-0.0, "0"),
        (True, "true"),
        (False, "false"),
        ("NO", "NO"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_a_class_is_canonical_text(given: Any, text: str) -> None:
    """1, 1.0 and "1" are one class; a text is never changed."""
    assert canonical(given) == text
    assert stream_spec(positive=given).positive == text


def test_a_feature_may_lie_elsewhere_than_its_name_says() -> None:
    """A name is read as a path unless a path is given."""
    features: list[Any] = ["a.b", {"name": "c", "path": ["x.y", "z"]}]
    spec = stream_spec(
        predictions={"topic": "p", "id": "i", "prediction": "y", "features": features}
    )
    assert [feature.path.path for feature in spec.predictions.features] == [
        ("a", "b"),
        ("x.y", "z"),
    ]


def test_labels_are_picked_as_predictions_are_unless_they_say_otherwise() -> None:
    """A topic of labels that carries no such field is not emptied by the predictions' `where`."""
    model = (FieldPath(("m", "name")), "1")
    labels = {"topic": "l", "id": "id", "label": "t"}
    spec = stream_spec(where={"m.name": 1})
    assert spec.where_of(Role.PREDICTIONS) == spec.where_of(Role.LABELS) == (model,)
    spec = stream_spec(where={"m.name": 1.0}, labels={**labels, "where": {}})
    assert spec.where_of(Role.PREDICTIONS) == (model,)
    assert spec.where_of(Role.LABELS) == ()


def test_a_declaration_cannot_be_changed() -> None:
    """Whoever holds a stream may rely on it."""
    spec = stream_spec()
    with pytest.raises(ValidationError):
        spec.max_waiting = 5  # type: ignore[misc]  # that it cannot is the promise


def test_an_error_does_not_repeat_what_was_given() -> None:
    """A value that is wrong may be a secret in the wrong place."""
    with pytest.raises(ValidationError) as caught:
        stream_spec(max_waiting="hunter2", owner=["hunter2"], nothing="hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_stream_name_is_simple() -> None:
    """It becomes part of keys, topics and addresses."""
    for name in ("Churn", "a b", "", "../x", "a" * 101, "-a", "ä"):
        with pytest.raises(DeploymentError, match="a name should begin"):
            Stream.build(name, stream_spec(), {"adwin": ADWIN})


def write(directory: Path, stream_text: str, detector: str) -> Path:
    for file, text in {
        "streams/s.yaml": stream_text,
        "detectors/adwin.yaml": detector,
        "detectors/unused.yaml": "kind: ddm\n",
    }.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


STREAM = """
task: binary
positive: 1
predictions: {topic: p, id: i, prediction: y}
labels: {topic: l, id: i, label: t}
watch: {error: {detector: adwin}}
"""


def test_the_digest_is_of_what_is_computed_and_of_nothing_else(tmp_path: Path) -> None:
    """Comments, order, defaults written out, unused profiles and addresses leave it as it is."""
    first = load_deployment(write(tmp_path / "a", STREAM, "kind: adwin\n"))
    same = "# a note\n" + "\n".join(reversed(STREAM.strip().splitlines())) + "\nmax_future: 300s\n"
    other = write(tmp_path / "b", same, "delta: 0.002\nkind: adwin # the default\n")
    (other / "detectors/unused.yaml").write_text("kind: eddm\n")
    (other / "config").mkdir()
    (other / "config/driftline.yaml").write_text("kafka: {brokers: 'h:9092'}\n")
    assert load_deployment(other).digest == first.digest


@pytest.mark.parametrize(
    ("text", "detector"),
    [
        (STREAM, "kind: adwin\ndelta: 0.01\n"),
        (STREAM + "lateness: 2m\n", "kind: adwin\n"),
        (STREAM.replace("{detector: adwin}", "{detector: adwin, severity: info}"), "kind: adwin\n"),
    ],
)
def test_the_digest_changes_with_what_is_computed(text: str, detector: str, tmp_path: Path) -> None:
    """A profile's parameter, a stream's bound, a watch's severity."""
    first = load_deployment(write(tmp_path / "a", STREAM, "kind: adwin\n"))
    assert load_deployment(write(tmp_path / "b", text, detector)).digest != first.digest


def test_the_profiles_of_a_stream_travel_with_it() -> None:
    """What was stored means the same when the deployment's files have changed since."""
    profiles = {"adwin": ADWIN, "ph": Profile("ph", PageHinkleySpec(kind="page-hinkley"))}
    spec = stream_spec(watch={"error": {"detector": ["adwin", "ph"]}})
    built = Stream.build("churn", spec, profiles)
    again = Stream.from_json(json.loads(json.dumps(built.to_json())))
    assert again.watches[0].profiles == tuple(profiles.values())
    assert again == built
    assert again != stream(watch={"error": {"detector": "adwin"}})


def test_the_example_of_the_repository_loads_as_it_says() -> None:
    """streams/car-loan.yaml watches what the demonstration shows."""
    deployment = load_deployment(ROOT)
    watches = {watch.signal: watch for watch in deployment.streams["car-loan"].watches}
    assert watches["error"].severity is Severity.CRITICAL
    assert [one.name for one in watches["feature.car_value"].profiles] == ["adwin"]
    assert [one.name for one in watches["feature.loan_length"].profiles] == ["page-hinkley"]
