"""What in config/alerting.yaml may be meant otherwise, though it is right in itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.config.patterns import match_any
from driftline.errors import DriftlineError, did_you_mean
from driftline.notify.receivers import build_receiver

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from driftline.config.alerting import Matchers
    from driftline.config.deployment import Deployment

_NOUNS: Final = {"stream": "a name", "owner": "an owner", "tag": "a tag"}


def alerting_notes(deployment: Deployment, environ: Mapping[str, str]) -> list[str]:
    """What should be looked at.

    Receivers that no route names, or whose secrets are not in this environment, and routes that
    match no stream as they are declared now.
    """
    alerting = deployment.alerting
    used = {name for route in alerting.routes for name in route.receivers}
    notes = [
        f"receivers.{name}: no route names it" for name in alerting.receivers if name not in used
    ]
    notes += _unusable(deployment, environ)
    for place, route in enumerate(alerting.routes):
        notes += [
            f"routes[{place}].match.{key}: {said}"
            for key, said in match_notes(route.match, deployment)
        ]
    return notes


def match_notes(match: Matchers, deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Patterns that match no stream as they are declared now: each with its key."""
    for key, names in _declared(deployment).items():
        for pattern in getattr(match, key) or ():
            if not any(match_any([pattern], name) for name in names):
                hint = did_you_mean(pattern, names)
                yield key, f"no stream has {_NOUNS[key]} like '{pattern}'{hint}"


def _unusable(deployment: Deployment, environ: Mapping[str, str]) -> Iterator[str]:
    """What a worker that notifies would end with. Not wrong here: secrets may be elsewhere."""
    for name, spec in deployment.alerting.receivers.items():
        try:
            build_receiver(name, spec, deployment.directory, environ)
        except DriftlineError as error:
            yield f"{error}; a worker does not start so"


def _declared(deployment: Deployment) -> Mapping[str, Collection[str]]:
    specs = {name: stream.spec for name, stream in deployment.streams.items()}
    return {
        "stream": specs.keys(),
        "owner": {spec.owner for spec in specs.values() if spec.owner is not None},
        "tag": {tag for spec in specs.values() for tag in spec.tags},
    }
