"""Who is told of a revision: those that the routes say, and those that were told before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts.alert import Status
from driftline.notify.jobs import Job, Seen
from driftline.notify.notification import EventReceiver
from driftline.notify.standing import Terms, Wanted, terms_of, wanted_of

if TYPE_CHECKING:
    from driftline.alerts.schema import AlertData, AlertEnvelope
    from driftline.model import Micros
    from driftline.notify.retrain_event import RetrainEnvelope
    from driftline.notify.routing import Router
    from driftline.notify.surroundings import Directory


class Assigner:
    """Turns a revision into its job.

    Whoever was told that an alert fires is told how it ends, though the routes have changed.
    """

    def __init__(self, router: Router, directory: Directory, *, hold_back_caused: bool) -> None:
        self._router = router
        self._directory = directory
        self._hold_back = hold_back_caused

    def job(self, event: AlertEnvelope, seen: Seen, now: Micros) -> Job:
        """The job of a revision that is above the one seen before."""
        terms = {
            one.receiver: terms_of(one.route, hold_back_caused=self._hold_back)
            for one in self._router.assign(event.data)
        }
        for receiver, former in seen.receivers.items():
            if receiver not in terms and self._directory.knows(receiver):
                terms[receiver] = former
        return Job(
            event.data.alert_id,
            event.data.revision,
            event.data.status is not Status.FIRING,
            event.model_dump_json(),
            {name: wanted_of(event.data, one, now) for name, one in terms.items()},
        )

    def retrain_job(self, alert: AlertData, asked: RetrainEnvelope, now: Micros) -> Job | None:
        """The job of a request for a retraining; None where no route asks for it."""
        receivers = [one.receiver for one in self._router.assign(alert) if one.route.retrain]
        closed = asked.data.closed_at is not None
        wanted = Wanted(
            revision=2 if closed else 1,
            firing=False,
            stream=asked.data.stream,
            caused=False,
            acknowledged=False,
            at=now,
            terms=Terms(),
            is_alert=False,
        )
        ways = {name: self._directory.find(name) for name in receivers}
        told = [
            name for name, way in ways.items() if way and isinstance(way.receiver, EventReceiver)
        ]
        if not told:
            return None
        return Job(
            f"{alert.alert_id}.retrain",
            wanted.revision,
            closed,
            asked.model_dump_json(),
            dict.fromkeys(told, wanted),
        )


def seen_of(job: Job) -> Seen:
    """What is known of an alert once this job is written."""
    return Seen(job.revision, {name: wanted.terms for name, wanted in job.wanted.items()})
