"""Looks at the roles of a worker and says what is wrong with them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from driftline.agents.lags import LagClock, Lasting
from driftline.health import Finding
from driftline.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from driftline.agents.refusals import Refusals
    from driftline.config.settings import Settings
    from driftline.health import HealthAlerts
    from driftline.model import InstanceKey, Micros
    from driftline.transport.app import PartitionProgress
    from driftline.transport.batches import TopicPartition

LOOK_SECONDS: Final = 2.0
TIDY_SECONDS: Final = 60.0
LASTING_SECONDS: Final = 60.0
"""A lag is told of when it has been too large for so long."""
MOST_INSTANCES: Final = 100
"""Suspended instances that one events partition tells of, each by an alert of its own."""


class Consuming(Protocol):
    """A role's consumer."""

    @property
    def group(self) -> str:
        """The consumer group."""

    @property
    def progress(self) -> Mapping[TopicPartition, PartitionProgress]:
        """How far each partition held now has come."""


class Reading(Protocol):
    """Whoever reads streams."""

    refusals: Refusals


class Monitoring(Protocol):
    """Whoever has instances."""

    lost: dict[int, str]
    """What was found lost and has not been told, by events partition."""

    @property
    def suspended(self) -> Mapping[int, Mapping[InstanceKey, str]]:
        """The suspended instances of each events partition owned now, with the reasons."""


class HealthWatch:
    """Reports lag, dead letters, suspended instances and lost state, as long as it is asked to."""

    def __init__(
        self,
        health: HealthAlerts,
        settings: Settings,
        *,
        clock: Callable[[], Micros],
        lasting_seconds: float = LASTING_SECONDS,
    ) -> None:
        self._health = health
        self._settings = settings
        self._clock = clock
        self._lasting_seconds = lasting_seconds
        self._lags: dict[tuple[str, TopicPartition], tuple[LagClock, Lasting]] = {}

    async def run(
        self, apps: Sequence[Consuming], reader: Reading | None, monitor: Monitoring | None
    ) -> None:
        """Look every few seconds, until cancelled.

        Raises:
            UnavailableError: Redis or Kafka does not answer.
        """
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        while True:
            if loop.time() >= tidy_at:
                await self._health.tidy()
                tidy_at = loop.time() + TIDY_SECONDS
            await self.look(loop.time(), apps, reader, monitor)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(
        self,
        now: float,
        apps: Sequence[Consuming],
        reader: Reading | None,
        monitor: Monitoring | None,
    ) -> None:
        """Look once; `now` are seconds of a monotonic clock.

        Raises:
            UnavailableError: Redis or Kafka does not answer.
        """
        for app in apps:
            await self._look_at_lag(now, app)
        if reader is not None:
            await self._look_at_refusals(reader)
        if monitor is not None:
            await self._look_at_instances(monitor)

    async def _look_at_lag(self, now: float, app: Consuming) -> None:
        progress, most = app.progress, self._settings.health.lag.total_seconds()
        for gone in [key for key in self._lags if key[0] == app.group and key[1] not in progress]:
            del self._lags[gone]
        for tp, one in progress.items():
            clock, lasting = self._lags.setdefault(
                (app.group, tp), (LagClock(), Lasting(self._lasting_seconds))
            )
            behind = clock.look(now, done=one.acknowledged, end=one.log_end)
            found = {}
            if lasting.look(now, so=behind > most):
                found[f"{app.group} {tp.topic}"] = Finding(
                    f"{app.group} is {behind / 60:,.0f} minutes behind in {tp.topic}",
                    {"group": app.group, "topic": tp.topic, "records": one.lag},
                )
            await self._health.report("lag", f"{app.group} {tp.topic}/{tp.partition}", found)

    async def _look_at_refusals(self, reader: Reading) -> None:
        most = self._settings.health.dead_letter_share
        by_source: dict[str, dict[str, Finding]] = {}
        for stream, source, share in reader.refusals.bad(most, self._clock()):
            found = by_source.setdefault(source, {})
            if share is not None:
                found[stream] = Finding(
                    f"{share:.1%} of the latest records of {stream} are refused",
                    {"share": round(share, 4), "source": source},
                    stream=stream,
                )
        for source, found in by_source.items():
            await self._health.report("dead_letters", source, found)

    async def _look_at_instances(self, monitor: Monitoring) -> None:
        for partition, suspended in monitor.suspended.items():
            shown = dict(list(suspended.items())[:MOST_INSTANCES])
            await self._health.report("suspended", str(partition), _suspended(shown))
        # A partition may be assigned, and found lost, while this is told.
        for partition, what in list(monitor.lost.items()):
            finding = Finding(
                f"state of events partition {partition} was lost, and it began afresh: {what}",
                {"events_partition": partition},
                severity=Severity.CRITICAL,
            )
            await self._health.report("state_lost", str(partition), {str(partition): finding})
            del monitor.lost[partition]


def _suspended(instances: Mapping[InstanceKey, str]) -> dict[str, Finding]:
    return {
        key.name: Finding(
            f"{key.name} is suspended, and its records are passed over: {reason}",
            {"reason": reason},
            stream=key.stream,
            instance=key.name,
            severity=Severity.CRITICAL,
        )
        for key, reason in instances.items()
    }
