"""What a stream's signals are, and what its `watch` lines come to."""

from __future__ import annotations

from typing import Any

import pytest

from driftline.config.profiles import AdwinSpec, DdmSpec, PageHinkleySpec, Profile
from driftline.config.streams import StreamSpec
from driftline.config.watches import Watch, resolve_watches, signal_kinds
from driftline.errors import DeploymentError
from driftline.model import Direction, Severity, SignalKind

ADWIN = Profile("adwin", AdwinSpec(kind="adwin"))
DDM = Profile("ddm", DdmSpec(kind="ddm"))
HINKLEY = Profile("page-hinkley", PageHinkleySpec(kind="page-hinkley"))
PROFILES = {profile.name: profile for profile in (ADWIN, DDM, HINKLEY)}


def spec(
    task: str = "binary",
    *,
    score: bool = True,
    labels: bool = True,
    watch: dict[str, Any] | None = None,
) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "task": task,
            "positive": 1 if task == "binary" else None,
            "predictions": {
                "topic": "p",
                "id": "id",
                "prediction": "y",
                "score": "s" if score else None,
                "features": ["age", "age_of_account", {"name": "plan", "categorical": True}],
            },
            "labels": {"topic": "l", "id": "id", "label": "t"} if labels else None,
            "watch": watch or {},
        },
    )


def resolve(watch: dict[str, Any], **given: Any) -> dict[str, Watch]:
    watches = resolve_watches("churn", spec(**given, watch=watch), PROFILES)
    return {one.signal: one for one in watches}


INPUTS = {
    "feature.age": SignalKind.UNBOUNDED,
    "feature.age_of_account": SignalKind.UNBOUNDED,
    "feature.plan": SignalKind.CATEGORICAL,
    "missing.age": SignalKind.BINARY,
    "missing.age_of_account": SignalKind.BINARY,
    "missing.plan": SignalKind.BINARY,
}


def test_a_binary_stream_has_these_signals() -> None:
    """In this order, which is that of everything that lists them."""
    expected = {
        "error": SignalKind.BINARY,
        "loss": SignalKind.UNBOUNDED,
        "score": SignalKind.UNIT,
        "prediction": SignalKind.BINARY,
        "label": SignalKind.BINARY,
        "label_delay": SignalKind.UNBOUNDED,
        **INPUTS,
    }
    assert list(signal_kinds(spec()).items()) == list(expected.items())


def test_a_multiclass_stream_has_a_score_and_no_loss() -> None:
    """Only the predicted class's probability is known."""
    expected = {
        "error": SignalKind.BINARY,
        "score": SignalKind.UNIT,
        "prediction": SignalKind.CATEGORICAL,
        "label": SignalKind.CATEGORICAL,
        "label_delay": SignalKind.UNBOUNDED,
        **INPUTS,
    }
    assert signal_kinds(spec("multiclass")) == expected


def test_a_regression_has_two_losses_and_no_error() -> None:
    """How far off it is, not whether."""
    expected = {
        "loss.absolute": SignalKind.UNBOUNDED,
        "loss.squared": SignalKind.UNBOUNDED,
        "prediction": SignalKind.UNBOUNDED,
        "label": SignalKind.UNBOUNDED,
        "label_delay": SignalKind.UNBOUNDED,
        **INPUTS,
    }
    assert signal_kinds(spec("regression", score=False)) == expected


def test_without_labels_and_score_the_inputs_and_predictions_remain() -> None:
    """A stream without labels is watched by what it has."""
    kinds = signal_kinds(spec(score=False, labels=False))
    assert kinds == {"prediction": SignalKind.BINARY, **INPUTS}


def test_an_error_or_loss_that_falls_does_not_count_unless_declared() -> None:
    """Everything else counts in both directions by default."""
    watch = {
        line: {"detector": "adwin"}
        for line in ("error", "loss", "score", "label_delay", "feature.age", "missing.age")
    }
    directions = {name: one.direction for name, one in resolve(watch).items()}
    assert directions.pop("error") is directions.pop("loss") is Direction.UP
    assert set(directions.values()) == {Direction.BOTH}
    losses = {"loss.*": {"detector": "adwin"}}
    assert {one.direction for one in resolve(losses, task="regression", score=False).values()} == {
        Direction.UP
    }
    down = resolve({"error": {"detector": "adwin", "direction": "both"}})
    assert down["error"].direction is Direction.BOTH


def test_the_most_specific_line_replaces_the_whole_line() -> None:
    """Nothing of a line that is replaced remains, wherever it stands."""
    watches = resolve(
        {
            "feature.age": {"detector": "adwin"},
            "feature.*": {"detector": "page-hinkley", "severity": "info", "direction": "up"},
            "feature.age_*": {"detector": ["adwin", "page-hinkley"], "severity": "critical"},
        },
    )
    assert watches["feature.age"] == Watch("feature.age", SignalKind.UNBOUNDED, (ADWIN,))
    assert watches["feature.age"].severity is Severity.WARNING
    assert watches["feature.age_of_account"].profiles == (ADWIN, HINKLEY)
    assert watches["feature.age_of_account"].direction is Direction.BOTH
    assert watches["feature.plan"].severity is Severity.INFO
    assert watches["feature.plan"].direction is Direction.UP


def test_watches_come_in_the_order_of_signals() -> None:
    """The order of lines in a file changes nothing."""
    lines = {"missing.*": {"detector": "adwin"}, "error": {"detector": "adwin"}}
    assert list(resolve(lines)) == [
        "error",
        "missing.age",
        "missing.age_of_account",
        "missing.plan",
    ]


@pytest.mark.parametrize("line", ["error", "prediction", "label", "missing.*", "feature.plan"])
def test_a_detector_of_errors_watches_whatever_is_0_or_1(line: str) -> None:
    """A categorical signal is one too: each of its values either occurs or not."""
    assert DDM in next(iter(resolve({line: {"detector": "ddm"}}).values())).profiles


@pytest.mark.parametrize("signal", ["loss", "score", "label_delay", "feature.age"])
def test_a_detector_of_errors_is_refused_on_numbers(signal: str) -> None:
    """It would take them for errors and mean nothing."""
    with pytest.raises(
        DeploymentError, match=f"'ddm' takes only values of 0 and 1, and '{signal}'"
    ):
        resolve({signal: {"detector": ["adwin", "ddm"]}})


@pytest.mark.parametrize("signal", ["error", "loss", "label", "label_delay"])
def test_what_needs_labels_is_refused_without_them(signal: str) -> None:
    """The message says what is missing, not that there is no such signal."""
    with pytest.raises(DeploymentError, match=f"signal '{signal}' needs labels"):
        resolve({signal: {"detector": "adwin"}}, labels=False)


def test_every_problem_of_a_stream_is_told_at_once() -> None:
    """With the file that declares it, also for one built in code."""
    with pytest.raises(DeploymentError) as caught:
        resolve({"eror": {"detector": "adwn"}, "score": {"detector": "ddm"}})
    assert [str(problem) for problem in caught.value.problems] == [
        "streams/churn.yaml: watch.eror: no signal 'eror' (did you mean 'error'?)",
        (
            "streams/churn.yaml: watch.eror.detector: no detector profile 'adwn'"
            " (did you mean 'adwin'?)"
        ),
        (
            "streams/churn.yaml: watch.score.detector: 'ddm' takes only values of 0 and 1,"
            " and 'score' is unit"
        ),
    ]
