"""The named moments at which a process may die and nothing may be lost.

Every step between "fetched" and "acknowledged" that changes something outside of the process lies
between two of them. A test walks through all: a process that was started with
DRIFTLINE_CRASH=<point>:<n> in its environment kills itself, as kill -9 would, when it passes that
point for the n-th time. Without it, passing a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from typing import Final

VARIABLE: Final = "DRIFTLINE_CRASH"
RECORD_VARIABLE: Final = "DRIFTLINE_CRASH_AT"
"""`<topic>/<partition>/<offset>`: a record that ends every process which decodes it."""


class CrashPoint(StrEnum):
    """In the order in which a record passes them."""

    SOURCE_FETCHED = "source-fetched"
    """A source batch is in memory; nothing of it has been sent."""
    SOURCE_DECODED = "source-decoded"
    """Its messages are made; none is sent."""
    SOURCE_APPENDED = "source-appended"
    """The events log and the dead letters have all of it; it is not acknowledged."""
    SOURCE_ACKNOWLEDGED = "source-acknowledged"
    """It may be committed; perhaps it is not yet."""
    EVENTS_FETCHED = "events-fetched"
    """A batch of the events log is in memory."""
    EVENTS_APPLIED = "events-applied"
    """It has changed the monitor; nothing is stored."""
    CHECKPOINT_ENCODED = "checkpoint-encoded"
    """What is to be stored is made; nothing is sent to the store."""
    INSTANCES_STORED = "instances-stored"
    """The instances are stored, the partition's position is not."""
    PARTITION_STORED = "partition-stored"
    """The position is stored; alerts are still in the outbox."""
    ALERTS_PUBLISHED = "alerts-published"
    """The alerts topic has them, the outbox still, too."""
    EVENTS_ACKNOWLEDGED = "events-acknowledged"
    """The batch may be committed; perhaps it is not yet."""


class NotifyPoint(StrEnum):
    """The same for an alert on its way to people, where a deployment declares receivers."""

    ALERTS_FETCHED = "alerts-fetched"
    """A batch of the alerts topic is in memory."""
    RETRAIN_PUBLISHED = "retrain-published"
    """A request for a retraining is on its topic; that it is there is not remembered."""
    ALERT_JOBS_WRITTEN = "alert-jobs-written"
    """Redis holds what receivers are to know; the batch is not acknowledged."""
    NOTIFICATION_LEASED = "notification-leased"
    """Redis knows that a notification is about to be sent."""
    NOTIFICATION_SENT = "notification-sent"
    """The receiver has it; nobody else knows. Whoever goes on sends it once more."""
    NOTIFICATION_RECORDED = "notification-recorded"
    """Redis knows that it has arrived."""


class HealthPoint(StrEnum):
    """The same for an alert about the monitor itself."""

    HEALTH_KEPT = "health-kept"
    """Redis has the alert and the event that tells of it; the event is not published."""
    HEALTH_PUBLISHED = "health-published"
    """The alerts topic has the event, the outbox still, too."""


def _asked(environ: str) -> tuple[str, int]:
    point, _, count = environ.partition(":")
    return point, int(count) if count.isdigit() else 1


_point, _left = _asked(os.environ.get(VARIABLE, ""))
_record = os.environ.get(RECORD_VARIABLE)


def pass_point(point: CrashPoint | NotifyPoint | HealthPoint) -> None:
    """Die here, if this process was asked to."""
    global _left  # noqa: PLW0603 - counted per process, as the request is
    if point != _point:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def pass_records(topic: str, partition: int, first: int, following: int) -> None:
    """Die here, if the record that was named for it is in this range."""
    if _record is None:
        return
    place, _, offset = _record.rpartition("/")
    if place == f"{topic}/{partition}" and first <= int(offset) < following:
        os.kill(os.getpid(), signal.SIGKILL)
