"""`driftline replay`: the same monitor over recorded files."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from driftline.cli.common import (
    DeploymentOption,
    LabelDelayOption,
    LabelsOption,
    PredictionsOption,
    find_stream,
    load,
    write_json_line,
)
from driftline.cli.progress import Progress
from driftline.cli.wording import many
from driftline.config.durations import format_duration
from driftline.garbage import search_less_often
from driftline.logs import printable
from driftline.model import Role, iso
from driftline.recorded import RecordedRecord, RecordingError, build_timeline
from driftline.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.streams import StreamSpec
    from driftline.intake import Refused
    from driftline.model import Alarm, InstanceKey
    from driftline.recorded import Timeline

REFUSALS_SHOWN: Final = 5
ENOUGH_FOR_CLASSES: Final = 100
"""Among so many records a class should have come."""

app = typer.Typer()


@app.command()
def replay(
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="The stream whose declaration the files follow.")
    ],
    predictions: PredictionsOption,
    labels: LabelsOption = None,
    *,
    label_delay: LabelDelayOption = None,
    alarms: Annotated[
        bool, typer.Option("--alarms", help="Every alarm of every detector, instead of alerts.")
    ] = False,
    deployment: DeploymentOption = Path(),
) -> None:
    """Drive the monitor over recorded files, without Kafka and Redis.

    Alerts go to standard output, one JSON line each: the same events that a worker publishes.
    A file stands for a topic of one partition: its name is the topic, a record's place in the
    order of time the offset.
    """
    declared = load(deployment)
    found = find_stream(declared, stream)
    search_less_often()
    timeline = build_timeline(found, predictions, labels, label_delay=label_delay, whole=False)
    files = {Role.PREDICTIONS: predictions}
    if labels is not None:
        files[Role.LABELS] = labels
    names = {role: path.name for role, path in files.items()}
    refusals = _Refusals()
    player = Replay(found, names, deployment=declared.settings.name, on_refused=refusals.count_all)
    _play(player, timeline, "alarm" if alarms else "alert")
    refusals.tell(timeline)
    _tell_warming(player, found.spec)
    if player.taken[Role.LABELS]:
        _tell_joined(player, found.spec)
    _tell_classes(player, found.spec)
    for role, path in files.items():
        roles = (role,) if labels is not None else tuple(Role)
        if not any(player.taken[one] for one in roles):
            _tell_nothing_taken(path, role, timeline.count(role), refusals.count(role))


def _play(player: Replay, timeline: Timeline, what: str) -> None:
    """Write what comes of it as it comes, and say in the end how much and how fast."""
    written = 0
    began = time.perf_counter()
    with Progress("replaying", len(timeline)) as progress:
        for effects in player.run(timeline):
            if what == "alarm":
                for instance, alarm in effects.alarms:
                    write_json_line(_alarm(instance, alarm))
                written += len(effects.alarms)
            else:
                for event in effects.events:
                    write_json_line(json.loads(event.value))
                written += len(effects.events)
            progress.at(player.records)
    seconds = time.perf_counter() - began
    typer.echo(
        f"{player.records:,} records in {seconds:.1f} s"
        f" ({player.records / max(seconds, 1e-9):,.0f}/s), {many(written, what)}",
        err=True,
    )


def _tell_joined(player: Replay, spec: StreamSpec) -> None:
    """How many labels found their prediction; if none did, what there is to compare."""
    joined = player.joined
    line = f"{joined:,} of {many(player.taken[Role.LABELS], 'label')} joined their prediction"
    if not joined and spec.labels is not None and Role.PREDICTIONS in player.first_ids:
        said, known = (ascii(player.first_ids[role]) for role in Role)
        line += f": ids are such as {said} in the predictions and {known} in the labels"
        if spec.split_by is not None:
            line += f" (each counts within its {spec.split_by})"
        line += f", and labels are waited for up to {format_duration(spec.labels.horizon)}"
    typer.echo(printable(line), err=True)


def _tell_classes(player: Replay, spec: StreamSpec) -> None:
    """A class that never comes may be spelled otherwise: all others count as the negative one."""
    if spec.positive is None:
        return
    for role, count in player.taken.items():
        if count >= ENOUGH_FOR_CLASSES and not player.positive[role]:
            line = (
                f"none of {many(count, role.singular)} is of the positive class"
                f" {spec.positive!a}: is it spelled so there? Every other class counts as the"
                " negative one"
            )
            typer.echo(printable(line), err=True)


def _tell_warming(player: Replay, spec: StreamSpec) -> None:
    """A short file sets nothing off: detectors learn first what is usual."""
    warming = player.warming
    if not warming:
        return
    where = "" if spec.split_by is None else f" of one {spec.split_by}"
    signals = ", ".join(
        f"{signal} ({many(wanted, 'more value')}{where})" for signal, wanted in warming.items()
    )
    typer.echo(printable(f"still warming up, and silent until then: {signals}"), err=True)


def _tell_nothing_taken(path: Path, role: Role, records: int, refused: int) -> None:
    """A file that came to nothing has failed; only labels may not be there yet."""
    if not records and role is Role.LABELS:
        typer.echo(printable(f"{path}: holds no record"), err=True)
    elif not records:
        raise RecordingError(path, "holds no record")
    elif refused:
        raise RecordingError(path, f"none of its {many(records, 'record')} could be taken in")
    else:
        message = f"none of its {many(records, 'record')} is one of the stream's {role}"
        raise RecordingError(path, message)


def _alarm(instance: InstanceKey, alarm: Alarm) -> dict[str, Any]:
    trigger = alarm.trigger
    return {
        "stream": instance.stream,
        "instance": instance.name,
        "signal": alarm.signal,
        "indicator": alarm.indicator,
        "detector": alarm.profile,
        "kind": alarm.kind,
        "values_seen": alarm.values_seen,
        "at": iso(trigger.at),
        "id": trigger.id,
        "topic": trigger.topic,
        "partition": trigger.partition,
        "offset": trigger.offset,
    }


class _Refusals:
    """What was refused: how many by reason, and the first few in full."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._roles: Counter[Role] = Counter()
        self._first: list[Refused] = []

    def count_all(self, refused: Sequence[Refused]) -> None:
        self._counts.update(one.reject.code.value for one in refused)
        self._roles.update(one.role for one in refused)
        self._first += refused[: REFUSALS_SHOWN - len(self._first)]

    def count(self, role: Role) -> int:
        """How many of this role."""
        return self._roles[role]

    def tell(self, timeline: Timeline) -> None:
        """Write it to standard error; the timeline knows where in its files the rows are."""
        if not self._counts:
            return
        counts = ", ".join(f"{code} {count:,}" for code, count in self._counts.most_common())
        total = many(self._counts.total(), "record was", "records were")
        typer.echo(f"{total} refused: {counts}", err=True)
        rows = [(one.role, _row(one), one.reject) for one in self._first]
        places = {
            role: timeline.places(role, {row for of, row, _ in rows if of == role})
            for role in {role for role, _, _ in rows}
        }
        for role, row, reject in rows:
            line = f"  {role} {places[role][row]}: {reject.code}: {reject.message}"
            typer.echo(printable(line), err=True)


def _row(refused: Refused) -> int:
    assert isinstance(refused.record, RecordedRecord)  # noqa: S101 - a replay reads no others
    return refused.record.row
