"""From a stream's `watch` lines to what is watched: one `Watch` per signal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from driftline.config.streams import EXPIRE_AFTER
from driftline.config.yaml import write_key
from driftline.errors import DeploymentError, Problem, nearest
from driftline.model import Direction, Severity, SignalKind, Task

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from driftline.config.problems import Found
    from driftline.config.profiles import Profile
    from driftline.config.streams import StreamSpec

ERROR: Final = "error"
LOSS: Final = "loss"
ABSOLUTE_LOSS: Final = "loss.absolute"
SQUARED_LOSS: Final = "loss.squared"
SCORE: Final = "score"
PREDICTION: Final = "prediction"
LABEL: Final = "label"
LABEL_DELAY: Final = "label_delay"
FEATURE: Final = "feature."
MISSING: Final = "missing."

_SHOWN: Final = 12
"""Names that a problem lists, at most."""

_LOSSES: Final = frozenset({LOSS, ABSOLUTE_LOSS, SQUARED_LOSS})
NEEDS_LABELS: Final = frozenset({ERROR, LABEL, LABEL_DELAY}) | _LOSSES
"""The signals that only a labelled prediction has."""
OF_THE_MODEL: Final = frozenset({ERROR, SCORE, PREDICTION}) | _LOSSES
"""The signals that another version of the model makes other signals of."""

_CLASS_KINDS: Final = {
    Task.BINARY: SignalKind.BINARY,
    Task.MULTICLASS: SignalKind.CATEGORICAL,
    Task.REGRESSION: SignalKind.UNBOUNDED,
}


@dataclass(frozen=True, slots=True)
class Watch:
    """One signal and the detectors that watch it."""

    signal: str
    kind: SignalKind
    profiles: tuple[Profile, ...]
    severity: Severity = Severity.WARNING
    direction: Direction = Direction.BOTH
    hold: timedelta = timedelta(0)
    """How long drift must last, in event time, before its alert fires."""
    expire_after: timedelta = EXPIRE_AFTER
    """For how long an alert may fire, in event time."""
    retrain: bool = False
    """Whether its alerts name the data since the change, for a model to be trained on."""

    @property
    def needs_labels(self) -> bool:
        """Whether the signal exists only for predictions with their label."""
        return self.signal in NEEDS_LABELS

    @property
    def of_the_model(self) -> bool:
        """Whether another version of the model makes another signal of it."""
        return self.signal in OF_THE_MODEL


def signal_kinds(spec: StreamSpec) -> dict[str, SignalKind]:
    """Every signal the stream has, with its kind, in a stable order."""
    kinds = _outcome_kinds(spec) if spec.labels is not None else {}
    if spec.predictions.score is not None:
        kinds[SCORE] = SignalKind.UNIT
    kinds[PREDICTION] = _CLASS_KINDS[spec.task]
    if spec.labels is not None:
        kinds[LABEL] = _CLASS_KINDS[spec.task]
        kinds[LABEL_DELAY] = SignalKind.UNBOUNDED
    features = spec.predictions.features
    for feature in features:
        kind = SignalKind.CATEGORICAL if feature.categorical else SignalKind.UNBOUNDED
        kinds[FEATURE + feature.name] = kind
    return kinds | {MISSING + feature.name: SignalKind.BINARY for feature in features}


def _outcome_kinds(spec: StreamSpec) -> dict[str, SignalKind]:
    if spec.task is Task.REGRESSION:
        return {ABSOLUTE_LOSS: SignalKind.UNBOUNDED, SQUARED_LOSS: SignalKind.UNBOUNDED}
    kinds = {ERROR: SignalKind.BINARY}
    if spec.task is Task.BINARY and spec.predictions.score is not None:
        kinds[LOSS] = SignalKind.UNBOUNDED
    return kinds


def default_direction(signal: str) -> Direction:
    """Which moves count unless the watch says: an error that falls is no incident."""
    return Direction.UP if signal == ERROR or signal in _LOSSES else Direction.BOTH


def resolve_watches(
    name: str,
    spec: StreamSpec,
    profiles: Mapping[str, Profile],
) -> tuple[Watch, ...]:
    """What the stream's `watch` lines come to, in the order of `signal_kinds`.

    A line names a signal, or ends in `*` and stands for every signal that begins so. The most
    specific line (a signal's own, else the longest beginning) replaces all others whole.

    Raises:
        DeploymentError: with every problem: unknown signals and profiles, labels needed and not
            declared, a detector of 0/1 signals on another one, nothing watched at all.
    """
    watches, problems = find_watches(spec, profiles)
    if problems:
        file = f"streams/{name}.yaml"
        raise DeploymentError([Problem(file, write_key(key), message) for key, message in problems])
    return watches


def find_watches(
    spec: StreamSpec,
    profiles: Mapping[str, Profile],
    *,
    broken: Collection[str] = (),
) -> tuple[tuple[Watch, ...], list[Found]]:
    """As `resolve_watches`, but hands back what is right beside every (key, message) that is wrong.

    `broken` are profiles that exist but could not be read: naming one is no further problem.
    """
    kinds = signal_kinds(spec)
    problems = [
        *_unknown_signals(spec, kinds),
        *_unknown_profiles(spec, sorted({*profiles, *broken})),
    ]
    if not spec.watch:
        problems.append((("watch",), "watches nothing; name a signal, such as " + _example(kinds)))
    watches = []
    for signal, kind in kinds.items():
        line = _line_for(signal, spec.watch)
        if line is None:
            continue
        watch = spec.watch[line]
        known = tuple(profiles[one] for one in watch.detector if one in profiles)
        problems += _unfit(line, signal, kind, known)
        direction = watch.direction or default_direction(signal)
        watches.append(
            Watch(
                signal=signal,
                kind=kind,
                profiles=known,
                severity=watch.severity,
                direction=direction,
                hold=watch.hold,
                expire_after=watch.expire_after,
                retrain=watch.retrain,
            )
        )
    return tuple(watches), problems


def _example(kinds: Mapping[str, SignalKind]) -> str:
    return f"{next(iter(kinds))}: {{detector: adwin}}"


def _line_for(signal: str, lines: Iterable[str]) -> str | None:
    """The most specific line that covers the signal."""
    covering = [line for line in lines if _covers(line, signal)]
    # The signal's own line before any pattern, a longer pattern before a shorter one.
    return max(covering, key=lambda line: (line == signal, len(line)), default=None)


def _covers(line: str, signal: str) -> bool:
    return line == signal or (line.endswith("*") and signal.startswith(line[:-1]))


def _unknown_signals(
    spec: StreamSpec,
    kinds: Mapping[str, SignalKind],
) -> Iterator[Found]:
    for line in spec.watch:
        if any(_covers(line, signal) for signal in kinds):
            continue
        key = ("watch", line)
        if spec.labels is None and line in NEEDS_LABELS:
            yield key, f"signal '{line}' needs labels, and the stream declares none"
        elif reason := _why_absent(spec, line):
            yield key, reason
        elif line.endswith("*"):
            yield key, "matches no signal " + _choices(line, kinds)
        else:
            yield key, f"no signal '{line}' " + _choices(line, kinds, _by_feature(kinds))


def _why_absent(spec: StreamSpec, line: str) -> str | None:
    if line in {SCORE, LOSS} and spec.task is Task.BINARY and spec.predictions.score is None:
        return f"signal '{line}' needs predictions.score, which is not declared"
    if line == SCORE and spec.task is Task.MULTICLASS:
        return "signal 'score' needs predictions.score, which is not declared"
    if line == ERROR and spec.task is Task.REGRESSION:
        return "a regression has no 'error'; watch loss.absolute or loss.squared"
    if line == LOSS and spec.task is Task.REGRESSION:
        return "a regression has no 'loss'; watch loss.absolute or loss.squared"
    if line == LOSS and spec.task is Task.MULTICLASS:
        return "a multiclass stream has no 'loss', as only the predicted class's score is known"
    return None


def _unknown_profiles(spec: StreamSpec, names: Collection[str]) -> Iterator[Found]:
    for line, watch in spec.watch.items():
        for one in watch.detector:
            if one not in names:
                yield (
                    ("watch", line, "detector"),
                    f"no detector profile '{one}' {_choices(one, names)}",
                )


def _unfit(
    line: str,
    signal: str,
    kind: SignalKind,
    profiles: Iterable[Profile],
) -> Iterator[Found]:
    """A categorical signal is watched through indicators, which are 0 or 1: any detector may."""
    if kind in {SignalKind.BINARY, SignalKind.CATEGORICAL}:
        return
    for profile in profiles:
        if profile.spec.binary_only:
            yield (
                ("watch", line, "detector"),
                f"'{profile.name}' takes only values of 0 and 1, and '{signal}' is {kind}",
            )


def _by_feature(signals: Collection[str]) -> dict[str, str]:
    """The signals of features by the feature's own name, as which they are easily written."""
    named = {one.removeprefix(FEATURE): one for one in signals if one.startswith(FEATURE)}
    return {name: signal for name, signal in named.items() if name not in signals}


def _choices(wrong: str, names: Collection[str], also: Mapping[str, str] | None = None) -> str:
    """The nearest right name, and some of those there are; `also` has other words for some."""
    also = also or {}
    near = nearest(wrong, [*names, *also])
    if near:
        return f"(did you mean '{also.get(near, near)}'?)"
    shown = list(names)[:_SHOWN]
    more = f", and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"(there are: {', '.join(shown) or 'none'}{more})"
