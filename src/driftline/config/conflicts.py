"""What is wrong between the parts of config/alerting.yaml, each of which may be right alone.

Works on plain values, so that it is found beside other mistakes too; what is not as it should be
is passed over here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from driftline.config.patterns import as_list, covers, match_any
from driftline.config.streams import NAME_EXPECTED, is_name
from driftline.errors import nearest
from driftline.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Conflict: TypeAlias = "tuple[tuple[str | int, ...], str]"

KINDS: Final = ("drift", "silence", "health")
"""The kinds of alerts, as the events name them."""

_ALL: Final[Mapping[str, Sequence[str]]] = {"severity": tuple(Severity), "kind": KINDS}
"""Keys that every alert has, with all their values."""


def find_conflicts(alerting: Mapping[str, Any]) -> list[Conflict]:
    """Wrong names, routes to nowhere, and routes that nothing ever reaches."""
    receivers, routes = alerting.get("receivers"), alerting.get("routes")
    names = list(receivers) if isinstance(receivers, Mapping) else []
    found: list[Conflict] = [
        (("receivers", name), NAME_EXPECTED) for name in names if not is_name(name)
    ]
    listed = routes if isinstance(routes, list | tuple) else []
    for place, route in enumerate(listed):
        if isinstance(route, Mapping):
            found += _wrong_receivers(place, route, names)
            found += _no_webhook(place, route, receivers)
            found += _unreachable(place, listed)
    return found


def _wrong_receivers(
    place: int, route: Mapping[str, Any], names: Sequence[str]
) -> Iterator[Conflict]:
    listed = _texts(route.get("receivers")) or ()
    for number, name in enumerate(listed):
        key = ("routes", place, "receivers", number)
        if name in listed[:number]:
            yield key, "is there twice"
        elif name not in names:
            near = nearest(name, names)
            there = f"there are: {', '.join(names)}" if names else "none is declared"
            yield (
                key,
                "no such receiver (" + (f"did you mean '{near}'?" if near else there) + ")",
            )


def _no_webhook(place: int, route: Mapping[str, Any], receivers: object) -> Iterator[Conflict]:
    """A route that sends requests to retrain to nobody."""
    declared = receivers if isinstance(receivers, Mapping) else {}
    named = [declared.get(name) for name in _texts(route.get("receivers")) or ()]
    kinds = [one.get("kind") for one in named if isinstance(one, Mapping)]
    if route.get("retrain") is True and kinds and "webhook" not in kinds:
        yield ("routes", place, "retrain"), "is for webhooks, and none of the receivers is one"


def _unreachable(place: int, routes: Sequence[Any]) -> Iterator[Conflict]:
    match = _matchers(routes[place])
    for earlier, route in enumerate(routes[:place]):
        goes_on = isinstance(route, Mapping) and route.get("continue") is True
        if not goes_on and match is not None and _takes_all(_matchers(route), match):
            message = f"is never reached: routes[{earlier}] takes all that it matches"
            yield ("routes", place), f"{message}; write it before, or `continue: true` there"
            return


def _matchers(route: object) -> Mapping[str, Sequence[str]] | None:
    """A route's matchers; None if they are not as they should be."""
    match = route.get("match", {}) if isinstance(route, Mapping) else None
    if not isinstance(match, Mapping):
        return None
    given = {key: _texts(value) for key, value in match.items() if value is not None}
    right = {key: patterns for key, patterns in given.items() if patterns}
    return right if len(right) == len(given) else None


def _takes_all(wide: Mapping[str, Sequence[str]] | None, narrow: Mapping[str, Any]) -> bool:
    if wide is None:
        return False
    return all(_covers(key, patterns, narrow.get(key)) for key, patterns in wide.items())


def _covers(key: str, wide: Sequence[str], narrow: Sequence[str] | None) -> bool:
    if key in _ALL:
        meant = [one for one in _ALL[key] if narrow is None or match_any(narrow, one)]
        return all(match_any(wide, one) for one in meant)
    return narrow is not None and covers(wide, narrow)


def _texts(value: object) -> tuple[str, ...] | None:
    """One text or a list of them; None if it is something else."""
    listed = as_list(value)
    if not isinstance(listed, list | tuple):
        return None
    texts = tuple(one for one in listed if isinstance(one, str))
    return texts if len(texts) == len(listed) else None
