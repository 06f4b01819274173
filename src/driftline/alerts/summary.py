"""The one sentence of an alert that a person reads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.alerts.lifecycle import Reason
from driftline.model import SECOND, Direction, SignalKind, to_datetime

if TYPE_CHECKING:
    from driftline.alerts.alert import AlertChange
    from driftline.alerts.evidence import Evidence, Sample
    from driftline.model import Micros

NAME_LENGTH: Final = 60
"""Names come from data: what is longer is cut."""
DAY: Final = 86_400

_UNITS: Final = ((2 * DAY, DAY, " days"), (7_200, 3_600, " h"), (120, 60, " min"))
_SUBJECTS: Final = {
    "prediction": "share of positive predictions",
    "label": "share of positive labels",
    "label_delay": "label delay",
    "loss.absolute": "absolute loss",
    "loss.squared": "squared loss",
}
_OTHER_ENDS: Final = {
    Reason.ACCEPTED: "was accepted as the new normal",
    Reason.SUPERSEDED: "belongs to a model version that another has replaced",
    Reason.WITHDRAWN: "is no longer watched",
    Reason.EXPIRED: "fired for as long as an alert may",
}


def summarise_change(change: AlertChange, *, labelled: bool) -> str:
    """What moved, from where to where, when, and by how many values it is known; or how it ended.

    `labelled` says that the signal's values are labelled outcomes.
    """
    name = subject(change.signal, change.kind, change.indicator)
    moved = _moved(change)
    if change.reason is None:
        values = "labelled outcomes" if labelled else "values"
        return f"{name} {moved}; {_known_by(change, values)}"
    if change.reason is Reason.RECOVERED:
        return f"{name} {_recovered(change)}; it {_past(moved)}"
    return f"{name} {moved}; the alert ended: it {_OTHER_ENDS[change.reason]}"


def subject(signal: str, kind: SignalKind, indicator: str = "") -> str:
    """The signal as a person would call it, safe to print and of bounded length."""
    if kind is SignalKind.CATEGORICAL:
        return f"share of {clean(signal.removeprefix('feature.'))} = {clean(indicator)}"
    if signal.startswith("missing."):
        return f"share of missing values of {clean(signal.removeprefix('missing.'))}"
    if kind is SignalKind.BINARY or signal not in ("prediction", "label"):
        signal = _SUBJECTS.get(signal, signal)
    return clean(signal.removeprefix("feature."))


def clean(name: str) -> str:
    """A name from data without control or direction characters, cut to 60 characters."""
    printable = "".join(char if char.isprintable() else "?" for char in name[: NAME_LENGTH + 1])
    return printable if len(printable) <= NAME_LENGTH else printable[: NAME_LENGTH - 1] + "…"


def levels(
    values: list[float], signal: str, kind: SignalKind, *, like: list[float] | None = None
) -> list[str]:
    """Levels of one signal as a person writes them: with as many digits as tell them apart.

    Shares are in percent, a label delay in the largest unit that fits, all else in its own unit.
    `like` gives other levels to take the number of digits from.
    """
    like = like or values
    if signal == "label_delay":
        return _durations(values, like)
    if kind is SignalKind.UNBOUNDED:
        return _numbers(values, like)
    percent = [100 * value for value in like]
    return [f"{text} %" for text in _rounded([100 * value for value in values], percent, 1)]


def _moved(change: AlertChange) -> str:
    evidence = change.evidence
    before, after = levels([evidence.before.mean, evidence.after.mean], change.signal, change.kind)
    verb = "fell" if evidence.direction is Direction.DOWN else "rose"
    return f"{verb} from {before} to {after}{_size(change)}{_when(evidence)}"


def _when(evidence: Evidence) -> str:
    """When the level left the reference and, where later shifts led on from there, the last one."""
    first, last = evidence.change_at, evidence.after_at
    if last is None:
        return f" around {moment(first, evidence)}"
    told = moment(first, evidence), moment(last, evidence)
    if told[0] == told[1]:
        told = _minute(first), _minute(last)
    return f", first around {told[0]}, last around {told[1]}"


def _past(moved: str) -> str:
    return (
        "had risen" + moved.removeprefix("rose")
        if moved.startswith("rose")
        else ("had fallen" + moved.removeprefix("fell"))
    )


def _known_by(change: AlertChange, values: str) -> str:
    """How many values are behind the level told of, or behind where it went from there."""
    evidence = change.evidence
    if evidence.now is None:
        return f"{evidence.after.count:,} {values} since"
    told = [evidence.before.mean, evidence.after.mean]
    (level,) = levels([evidence.now.mean], change.signal, change.kind, like=told)
    return f"now {level}, {evidence.now.count:,} {values} since {_since(evidence, evidence.now)}"


def _since(evidence: Evidence, now: Sample) -> str:
    """When the level of now began."""
    return moment(now.first_at if evidence.now_at is None else evidence.now_at, evidence)


def _recovered(change: AlertChange) -> str:
    evidence = change.evidence
    now = evidence.now or evidence.before
    told = [evidence.before.mean, evidence.after.mean]
    at, reference = levels([now.mean, told[0]], change.signal, change.kind, like=told)
    near = abs(now.mean - evidence.before.mean) <= abs(evidence.absolute_change) / 2
    verb = "is back at" if near else "is at"
    return f"{verb} {at} (reference {reference}) since {_since(evidence, now)}"


def _size(change: AlertChange) -> str:
    parts = []
    ratio = change.evidence.relative_change
    same_sign = change.evidence.before.mean * change.evidence.after.mean > 0
    if ratio is not None and same_sign and abs(ratio) < 100:  # noqa: PLR2004 - 10,000 % tells nothing
        parts.append(f"{100 * ratio:+,.0f} %")
    effect = change.evidence.effect_size
    if change.kind is SignalKind.UNBOUNDED and effect is not None:
        parts.append(f"{abs(effect):.2g} standard deviations")
    return f" ({', '.join(parts)})" if parts else ""


def moment(at: Micros, evidence: Evidence) -> str:
    """The day, or the minute where the evidence spans less than two days, UTC."""
    if evidence.after.last_at - evidence.before.first_at >= 2 * DAY * SECOND:
        return f"{to_datetime(at):%Y-%m-%d}"
    return _minute(at)


def _minute(at: Micros) -> str:
    return f"{to_datetime(at):%Y-%m-%d %H:%M} UTC"


def _durations(seconds: list[float], like: list[float]) -> list[str]:
    largest = max(map(abs, like))
    size, unit = next(((size, unit) for least, size, unit in _UNITS if largest >= least), (1, " s"))
    scaled = [one / size for one in like]
    return [f"{text}{unit}" for text in _rounded([one / size for one in seconds], scaled, 1)]


def _numbers(values: list[float], like: list[float]) -> list[str]:
    largest = max(map(abs, like))
    # Beyond these, powers of ten read better.
    if largest != 0 and not 1e-4 <= largest < 1e15:  # noqa: PLR2004
        return [f"{value:.4g}" for value in values]
    return _rounded(values, like, 2 - _magnitude(largest))


def _rounded(values: list[float], like: list[float], least: int) -> list[str]:
    """The values with `least` decimals (negative: tens, hundreds), more if `like` differ little."""
    spread = max(like) - min(like)
    decimals = max(least, min(-_magnitude(spread), least + 8)) if spread else least
    texts = [f"{round(value, decimals):,.{max(decimals, 0)}f}" for value in values]
    whole = all("." in text and not text.partition(".")[2].strip("0") for text in texts)
    return [text.partition(".")[0] for text in texts] if whole else texts


def _magnitude(value: float) -> int:
    # A thousandth that rounding left a little short is still a thousandth.
    return math.floor(math.log10(abs(value)) + 1e-6) if value else 0
