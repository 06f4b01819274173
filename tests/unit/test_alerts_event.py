"""The alert event is a CloudEvent that a stranger can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from pydantic import ValidationError

from driftline.alerts.event import LabelState, build_event, read_event
from driftline.alerts.evidence import Sample, Shift, rank_shifts
from driftline.alerts.lifecycle import Reason
from driftline.alerts.schema import AlertEnvelope
from driftline.config.profiles import Profile
from driftline.model import SECOND
from support.alert_scenes import INSTANCE, START, alarm, coin, steps, times, track
from support.drift_data import read_drift

if TYPE_CHECKING:
    from driftline.alerts.alert import AlertChange

SEEN = 1_560_000_000 * SECOND


def changes() -> list[AlertChange]:
    """An alert that fires and is withdrawn."""
    subject = track()
    values = coin(steps((5_000, 0.1), (500, 0.3)), 1)
    subject.extend({"": values}, times(len(values)))
    told = subject.on_alarm(alarm(5_499), incarnation="kQ2x")
    ended = subject.end(Reason.WITHDRAWN, START + 6_000 * SECOND)
    return [*told, *ended]


def profile() -> Profile:
    return Profile.from_json(json.dumps({"name": "adwin", "spec": {"kind": "adwin", "clock": 1}}))


def shift(signal: str, after: float, sd: float = 1.0, count: int = 400) -> Shift:
    before = Sample(0.0, sd, count, START, START)
    return Shift(signal, "", before, Sample(after, sd, count, START, START))


def test_a_firing_alert_says_all_there_is() -> None:
    """Every part of the explanation arrives as it was given."""
    (change, _) = changes()
    event = build_event(
        "prod",
        change,
        profiles=[profile()],
        versions=[f"v{number}" for number in range(50)],
        labels=LabelState(900, 50, 50, 30 * 86_400 * SECOND),
        moved_with=[shift("feature.age", 2.0)],
        seen_at=SEEN,
    )
    data = read_drift(event.value)
    assert (data.stream, data.instance, data.signal) == ("loans", INSTANCE.name, "error")
    assert (data.status, data.reason, data.kind, data.revision) == ("firing", None, "drift", 1)
    assert data.model_versions == tuple(f"v{number}" for number in range(30, 50))
    (detector,) = data.detectors
    assert (detector.profile, detector.kind, detector.values_seen) == ("adwin", "adwin", 5_500)
    assert detector.parameters["clock"] == 1
    assert "kind" not in detector.parameters
    assert (data.trigger.topic, data.trigger.partition, data.trigger.offset) == (
        "loans.labels",
        2,
        5_499,
    )
    assert (data.trigger.id, data.trigger.incarnation) == ("id-5499", "kQ2x")
    assert data.trigger.values_seen == 5_500
    assert data.evidence.absolute_change == pytest.approx(
        data.evidence.after.mean - data.evidence.before.mean
    )
    assert data.labels is not None
    assert data.labels.coverage == 0.9
    assert data.labels.mean_delay_seconds == 30 * 86_400
    assert [one.signal for one in data.moved_with] == ["feature.age"]
    assert data.moved_with[0].effect_size == 2
    assert "labelled outcomes since" in data.summary


def test_the_envelope_is_a_cloud_event() -> None:
    """Attributes, headers and key are those that the specification and a reader expect."""
    fired, ended = (build_event("my prod", change, seen_at=SEEN) for change in changes())
    envelope = json.loads(fired.value)
    assert envelope["specversion"] == "1.0"
    assert envelope["id"] == fired.id == f"{fired.key}.1"
    assert envelope["source"] == "/driftline/my%20prod"
    assert envelope["type"] == "io.driftline.alert.firing"
    assert envelope["subject"] == "loans/eu/error"
    assert envelope["time"] == "2019-06-08T13:20:00Z"
    assert envelope["datacontenttype"] == "application/json"
    assert json.loads(ended.value)["type"] == "io.driftline.alert.resolved"
    assert (ended.key, ended.id) == (fired.key, f"{fired.key}.2")
    headers = dict(fired.headers)
    assert headers["content-type"] == b"application/cloudevents+json; charset=UTF-8"
    for name in ("specversion", "id", "source", "type", "subject", "time"):
        assert headers[f"ce_{name}"].decode() == envelope[name]


def test_without_a_clock_the_time_is_the_records() -> None:
    """A replay of files goes by event time alone."""
    event = read_event(build_event("d", changes()[0]).value)
    assert event.time == event.data.at
    assert event.data.seen_at is None


def test_the_same_change_is_the_same_bytes() -> None:
    """A repeated publication is recognised by everyone."""
    first, second = (build_event("d", changes()[0], seen_at=SEEN) for _ in range(2))
    assert first == second


def test_a_reader_takes_what_a_later_version_adds() -> None:
    """New fields are no reason to stop reading."""
    value = json.loads(build_event("d", changes()[0]).value)
    value["data"]["hindsight"] = value["traceparent"] = "x"
    value["data"]["evidence"]["hue"] = 3
    assert read_event(json.dumps(value).encode()).data.alert_id == value["data"]["alert_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"type": "io.driftline.other"},
        {"data": None},
        {"data": {"schema_version": 2}},
    ],
)
def test_what_is_no_alert_event_is_refused(change: dict[str, object]) -> None:
    """By a ValueError that says where."""
    value = json.loads(build_event("d", changes()[0]).value) | change
    with pytest.raises(ValidationError):
        read_event(json.dumps(value).encode())
    with pytest.raises(ValueError, match="json"):
        read_event(b"{")


def test_every_field_is_described_in_the_schema() -> None:
    """The JSON Schema explains itself: no field without a description."""
    schema = AlertEnvelope.model_json_schema()
    objects = [schema, *(one for one in schema["$defs"].values() if "properties" in one)]
    missing = [
        f"{one['title']}.{name}"
        for one in objects
        for name, field in one["properties"].items()
        if "description" not in field
    ]
    assert missing == []


def test_the_event_holds_what_was_promised() -> None:
    """The fields that readers were told to rely on are all required."""
    data = AlertEnvelope.model_json_schema()["$defs"]["DriftData"]
    promised = {
        *("alert_id", "revision", "kind", "stream", "instance", "signal", "slice", "status"),
        *("reason", "severity", "model_versions", "detectors", "trigger", "evidence", "labels"),
        *("moved_with", "summary"),
    }
    assert promised <= set(data["required"])


def test_numbers_are_finite_json() -> None:
    """A signal without any spread gives null, never an infinity."""
    subject = track()
    values = steps((1_984, 0.0), (64, 1.0))
    subject.extend({"": values}, times(len(values)))
    (change,) = subject.on_alarm(alarm(2_047))
    event = build_event("d", change)
    data = msgspec.json.decode(event.value)["data"]
    assert data["evidence"]["effect_size"] is None
    assert data["evidence"]["relative_change"] is None
    assert b"Infinity" not in event.value
    assert b"NaN" not in event.value


def test_what_moved_is_ranked_by_size_and_chance_is_left_out() -> None:
    """Only real shifts are named, the largest first, at most as many as asked for."""
    shifts = [
        shift("small", 0.1),
        shift("middle", 0.5),
        shift("constant", 1.0, sd=0.0),
        shift("large", -3.0),
        shift("few", 0.5, count=30),
        shift("none", 0.0, sd=0.0),
    ]
    assert [one.signal for one in rank_shifts(shifts)] == ["constant", "large", "middle"]
    assert [one.signal for one in rank_shifts(shifts, limit=1)] == ["constant"]


def test_coverage_is_the_share_that_got_its_label() -> None:
    """Of all predictions, waiting and expired ones included; of none there is none."""
    assert LabelState(3, 0, 1).coverage == 0.75
    assert LabelState(0, 0, 0).coverage is None


def test_an_ended_alert_says_why() -> None:
    """The reason is one of those in the table."""
    data = read_event(build_event("d", changes()[1]).value).data
    assert (data.status, data.reason) == ("resolved", Reason.WITHDRAWN)
    assert "no longer watched" in data.summary


def test_the_documentation_lists_every_field() -> None:
    """No field of the event is missing from the page that describes it, nor its description."""
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    schema = AlertEnvelope.model_json_schema()
    for part in schema["$defs"].values():
        for name, field in part.get("properties", {}).items():
            assert f"| `{name}` |" in page
            assert field["description"].replace("|", "&#124;") in page
