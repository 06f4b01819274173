"""A whole deployment: streams, detector profiles, settings; from a directory or built in code."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from driftline.config.alerting import ALERTING_FILE, AlertingSpec
from driftline.config.conflicts import find_conflicts
from driftline.config.durations import format_duration, parse_duration
from driftline.config.problems import find_problems, value_at
from driftline.config.profiles import DETECTOR_SPEC, DetectorSpec, Profile
from driftline.config.settings import Settings
from driftline.config.streams import EXPIRE_AFTER, NAME_EXPECTED, StreamSpec, is_name
from driftline.config.watches import Watch, find_watches, resolve_watches
from driftline.config.yaml import Document, read_yaml
from driftline.errors import DeploymentError, Problem
from driftline.model import Direction, Severity, SignalKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from driftline.config.problems import Found
    from driftline.config.yaml import Data

SETTINGS_FILE = "config/driftline.yaml"


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream with what watches it, complete: it needs no other file to be understood."""

    name: str
    spec: StreamSpec
    watches: tuple[Watch, ...]

    @classmethod
    def build(cls, name: str, spec: StreamSpec, profiles: Mapping[str, Profile]) -> Stream:
        """A stream from its declaration and the profiles it names.

        Raises:
            DeploymentError: with every problem, as `resolve_watches`.
        """
        if not is_name(name):
            raise DeploymentError([Problem(f"streams/{name}.yaml", "", NAME_EXPECTED)])
        return cls(name, spec, resolve_watches(name, spec, profiles))

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for a JSON encoder; `from_json` makes an equal stream of them."""
        return {
            "name": self.name,
            "spec": self.spec.model_dump(mode="json"),
            "watches": [_write_watch(watch) for watch in self.watches],
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Stream:
        """The inverse of `to_json`.

        Raises:
            ValueError, KeyError, TypeError: `to_json` did not write this.
        """
        return cls(
            written["name"],
            StreamSpec.model_validate(written["spec"]),
            tuple(_read_watch(watch) for watch in written["watches"]),
        )


def _write_watch(watch: Watch) -> dict[str, Any]:
    return {
        "signal": watch.signal,
        "kind": watch.kind.value,
        "severity": watch.severity.value,
        "direction": watch.direction.value,
        "hold": format_duration(watch.hold),
        "expire_after": format_duration(watch.expire_after),
        "retrain": watch.retrain,
        "profiles": [
            {"name": one.name, "spec": one.spec.model_dump(mode="json")} for one in watch.profiles
        ],
    }


def _read_watch(written: Mapping[str, Any]) -> Watch:
    profiles = tuple(
        Profile(one["name"], DETECTOR_SPEC.validate_python(one["spec"]))
        for one in written["profiles"]
    )
    return Watch(
        signal=written["signal"],
        kind=SignalKind(written["kind"]),
        profiles=profiles,
        severity=Severity(written["severity"]),
        direction=Direction(written["direction"]),
        # A declaration that was stored before there were these means their defaults.
        hold=parse_duration(written.get("hold", "0s")),
        expire_after=parse_duration(written.get("expire_after", format_duration(EXPIRE_AFTER))),
        retrain=written.get("retrain", False),
    )


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that was declared, checked as a whole."""

    directory: Path
    settings: Settings = field(default_factory=Settings)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    streams: Mapping[str, Stream] = field(default_factory=dict)
    alerting: AlertingSpec = field(default_factory=AlertingSpec)

    @property
    def digest(self) -> str:
        """Changes when, and only when, a stream's declaration or a profile that it uses changes.

        Comments, the order of files, unused profiles, settings such as addresses, and who is told
        of alerts do not count; a stream's description does.
        """
        whole = [self.streams[name].to_json() for name in sorted(self.streams)]
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_deployment(directory: Path) -> Deployment:
    """Read `streams/`, `detectors/` and the two files of `config/` below a directory.

    Files whose name does not end in .yaml, or begins with a dot, are left alone. A missing
    config/driftline.yaml or config/alerting.yaml means its defaults.

    Raises:
        DeploymentError: with every problem of all files.
    """
    return _Loading(directory).deployment()


_Value = TypeVar("_Value")


class _Loading:
    """One reading of a directory, which goes on after a problem to find the others."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[Problem] = []

    def deployment(self) -> Deployment:
        if not self.directory.is_dir():
            raise DeploymentError([Problem(str(self.directory), "", "should be a directory")])
        alerting = self._alerting()
        settings = self._settings()
        profiles = self._profiles()
        streams = self._streams(settings or Settings(), profiles)
        if self.problems or settings is None or alerting is None:
            raise DeploymentError(self.problems)
        known = {name: profile for name, profile in profiles.items() if profile is not None}
        return Deployment(self.directory, settings, known, streams, alerting)

    def _settings(self) -> Settings | None:
        document = self._read_optional(SETTINGS_FILE)
        if document is None:
            return None
        return self._validated(TypeAdapter(Settings), Settings, document)

    def _alerting(self) -> AlertingSpec | None:
        document = self._read_optional(ALERTING_FILE)
        if document is None:
            return None
        # Not tried by the model where anything else is wrong.
        data = document.data if isinstance(document.data, dict) else {}
        return self._validated(
            TypeAdapter(AlertingSpec), AlertingSpec, document, found=find_conflicts(data)
        )

    def _profiles(self) -> dict[str, Profile | None]:
        """By name; None where one is there but wrong."""
        profiles: dict[str, Profile | None] = {}
        for name, file in self._files("detectors"):
            document = self._read(file)
            spec = self._validated(DETECTOR_SPEC, DetectorSpec, document) if document else None
            profiles[name] = Profile(name, spec) if spec is not None else None
        return profiles

    def _streams(
        self,
        settings: Settings,
        profiles: Mapping[str, Profile | None],
    ) -> dict[str, Stream]:
        streams = {}
        known = {name: profile for name, profile in profiles.items() if profile is not None}
        for name, file in self._files("streams"):
            document = self._read(file)
            if document is None:
                continue
            spec = self._validated(TypeAdapter(StreamSpec), StreamSpec, document)
            outline = spec or _outline(document.data)
            if outline is None:
                continue
            watches, found = find_watches(outline, known, broken=profiles.keys() - known.keys())
            found += _own_topics(spec, settings) if spec else []
            self._note(document, found)
            if spec is not None:
                streams[name] = Stream(name, spec, watches)
        if not (self.directory / "streams").is_dir():
            self.problems.append(
                Problem(
                    "streams",
                    "",
                    "should be a directory with a file for each stream"
                    " (`driftline init` writes one to start from)",
                )
            )
        elif not streams and not self.problems:
            self.problems.append(
                Problem(
                    "streams", "", "should hold a file for each stream, such as streams/churn.yaml"
                )
            )
        return streams

    def _files(self, folder: str) -> Iterator[tuple[str, str]]:
        """The names declared in a folder, each with its file."""
        if not (self.directory / folder).is_dir():
            return
        try:
            entries = sorted(self.directory.joinpath(folder).iterdir())
        except OSError as error:
            self.problems.append(Problem(folder, "", f"cannot be read: {error.strerror}"))
            return
        for path in entries:
            file = f"{folder}/{path.name}"
            if path.name.startswith("."):
                continue
            if path.suffix == ".yml":
                self.problems.append(Problem(file, "", f"should be named {path.stem}.yaml"))
            elif path.suffix == ".yaml" and is_name(path.stem):
                yield path.stem, file
            elif path.suffix == ".yaml":
                self.problems.append(Problem(file, "", NAME_EXPECTED))

    def _read_optional(self, file: str) -> Document | None:
        """The file; one that is not there, or in which all is commented out, is one of defaults."""
        if not (self.directory / file).exists():
            return Document(file, {})
        document = self._read(file)
        if document is None or document.data is not None:
            return document
        return Document(file, {}, document.lines)

    def _read(self, file: str) -> Document | None:
        try:
            return read_yaml(self.directory / file, file)
        except DeploymentError as error:
            self.problems += error.problems
            return None

    def _validated(
        self,
        adapter: TypeAdapter[_Value],
        model: Any,
        document: Document,
        *,
        found: Sequence[Found] = (),
    ) -> _Value | None:
        """What the file declares; None if it is wrong. `found` is known to be wrong beforehand."""
        if not isinstance(document.data, dict):
            what = "is empty" if document.data is None else "holds no mapping"
            self.problems.append(
                Problem(document.file, "", f"{what}; should be a mapping of keys to values")
            )
            return None
        try:
            return adapter.validate_python(document.data)
        except ValidationError as error:
            told = find_problems(error, model, document.data)
            told += _hidden(error, adapter, model, document.data)
            self._note(document, dict.fromkeys([*told, *found]))
            return None

    def _note(self, document: Document, found: Iterable[tuple[Sequence[str | int], str]]) -> None:
        in_order = sorted(found, key=lambda one: document.line(one[0]))
        self.problems += [document.problem(key, message) for key, message in in_order]


def _hidden(
    error: ValidationError, adapter: TypeAdapter[Any], model: Any, data: Data
) -> list[Found]:
    """Rules over several keys that are broken too, but were not tried because of unknown keys."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    if any(one["type"] != "extra_forbidden" for one in details):
        return []
    known = deepcopy(data)
    for key, _ in find_problems(error, model, data):
        value_at(key[:-1], known).pop(key[-1], None)
    try:
        adapter.validate_python(known)
    except ValidationError as second:
        return find_problems(second, model, known)
    return []


def _own_topics(spec: StreamSpec, settings: Settings) -> list[tuple[tuple[str, ...], str]]:
    """A stream that read what driftline writes would feed itself."""
    read = {"predictions": spec.predictions.topic}
    if spec.labels is not None:
        read["labels"] = spec.labels.topic
    return [
        ((side, "topic"), f"'{topic}' is one of driftline's own topics")
        for side, topic in read.items()
        if topic in settings.own_topics
    ]


def _outline(data: Any) -> StreamSpec | None:
    """As much of a wrong stream as its watches depend on, to check them all the same.

    None if that is wrong too.
    """
    try:
        predictions = {"topic": "any", "id": "any", "prediction": "any"}
        if data["predictions"].get("score") is not None and data["task"] != "regression":
            predictions["score"] = "any"
        return StreamSpec(
            task=data["task"],
            positive="any" if data["task"] == "binary" else None,
            predictions=predictions | {"features": data["predictions"].get("features", ())},
            labels=data.get("labels") and {"topic": "any", "id": "any", "label": "any"},
            watch=data["watch"],
        )
    except (ValidationError, KeyError, TypeError, AttributeError):
        return None
