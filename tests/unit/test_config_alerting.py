"""config/alerting.yaml, whatever stands in it."""

from __future__ import annotations

import json
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from driftline.alerts.schema import AlertData
from driftline.config.alerting import (
    AlertingSpec,
    Day,
    HoursSpec,
    Matchers,
    RouteSpec,
    WebhookSpec,
)
from driftline.config.conflicts import KINDS
from driftline.config.deployment import load_deployment
from driftline.errors import DeploymentError
from support.recorded_stream import write_deployment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driftline.errors import Problem

KEYS: Final = st.sampled_from(
    [
        "receivers", "routes", "match", "continue", "kind", "url", "secret", "retrain", "hours",
        "days", "begin", "timezone", "stream", "severity", "tag", "team", "Team", "per_hour",
        "subscriptions", "env", "group_wait", "base_url",
    ]
)  # fmt: skip
TEXTS: Final = st.sampled_from(
    [
        "", "team", "webhook", "slack-webhook", "log", "critical", "*", "c?", "[", "09:00", "30s",
        "https://example.com", "https://[", "https://a:b@c", "UTC", "..", "mon", "\x00", "é", "\n",
    ]
)  # fmt: skip
SCALARS: Final = st.none() | st.booleans() | st.integers(-1, 10**12) | st.floats() | TEXTS
ANYTHING: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NEARLY: Final = st.fixed_dictionaries(
    {},
    optional={
        "receivers": st.dictionaries(
            TEXTS, st.fixed_dictionaries({"kind": TEXTS | ANYTHING}, optional={"url": ANYTHING})
        ),
        "routes": st.lists(
            st.fixed_dictionaries(
                {"receivers": TEXTS | st.lists(TEXTS, max_size=2) | ANYTHING},
                optional={
                    "match": st.dictionaries(KEYS, ANYTHING, max_size=2),
                    "continue": SCALARS,
                    "retrain": SCALARS,
                    "hours": ANYTHING,
                },
            ),
            max_size=3,
        ),
    },
)


@given(data=NEARLY | ANYTHING)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_file_it_is_read_or_refused(data: Any, tmp_path: Path) -> None:
    """Never anything but a deployment or its problems, each with file and message."""
    directory = write_deployment(tmp_path)
    (directory / "config").mkdir(exist_ok=True)
    (directory / "config/alerting.yaml").write_text(json.dumps(data))
    for problem in problems(directory):
        assert problem.file.startswith("config/alerting.yaml")
        assert problem.message


def problems(directory: Path) -> Sequence[Problem]:
    try:
        load_deployment(directory)
    except DeploymentError as error:
        return error.problems
    return ()


def test_alerting_is_complete_in_code() -> None:
    """Secrets as values, times and durations as Python's; what is wrong is refused as in a file."""
    route = RouteSpec(
        match=Matchers(stream=("churn",)),
        receivers=("hook",),
        hours=HoursSpec(days=(Day.MONDAY,), begin=time(9), end=time(17, 30)),
        group_wait=timedelta(seconds=30),
    )
    hook = WebhookSpec(kind="webhook", url=SecretStr("https://example.com/x"))
    alerting = AlertingSpec(receivers={"hook": hook}, routes=(route,))
    assert alerting.routes[0].hours == route.hours
    assert "example.com" not in repr(alerting)
    with pytest.raises(ValidationError, match="no such receiver"):
        AlertingSpec(routes=(route,))


def test_a_route_reads_what_it_writes() -> None:
    """As JSON: a route may be kept beside what is to be sent by it."""
    route = RouteSpec.model_validate(
        {
            "match": {"stream": ["a*"]},
            "receivers": "hook",
            "continue": True,
            "hours": {"days": "mon", "begin": "22:00", "end": "06:30", "timezone": "Asia/Tokyo"},
            "repeat_interval": "4h",
        }
    )
    assert RouteSpec.model_validate(route.model_dump(mode="json", by_alias=True)) == route
    assert RouteSpec.model_validate_json(route.model_dump_json(by_alias=True)) == route


def test_the_kinds_of_alerts_are_those_that_there_are() -> None:
    """In the order in which the events' schema has them."""
    kinds = [one.model_fields["kind"].annotation for one in AlertData.__args__]
    assert [one.__args__[0] for one in kinds] == list(KINDS)
