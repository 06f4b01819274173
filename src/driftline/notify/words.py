"""An alert in the words of a notification, whatever it is sent through.

Names come from data: here they are without control and direction characters and of bounded length.
What they mean to the target (markup, mentions) is the receiver's to escape.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

from driftline.alerts.lifecycle import Reason
from driftline.alerts.schema import DriftData, HealthData, SilenceData
from driftline.alerts.summary import clean, levels, subject
from driftline.model import Direction, SignalKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from driftline.alerts.schema import AlertData, MovedData

MOST_NAMES: Final = 5
"""Of a list of names so many are told."""
MOST_RELATIVE: Final = 100
"""10,000 % tells nothing."""
LONGEST_SENTENCE: Final = 1_000

_ENDS: Final = {
    Reason.ACCEPTED: "accepted as the new normal",
    Reason.SUPERSEDED: "superseded by another model version",
    Reason.WITHDRAWN: "no longer watched",
    Reason.EXPIRED: "fired for as long as an alert may",
}
_UNITS: Final = (("days", 86_400), ("h", 3_600), ("min", 60))


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to know about an alert, in a few words."""

    name: str
    value: str
    given: bool = False
    """Whether the value came from data or a declaration, rather than being a figure of ours."""


def title(data: AlertData) -> str:
    """What, where and how much, on one line."""
    about = f"{where(data)}: "
    if isinstance(data, DriftData):
        return about + _drift_title(data)
    if isinstance(data, SilenceData):
        return about + _silence_title(data)
    return about + sentence(data.summary)


def where(data: AlertData) -> str:
    """The instance, or the deployment for what is about none."""
    return clean(data.instance or data.deployment)


def facts(data: AlertData) -> list[Fact]:
    """What there is to know beside the summary, the most telling first."""
    return [one for one in _facts(data) if one.value]


def moved_with(data: AlertData) -> list[Fact]:
    """Other signals that moved at the same moment, strongest first, with how far they went."""
    if not isinstance(data, DriftData):
        return []
    return [Fact(_moved_name(one), _moved_by(one)) for one in data.moved_with[:MOST_NAMES]]


def moment(at: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def sentence(text: str) -> str:
    """A sentence that came from elsewhere: on one line, and of bounded length."""
    printable = "".join(char if char.isprintable() else "?" for char in text[:LONGEST_SENTENCE])
    return printable if len(text) <= LONGEST_SENTENCE else printable[:-1] + "…"


def span(seconds: float) -> str:
    """A length of time in the largest unit of which it holds at least one."""
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def percent_change(data: DriftData) -> str:
    """How much the level changed in relation to where it was; empty where that tells nothing."""
    ratio = data.evidence.relative_change
    same_sign = data.evidence.before.mean * data.evidence.after.mean > 0
    return f"{100 * ratio:+,.0f} %" if ratio and same_sign and abs(ratio) < MOST_RELATIVE else ""


def drift_levels(data: DriftData, values: list[float]) -> list[str]:
    """Levels of its signal, with as many digits as tell before and after apart."""
    told = [data.evidence.before.mean, data.evidence.after.mean]
    return levels(values, data.signal, data.signal_kind, like=told)


def _facts(data: AlertData) -> Iterator[Fact]:
    if isinstance(data, DriftData):
        yield from _drift_facts(data)
        yield from _common_facts(data)
        yield from _model_facts(data)
        return
    yield from _silence_facts(data) if isinstance(data, SilenceData) else _health_facts(data)
    yield from _common_facts(data)


def _drift_title(data: DriftData) -> str:
    name = subject(data.signal, data.signal_kind, data.indicator)
    if data.reason is not None:
        return f"{name} {_end(data, data.reason)}"
    evidence = data.evidence
    verb = "fell" if evidence.direction is Direction.DOWN else "rose"
    before, after = drift_levels(data, [evidence.before.mean, evidence.after.mean])
    share = percent_change(data)
    return f"{name} {verb} from {before} to {after}" + (f" ({share})" if share else "")


def _silence_title(data: SilenceData) -> str:
    source = clean(data.signal)
    if data.reason is Reason.RECOVERED:
        return f"{source} come again"
    silence = f"no {source} since {moment(data.since)}"
    return silence if data.reason is None else f"{silence}, {_ENDS[data.reason]}"


def _end(data: DriftData, reason: Reason) -> str:
    if reason is not Reason.RECOVERED:
        return _ENDS[reason]
    evidence = data.evidence
    (level,) = drift_levels(data, [(evidence.now or evidence.before).mean])
    return f"recovered, now {level}"


def _drift_facts(data: DriftData) -> Iterator[Fact]:
    evidence = data.evidence
    samples = {"Before": evidence.before, "After": evidence.after, "Now": evidence.now}
    for name, sample in samples.items():
        if sample is not None:
            (level,) = drift_levels(data, [sample.mean])
            yield Fact(name, f"{level} ({sample.count:,} values)")
    effect = evidence.effect_size
    sizes = [percent_change(data)]
    sizes += [] if effect is None else [f"{abs(effect):.2g} standard deviations"]
    yield Fact("Change", ", ".join(filter(None, sizes)))
    yield Fact("Since about", moment(evidence.change_at))


def _silence_facts(data: SilenceData) -> Iterator[Fact]:
    expected = data.expected_within_seconds
    yield Fact("Last record", moment(data.since))
    yield Fact("Expected within", "" if expected is None else span(expected))


def _health_facts(data: HealthData) -> Iterator[Fact]:
    yield Fact("Since", moment(data.since))
    for name, value in list(data.details.items())[:MOST_NAMES]:
        text = f"{value:,.4g}" if isinstance(value, float) else str(value)
        yield Fact(clean(name).replace("_", " ").capitalize(), clean(text), given=True)


def _common_facts(data: AlertData) -> Iterator[Fact]:
    yield Fact("Severity", data.severity.value)
    if data.reason is not None:
        yield Fact("Ended", f"{data.reason.value}, {moment(data.at)}")
    if data.acknowledged is not None:
        by, note = clean(data.acknowledged.by), clean(data.acknowledged.note)
        yield Fact("Acknowledged by", f"{by}: {note}" if note else by, given=True)
    yield Fact("Owner", clean(data.owner or ""), given=True)
    yield Fact("Tags", names(data.tags), given=True)


def _model_facts(data: DriftData) -> Iterator[Fact]:
    # The newest versions say most.
    yield Fact("Model versions", names(data.model_versions[::-1]), given=True)
    yield Fact("Labels", _labels(data))
    yield Fact("Detectors", names(one.profile for one in data.detectors), given=True)


def _labels(data: DriftData) -> str:
    labels = data.labels
    if labels is None or labels.coverage is None:
        return ""
    known = f"{100 * labels.coverage:.0f} % known"
    delay = labels.mean_delay_seconds
    return known if delay is None else f"{known}, after {span(delay)} on average"


def names(given: Iterable[str]) -> str:
    """A list of names; of a long one its beginning, and how many are left out."""
    told = [clean(one) for one in given]
    more = [f"and {len(told) - MOST_NAMES} more"] if len(told) > MOST_NAMES else []
    return ", ".join(told[:MOST_NAMES] + more)


def _moved_name(one: MovedData) -> str:
    name = clean(one.signal)
    return f"{name} = {clean(one.indicator)}" if one.indicator else name


def _moved_by(one: MovedData) -> str:
    share = bool(one.indicator) or one.signal == "error" or one.signal.startswith("missing.")
    kind = SignalKind.BINARY if share else SignalKind.UNBOUNDED
    before, after = levels([one.before.mean, one.after.mean], one.signal, kind)
    effect = one.effect_size
    size = "" if effect is None else f" ({effect:+.2g} standard deviations)"
    return f"{before} → {after}{size}"
