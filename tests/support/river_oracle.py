"""What River says when it is called directly: the oracle that driftline's alarms have to equal.

Written without any code of driftline but the profile's parameters: plain loops over River's public
classes, exact arithmetic for the standardisation.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from river import drift
from river.drift import binary

from driftline.model import SignalKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.profiles import DetectorSpec, Profile


def river_detector(spec: DetectorSpec) -> Any:
    """River's own detector with the parameters of a profile."""
    classes = {
        "adwin": drift.ADWIN,
        "page-hinkley": drift.PageHinkley,
        "kswin": drift.KSWIN,
        "ddm": binary.DDM,
        "eddm": binary.EDDM,
        "hddm-a": binary.HDDMA,
        "hddm-w": binary.HDDMW,
        "fhddm": binary.FHDDM,
    }
    return classes[spec.kind](**spec.model_dump(exclude={"kind", "standardise", "warm_up"}))


def river_alarms(profile: Profile, kind: SignalKind, values: Iterable[float]) -> list[int]:
    """How many values River had been given at each of its drifts, the last one included."""
    spec, detector = profile.spec, river_detector(profile.spec)
    series = [float(value) for value in values]
    if kind is SignalKind.UNBOUNDED and spec.standardise:
        series = standardised(series, spec.warm_up)
    alarms = []
    for ordinal, x in enumerate(series, start=1):
        # River's FHDDM counts successes, every other detector errors.
        detector.update(1.0 - x if spec.kind == "fhddm" else x)
        if detector.drift_detected:
            alarms.append(ordinal)
    return alarms


def standardised(series: list[float], warm_up: int) -> list[float]:
    """The series with mean and sample deviation of its first values taken out; [] if too short.

    Values are cut off at 100 deviations, as the documentation says.
    """
    first = series[:warm_up]
    if len(first) < warm_up:
        return []
    mean, deviation = statistics.mean(first), statistics.stdev(first)
    return [min(100.0, max(-100.0, (x - mean) / (deviation or 1.0))) for x in series]
