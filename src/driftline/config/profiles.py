"""Detector profiles: which of River's drift detectors, with which parameters, under which name.

Every parameter is range-checked here, because River checks few of them: its ADWIN takes a `delta`
of 2 or NaN silently and panics on a `clock` of 0. The defaults are those of the shipped profiles,
chosen for at most one false alarm in 100,000 values (docs/detectors.md): River's own where those
are as quiet.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    TypeAdapter,
    field_validator,
    model_validator,
)

from driftline.config.spec import Spec, refuse_all, wrong
from driftline.errors import nearest

ENTRY_POINT_GROUP: Final = "driftline.detectors"

Share: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
"""Strictly between 0 and 1."""
Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]


class DetectorSettings(Spec):
    """What all detectors have in common."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    binary_only: ClassVar[bool] = False
    """Takes only 0 and 1, and alarms when ones become more frequent: an error, not a feature."""

    standardise: bool = True
    """Unbounded signals only: feed (value - mean) / deviation, both fixed by the warm-up."""
    warm_up: Annotated[int, Field(ge=2, le=100_000)] = 1000
    """How many values fix the mean and the standard deviation; they are then fed too."""


class AdwinSpec(DetectorSettings):
    """ADWIN (Bifet and Gavalda, 2007): drops the past when parts of its window differ in mean."""

    kind: Literal["adwin"]
    delta: Share = 0.002
    clock: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Look for a change at every n-th value; River's 32 is faster and up to 31 values later."""
    max_buckets: Annotated[int, Field(ge=2, le=64)] = 5
    min_window_length: Count = 5
    grace_period: Annotated[int, Field(ge=0, le=1_000_000)] = 10


class KswinSpec(DetectorSettings):
    """KSWIN (Raab et al., 2020): a Kolmogorov-Smirnov test of new values against older ones."""

    kind: Literal["kswin"]
    alpha: Share = 1e-6
    window_size: Annotated[int, Field(ge=4, le=10_000)] = 300
    stat_size: Annotated[int, Field(ge=2, le=5_000)] = 100
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Always set: without a seed two runs over the same log would differ."""

    @model_validator(mode="after")
    def _the_sample_fits(self) -> Self:
        if 2 * self.stat_size > self.window_size:
            refuse_all([("stat_size", "should be at most half of window_size")])
        return self


class PageHinkleySpec(DetectorSettings):
    """Page-Hinkley (Page, 1954): the deviation from the running mean, cumulated.

    `delta` and `threshold` are in the units of what is fed.
    """

    kind: Literal["page-hinkley"]
    min_instances: Count = 30
    delta: Annotated[float, Field(ge=0, le=1e9)] = 0.05
    threshold: Annotated[float, Field(gt=0, le=1e12)] = 100.0
    alpha: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How much of the sum is kept from value to value. Below 1 (River: 0.9999) the sum forgets the
    `delta` subtracted from it too, and wanders over any threshold in time."""
    mode: Literal["up", "down", "both"] = "both"


class DdmSpec(DetectorSettings):
    """DDM (Gama et al., 2004): the error rate is so many deviations above its lowest."""

    binary_only: ClassVar[bool] = True

    kind: Literal["ddm"]
    warm_start: Count = 300
    """With River's 30, thirty-one correct predictions and then one error are drift."""
    warning_threshold: Annotated[float, Field(gt=0, le=100)] = 2.0
    drift_threshold: Annotated[float, Field(gt=0, le=100)] = 3.0

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        return _ordered(self, "warning_threshold", "drift_threshold")


class EddmSpec(DetectorSettings):
    """EDDM (Baena-Garcia et al., 2006): errors come closer than a share of their best distance."""

    binary_only: ClassVar[bool] = True

    kind: Literal["eddm"]
    warm_start: Count = 300
    alpha: Share = 0.9
    """Warn when the distance is below this share of its best."""
    beta: Share = 0.8
    """Alarm when it is below this one."""

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        return _ordered(self, "beta", "alpha")


class HddmASpec(DetectorSettings):
    """HDDM-A (Frias-Blanco et al., 2015): Hoeffding's bound on the difference of running means."""

    binary_only: ClassVar[bool] = True

    kind: Literal["hddm-a"]
    drift_confidence: Share = 0.0005
    warning_confidence: Share = 0.005
    two_sided_test: bool = False
    """Alarm on a falling error rate too."""

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        return _ordered(self, "drift_confidence", "warning_confidence")


class HddmWSpec(DetectorSettings):
    """HDDM-W (Frias-Blanco et al., 2015): McDiarmid's bound on exponentially weighted means."""

    binary_only: ClassVar[bool] = True

    kind: Literal["hddm-w"]
    drift_confidence: Share = 0.00001
    warning_confidence: Share = 0.0001
    lambda_val: Share = 0.003
    """The weight of the newest value."""
    two_sided_test: bool = False
    """Alarm on a falling error rate too."""

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        return _ordered(self, "drift_confidence", "warning_confidence")


class FhddmSpec(DetectorSettings):
    """FHDDM (Pesaranghader and Viktor, 2016): the share of correct predictions fell.

    It alarms when the share in its window is below the best one by Hoeffding's bound.
    """

    binary_only: ClassVar[bool] = True

    kind: Literal["fhddm"]
    sliding_window_size: Annotated[int, Field(ge=2, le=100_000)] = 500
    confidence_level: Share = 1e-8
    short_window_size: Annotated[int, Field(ge=1, le=100_000)] | None = None

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        least = math.floor(-math.log(self.confidence_level) / 2) + 1
        if self.sliding_window_size < least:
            message = f"should be at least {least} for this confidence_level, or it never fires"
            refuse_all([("sliding_window_size", message)])
        if self.short_window_size is not None:
            return _ordered(self, "short_window_size", "sliding_window_size")
        return self


class CustomSpec(DetectorSettings):
    """A detector of the user's own: `kind` is the name of its entry point.

    `parameters` are given to it as they are.
    """

    kind: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _is_installed(cls, kind: str) -> str:
        installed = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)}
        if kind in installed:
            return kind
        known = [*KINDS, *sorted(installed - set(KINDS))]
        near = nearest(kind, known)
        hint = f"did you mean '{near}'?" if near else f"have: {', '.join(known)}"
        message = f"no detector kind '{kind}' ({hint})"
        raise wrong(message)

    def __hash__(self) -> int:
        return hash(_canonical(self))


KINDS: Final = ("adwin", "page-hinkley", "kswin", "ddm", "eddm", "hddm-a", "hddm-w", "fhddm")
"""River's detectors, by the names that profiles use."""

SHIPPED: Final = KINDS
"""The shipped profiles: one of each kind, named for it."""


def _tag(spec: object) -> str | None:
    kind = spec.get("kind") if isinstance(spec, dict) else getattr(spec, "kind", None)
    if kind is None:
        return None
    return kind if kind in KINDS else "custom"


DetectorSpec: TypeAlias = Annotated[
    Annotated[AdwinSpec, Tag("adwin")]
    | Annotated[PageHinkleySpec, Tag("page-hinkley")]
    | Annotated[KswinSpec, Tag("kswin")]
    | Annotated[DdmSpec, Tag("ddm")]
    | Annotated[EddmSpec, Tag("eddm")]
    | Annotated[HddmASpec, Tag("hddm-a")]
    | Annotated[HddmWSpec, Tag("hddm-w")]
    | Annotated[FhddmSpec, Tag("fhddm")]
    | Annotated[CustomSpec, Tag("custom")],
    Discriminator(
        _tag,
        custom_error_type="detector_kind",
        custom_error_message=f"'kind' is missing (have: {', '.join(KINDS)})",
    ),
]

DETECTOR_SPEC: Final[TypeAdapter[DetectorSpec]] = TypeAdapter(DetectorSpec)
"""Validates a detector's declaration, makes its JSON Schema; errors' `loc` begins with the kind."""


def _canonical(spec: DetectorSpec) -> str:
    """The declaration with its defaults written out, as JSON with sorted keys.

    Equal text means equal behaviour.
    """
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Profile:
    """A detector's settings under the name by which streams refer to them."""

    name: str
    spec: DetectorSpec
    digest: str = field(init=False, repr=False, compare=False)
    """Identifies the settings, not the name: stored detector state belongs to it. Worked out once,
    as thousands of instances may share a profile."""

    def __post_init__(self) -> None:
        """Work out what follows from the settings."""
        digest = hashlib.sha256(_canonical(self.spec).encode()).hexdigest()[:16]
        object.__setattr__(self, "digest", digest)

    def to_json(self) -> str:
        """The profile as text, for `from_json`."""
        return json.dumps({"name": self.name, "spec": self.spec.model_dump(mode="json")})

    @classmethod
    def from_json(cls, text: str | bytes) -> Profile:
        """The inverse of `to_json`; raises ValueError for what it did not write."""
        fields = json.loads(text)
        return cls(str(fields["name"]), DETECTOR_SPEC.validate_python(fields["spec"]))


AnySpec = TypeVar("AnySpec", bound=DetectorSettings)


def _ordered(spec: AnySpec, lower: str, upper: str) -> AnySpec:
    """The spec, if the first parameter is below the second; else an error that names both."""
    if not getattr(spec, lower) < getattr(spec, upper):
        refuse_all([(lower, f"should be below {upper}")])
    return spec
