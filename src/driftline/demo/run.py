"""Plays a scene: starts a worker, sends it the recorded data, and tells what comes of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from driftline.app.sending import send_timeline
from driftline.app.status.collect import collect_status
from driftline.config.deployment import load_deployment
from driftline.demo.alerts import AlertFeed
from driftline.demo.applied import Applied
from driftline.demo.course import Course, load_course
from driftline.demo.narrator import Narrator
from driftline.demo.outcome import RATE, Outcome, Timings, find_lead
from driftline.demo.series import load_series
from driftline.demo.worker import wait_for_servers, wait_until_ready
from driftline.errors import DriftlineError
from driftline.model import InstanceKey
from driftline.recorded import build_timeline
from driftline.store.connect import connect

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.console import Console

    from driftline.app.connections import Connections
    from driftline.app.status.report import StreamStatus
    from driftline.demo.alerts import SeenAlert
    from driftline.demo.stage import Stage
    from driftline.store.protocol import Store

T = TypeVar("T")

PARTITION: Final = 0
"""All goes to one, so that a run has one order and comes out the same each time."""
CHART_WIDTH: Final = 70
SETTLE_SECONDS: Final = 20.0
"""So long after the last record all books must be closed and all alerts read."""
POLL_SECONDS: Final = 0.1


def run_demo(stage: Stage, console: Console) -> Outcome:
    """Play the scene that the stage is set for.

    Raises:
        DriftlineError: something did not work, with what the worker said if it was the worker.
    """
    return asyncio.run(_Show(stage, Narrator(console)).run())


class _Show:
    """One playing of a scene."""

    def __init__(self, stage: Stage, narrator: Narrator) -> None:
        self._scene = stage.scene
        self._deployment = load_deployment(stage.directory)
        self._stream = self._deployment.streams[stage.scene.name]
        self._worker = stage.worker
        self._began = stage.began
        self._narrator = narrator
        self._alerts: list[SeenAlert] = []

    async def run(self) -> Outcome:
        self._narrator.say(self._scene.about, "bold")
        self._narrator.say(
            "Starting a worker with an embedded Kafka and Redis (in memory, not for production) ..."
        )
        connections = await wait_for_servers(self._worker, self._deployment)
        store = await connect(connections.redis, self._deployment.settings.name)
        try:
            course, _ = await asyncio.gather(
                asyncio.to_thread(self._course), wait_until_ready(self._worker, store)
            )
            outcome = await self._play(course, connections, store)
        finally:
            await store.close()
        self._narrator.outcome(outcome, self._stream)
        return outcome

    def _course(self) -> Course:
        scene = self._scene
        return load_course(
            build_timeline(
                self._stream, scene.predictions, scene.labels, label_delay=scene.label_delay
            )
        )

    async def _play(self, course: Course, connections: Connections, store: Store) -> Outcome:
        started = time.perf_counter()
        topic = self._deployment.settings.alerts_topic
        feed = AlertFeed(connections, topic, self._scene.label_delay)
        applied = Applied(store, self._stream.name, self._worker)
        with self._narrator:
            finished, status = await _beside(
                self._flow(course, connections, store, applied, feed), self._tell(feed)
            )
        key = InstanceKey(self._stream.name)
        series = [
            await load_series(store, key, signal, width=CHART_WIDTH)
            for signal in self._scene.charts
        ]
        told = tuple(self._alerts)
        return Outcome(
            scene=self._scene.name,
            alerts=told,
            series=tuple(series),
            lead=find_lead(told, course.predictions),
            status=status,
            sent=applied.sent,
            timings=Timings(
                start=started - self._began,
                flow=finished - started,
                total=time.perf_counter() - self._began,
            ),
        )

    async def _flow(
        self,
        course: Course,
        connections: Connections,
        store: Store,
        applied: Applied,
        feed: AlertFeed,
    ) -> tuple[float, StreamStatus]:
        """Send all; when it was applied, and how the stream stands once it has settled."""

        def on_progress(sent: int) -> None:
            applied.sent = sent
            self._narrator.progress(sent, len(course), course.at(sent))

        await send_timeline(
            course.timeline,
            self._stream,
            connections.kafka,
            rate=RATE,
            partition=PARTITION,
            throttle=applied.make_room,
            on_progress=on_progress,
        )
        await applied.wait_for_all()
        finished = time.perf_counter()
        return finished, await self._settled(connections, store, feed)

    async def _settled(
        self, connections: Connections, store: Store, feed: AlertFeed
    ) -> StreamStatus:
        """How the stream stands once its books balance and every alert has been read.

        Raises:
            DriftlineError: they do not in time.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        key = InstanceKey(self._stream.name)
        while True:
            report = await collect_status(
                self._deployment, connections, store, stream=self._stream.name
            )
            (status,) = report.streams
            stored = await store.load_instance(key)
            published = stored is not None and not stored.outbox
            balanced = status.balance.log_read and not status.balance.difference
            if balanced and published and feed.read == await feed.end():
                return status
            if time.monotonic() > deadline:
                verdict, log = status.balance.verdict, self._worker.log_tail()
                msg = f"the worker does not settle (books: {verdict})\n{log}"
                raise DriftlineError(msg)
            await asyncio.sleep(POLL_SECONDS)

    async def _tell(self, feed: AlertFeed) -> None:
        """Tell of each alert as it comes, for ever."""
        async for alert in feed.follow():
            self._alerts.append(alert)
            self._narrator.alert(alert)


async def _beside(work: Coroutine[Any, Any, T], endless: Coroutine[Any, Any, None]) -> T:
    """The result of the work, while the endless one goes on; an error of either ends both."""
    tasks = (asyncio.ensure_future(work), asyncio.ensure_future(endless))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1].done():
            tasks[1].result()
        return await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
