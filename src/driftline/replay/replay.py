"""Drives the monitor over recorded files, in event-time order and by event time alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftline.eventlog.messages import Rows
from driftline.intake import SourceRange, TopicReader
from driftline.model import Role, SourcePartition
from driftline.monitor.partition import PartitionMonitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from driftline.config.deployment import Stream
    from driftline.decode import Record
    from driftline.eventlog.messages import Message
    from driftline.intake import Refused
    from driftline.monitor.effects import Effects
    from driftline.recorded import Timeline


@dataclass(slots=True)
class _File:
    """A recorded file in the place of a topic with one partition."""

    name: str
    reader: TopicReader
    next: int = 0


class Replay:
    """One stream's monitor, fed from files.

    A file stands for a topic of one partition: its name is the topic, a record's offset its place
    in the order of time. What is refused is handed to `on_refused`, and the others go on.
    """

    def __init__(
        self,
        stream: Stream,
        names: dict[Role, str],
        *,
        deployment: str = "replay",
        on_refused: Callable[[Sequence[Refused]], None] = lambda _refused: None,
    ) -> None:
        """Prepare a replay; `names` are the files' names by role, one name for both if one file."""
        self.monitor = PartitionMonitor(0, [stream], deployment=deployment, digest="")
        self._on_refused = on_refused
        self._files: dict[tuple[Role, ...], _File] = {}
        self._stream = stream
        self._names = names
        self._offset = 0
        self.records = 0
        """Records read so far."""
        self.taken: Counter[Role] = Counter()
        """How many were taken in of each role: neither refused nor another stream's."""
        self.positive: Counter[Role] = Counter()
        """Of a binary task: how many of those were the positive class."""
        self.first_ids: dict[Role, str] = {}
        """The id of the first one of each role that was taken in."""

    @property
    def joined(self) -> int:
        """How many labels joined their prediction so far."""
        return sum(instance.outcomes["joined"] for instance in self.monitor.instances)

    @property
    def warming(self) -> dict[str, int]:
        """The signals whose detectors warm up in every instance, with the values still wanted.

        Of the instance that has come furthest.
        """
        found: dict[str, int] = {}
        for instance in self.monitor.instances:
            for signal, wanted in instance.wanted.items():
                found[signal] = min(wanted, found.get(signal, wanted))
        return {signal: wanted for signal, wanted in found.items() if wanted}

    def run(self, timeline: Timeline) -> Iterator[Effects]:
        """Go through the files, yielding what each batch brings about.

        Raises:
            RecordingError: a file does not read.
        """
        for role in self._absent_roles():
            yield self._feed(self._file((role,)), (), ended=True)
        for batch in timeline:
            file = self._file(batch.roles)
            self.records += len(batch.records)
            yield self._feed(file, batch.records)
        for file in self._files.values():
            yield self._feed(file, (), ended=True)

    def _absent_roles(self) -> list[Role]:
        """Roles without a file: time must not wait for them."""
        labelled = self._stream.spec.labels is not None
        roles = (Role.PREDICTIONS, Role.LABELS) if labelled else (Role.PREDICTIONS,)
        return [role for role in roles if role not in self._names]

    def _file(self, roles: tuple[Role, ...]) -> _File:
        file = self._files.get(roles)
        if file is None:
            attached = [(self._stream, role) for role in roles]
            name = self._names.get(roles[0], roles[0].value)
            file = _File(name, TopicReader(attached, partitions=1))
            self._files[roles] = file
        return file

    def _feed(self, file: _File, records: Sequence[Record], *, ended: bool = False) -> Effects:
        end = records[-1].offset + 1 if records else file.next
        passed = SourceRange(
            source=SourcePartition(file.name, 0),
            first=file.next,
            next=end,
            log_start=0,
            log_end=end,
            ended=ended,
        )
        file.next = end
        reading = file.reader.read(passed, records, seen_at=None)
        if reading.refused:
            self._on_refused(reading.refused)
        for _, message in reading.messages:
            self._count(message)
        effects = self.monitor.apply_all((self._next(), one) for _, one in reading.messages)
        self.monitor.discard_changes()
        return effects

    def _count(self, message: Message) -> None:
        if isinstance(message, Rows):
            self.taken[message.role] += len(message)
            classes = message.numbers.get(message.role.singular)
            if classes is not None and self._stream.spec.positive is not None:
                self.positive[message.role] += int(classes.sum())
            self.first_ids.setdefault(message.role, message.ids[0])

    def _next(self) -> int:
        self._offset += 1
        return self._offset - 1
