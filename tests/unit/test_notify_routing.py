"""Whom an alert goes to: patterns, matchers, routes, and what a silence mutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from driftline.alerts.schema import DriftData, HealthData, SilenceData
from driftline.config.alerting import AlertingSpec, Matchers, RouteSpec
from driftline.config.conflicts import KINDS
from driftline.config.patterns import covers, match_any
from driftline.model import Severity
from driftline.notify.matching import Description, matches
from driftline.notify.routing import Router
from driftline.notify.silences import Silence
from driftline.notify.subscription import (
    Subscription,
    SubscriptionState,
    SubscriptionTarget,
    TargetKind,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ALERT = Description(
    "churn-eu", "churn-eu/north", "feature.age", "critical", "drift", "risk team", ("eu", "tier1")
)
HEALTH = Description(None, None, "lag", "warning", "health")
NAMES = st.text(alphabet="ab.-", max_size=6)
PATTERNS = st.text(alphabet="ab.*?", min_size=1, max_size=6)


def plainly(pattern: str, name: str) -> bool:
    """What a pattern means, spelled out letter by letter."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(plainly(pattern[1:], name[cut:]) for cut in range(len(name) + 1))
    return bool(name) and pattern[0] in {"?", name[0]} and plainly(pattern[1:], name[1:])


@given(PATTERNS, NAMES)
def test_a_pattern_means_what_it_says(pattern: str, name: str) -> None:
    """`*` is any letters, `?` any one, all else itself, and the whole name has to fit."""
    assert match_any([pattern], name) == plainly(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a+", "a+", True),
        ("a+", "aa", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("(a|b)*", "(a|b)\nc", True),
        ("A", "a", False),
        ("a.c", "abc", False),
        ("?", "\n", True),
        ("*", "", True),
        ("\\", "\\", True),
    ],
)
def test_nothing_else_in_a_pattern_is_special(pattern: str, name: str, *, fits: bool) -> None:
    """Brackets, dots and backslashes are themselves; case counts; lines do not."""
    assert match_any([pattern], name) is fits


def test_a_pattern_that_is_made_to_hurt_is_quick() -> None:
    """Many `*` against a long name that nearly fits: a naive expression would never end."""
    pattern, name = "*a" * 250, "a" * 249 + "b" * 10_000
    assert not match_any([pattern], name)


@given(st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATTERNS, min_size=1), NAMES)
def test_patterns_that_cover_others_match_all_that_those_do(
    wide: list[str], narrow: list[str], name: str
) -> None:
    """So a route is called unreachable only if it is."""
    if covers(wide, narrow) and match_any(narrow, name):
        assert match_any(wide, name)


@pytest.mark.parametrize("data", [DriftData, SilenceData, HealthData])
def test_alerts_of_every_kind_have_what_matchers_look_at(data: type[Any]) -> None:
    """And the kinds that a matcher may name are those that there are."""
    named = {"stream", "instance", "signal", "severity", "kind", "owner", "tags"}
    assert named <= data.model_fields.keys()
    assert get_args(data.model_fields["kind"].annotation)[0] in KINDS


@pytest.mark.parametrize(
    ("matchers", "meant"),
    [
        ({}, True),
        ({"stream": "churn-*"}, True),
        ({"stream": ["fraud", "churn-eu"]}, True),
        ({"stream": "churn"}, False),
        ({"instance": "churn-eu/*"}, True),
        ({"signal": "feature.*", "severity": ["critical", "warning"]}, True),
        ({"signal": "feature.*", "severity": "info"}, False),
        ({"kind": "health"}, False),
        ({"owner": "risk*"}, True),
        ({"tag": "tier1"}, True),
        ({"tag": ["x", "e?"]}, True),
        ({"tag": "tier"}, False),
    ],
)
def test_every_matcher_has_to_match_by_any_of_its_patterns(
    matchers: dict[str, Any], *, meant: bool
) -> None:
    """Keys are joined by and, the patterns of one by or; a tag is any of the tags."""
    assert matches(Matchers.model_validate(matchers), ALERT) is meant


@pytest.mark.parametrize("key", ["stream", "instance", "owner", "tag"])
def test_what_an_alert_does_not_have_no_pattern_matches(key: str) -> None:
    """Not even `*`: the monitor's own health is of no stream and of no owner."""
    assert not matches(Matchers.model_validate({key: "*"}), HEALTH)


def route(*receivers: str, goes_on: bool = False, **match: Any) -> RouteSpec:
    return RouteSpec.model_validate(
        {"match": match, "receivers": receivers, "continue": goes_on},
    )


def alerting(*routes: RouteSpec) -> AlertingSpec:
    names = {name for one in routes for name in one.receivers}
    return AlertingSpec.model_validate(
        {"receivers": {name: {"kind": "log"} for name in names}, "routes": routes}
    )


def subscription(number: int, **filter_: Any) -> Subscription:
    target = SubscriptionTarget(TargetKind.WEBHOOK, SecretStr("https://example.com"))
    return Subscription(
        str(number), "ada", Matchers(**filter_), target, SubscriptionState.ACTIVE, 0
    )


def assigned(
    routes: Sequence[RouteSpec], alert: Description, *subscriptions: Subscription
) -> list[tuple[str, int | None]]:
    found = Router(alerting(*routes), lambda: subscriptions).assign(alert)
    return [(one.receiver, one.place) for one in found]


def test_the_first_route_that_matches_wins() -> None:
    """Later ones are not asked, whether they match or not."""
    routes = [route("a", stream=("fraud",)), route("b", stream=("churn-*",)), route("c", "b")]
    assert assigned(routes, ALERT) == [("b", 1)]
    assert assigned(routes, HEALTH) == [("c", 2), ("b", 2)]


def test_a_route_that_continues_leaves_the_rest_to_the_next() -> None:
    """A receiver that both name gets the alert as the first of them has it."""
    routes = [route("a", "b", goes_on=True, severity=("critical",)), route("c", "a"), route("d")][
        :2
    ]
    assert assigned(routes, ALERT) == [("a", 0), ("b", 0), ("c", 1)]


def test_without_routes_nobody_is_told() -> None:
    """Alerts are on their topic and in the log, as they were before there were routes."""
    assert assigned([], ALERT) == []


def test_a_subscription_is_told_whatever_the_routes_say() -> None:
    """As a receiver of its own, and only of what it asks for."""
    found = assigned(
        [route("a")],
        ALERT,
        subscription(1, stream=("churn-*",)),
        subscription(2, stream=("fraud",)),
        subscription(3),
    )
    assert found == [("a", 0), ("subscription:1", None), ("subscription:3", None)]


def test_subscriptions_are_asked_for_anew_with_each_alert() -> None:
    """One that was added or paused meanwhile counts at once."""
    known: list[Subscription] = []
    router = Router(AlertingSpec(), lambda: known)
    assert router.assign(ALERT) == []
    known.append(subscription(1))
    assert [one.receiver for one in router.assign(ALERT)] == ["subscription:1"]


STREAMS = st.sampled_from(["churn", "churn-eu", "fraud"])
MATCH = st.fixed_dictionaries(
    {},
    optional={
        "stream": st.lists(st.sampled_from(["churn", "churn*", "*", "fr?ud"]), min_size=1),
        "severity": st.lists(st.sampled_from([*Severity, "c*"]), min_size=1),
        "kind": st.lists(st.sampled_from(KINDS), min_size=1),
        "tag": st.lists(st.sampled_from(["eu", "us"]), min_size=1),
    },
)
ROUTES = st.lists(
    st.builds(
        lambda match, receivers, goes_on: route(*receivers, goes_on=goes_on, **match),
        MATCH,
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True),
        st.booleans(),
    ),
    max_size=5,
)
ALERTS = st.builds(
    lambda stream, severity, kind, tags: Description(
        stream, stream, "error", severity, kind, None, tuple(tags)
    ),
    STREAMS,
    st.sampled_from([str(one) for one in Severity]),
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(["eu", "us"])),
)


def built(routes: Sequence[RouteSpec]) -> AlertingSpec | None:
    """The routes as a declaration takes them; None if one of them is never reached."""
    try:
        return alerting(*routes)
    except ValidationError:
        return None


@given(ROUTES, ALERTS, st.lists(MATCH, max_size=3))
def test_whatever_the_routes_each_receiver_is_told_once(
    routes: list[RouteSpec], alert: Description, filters: list[dict[str, Any]]
) -> None:
    """Exactly the receivers of the matching routes up to the first that does not continue."""
    spec = built(routes)
    if spec is None:
        return
    subscriptions = [subscription(number, **one) for number, one in enumerate(filters)]
    names = [one.receiver for one in Router(spec, lambda: subscriptions).assign(alert)]
    assert len(set(names)) == len(names)
    expected: list[str] = []
    for one in routes:
        if matches(one.match, alert):
            expected += one.receivers
            if not one.continue_:
                break
    expected += [one.receiver for one in subscriptions if matches(one.filter, alert)]
    assert names == list(dict.fromkeys(expected))


@given(ROUTES, ALERTS)
def test_a_route_that_is_called_unreachable_is(routes: list[RouteSpec], alert: Description) -> None:
    """No alert comes to the last route if the declaration is refused for it."""
    if built(routes[:-1]) is None or built(routes) is not None:
        return
    *before, last = routes
    stopped = any(matches(one.match, alert) and not one.continue_ for one in before)
    assert stopped or not matches(last.match, alert)


def test_severities_that_are_all_there_are_take_everything() -> None:
    """A route behind critical, warning and info is never reached; behind two of them it is."""
    with pytest.raises(ValidationError, match="is never reached"):
        alerting(route("a", severity=("critical", "w*", "info")), route("b"))
    alerting(route("a", severity=("critical", "info")), route("b"))
    alerting(route("a", stream=("*",)), route("b"))


@given(
    MATCH,
    ALERTS,
    st.integers(min_value=0, max_value=100),
    st.integers(min_value=1, max_value=100),
    st.integers(min_value=-5, max_value=210),
)
def test_a_silence_mutes_exactly_what_matches_and_exactly_while_it_lasts(
    match: dict[str, Any], alert: Description, begin: int, length: int, now: int
) -> None:
    """From its start, that included, to its end, that not included."""
    matchers = Matchers(**match)
    silence = Silence("1", matchers, begin, begin + length, "ada", 0, "why")
    expected = begin <= now < begin + length and matches(matchers, alert)
    assert silence.mutes(alert, now) is expected
