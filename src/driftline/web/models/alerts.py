"""Alerts: which ones are wanted, and how they are answered."""

from typing import Annotated, Literal

from pydantic import Field

from driftline.alerts.alert import Status
from driftline.alerts.schema import AlertEnvelope
from driftline.model import Severity
from driftline.web.alert_json import CURSOR
from driftline.web.entries import Filter
from driftline.web.models.common import Answer, Asked, Limit, Page, cursor_like, example

_Name = Annotated[str, Field(min_length=1, max_length=500)]
_Names = Annotated[tuple[_Name, ...], Field(max_length=50)]


class AlertFilter(Asked):
    """Which alerts are wanted: of each key any of the values; a key that is left out wants all."""

    stream: Annotated[_Names, Field(description="The stream.")] = ()
    instance: Annotated[_Names, Field(description="The instance: stream, or stream/value.")] = ()
    signal: Annotated[_Names, Field(description="The signal, such as error.")] = ()
    severity: Annotated[tuple[Severity, ...], Field(max_length=10)] = ()
    kind: Annotated[tuple[Literal["drift", "silence", "health"], ...], Field(max_length=10)] = ()
    status: Annotated[tuple[Status, ...], Field(max_length=10)] = ()
    owner: Annotated[_Names, Field(description="The stream's owner.")] = ()
    tag: Annotated[_Names, Field(description="Any of the stream's tags.")] = ()

    @property
    def filter(self) -> Filter:
        """The same as a value."""
        return Filter(**{name: frozenset(getattr(self, name)) for name in AlertFilter.model_fields})


class AlertQuery(AlertFilter):
    """A page of alerts."""

    limit: Limit = 50
    cursor: Annotated[str | None, cursor_like(CURSOR)] = None


class AlertPage(Page[AlertEnvelope]):
    """Alerts by their newest revision, those that opened last first."""

    position: Annotated[
        str,
        Field(
            description="The place in the alerts topic that this is as of: as Last-Event-ID it has "
            "the stream of alerts go on from here."
        ),
    ]
    complete: Annotated[
        bool, Field(description="False: older alerts are in the alerts topic, and not here.")
    ]


class AlertDetail(Answer):
    """One alert with its history."""

    alert: Annotated[AlertEnvelope, Field(description="The newest revision: what holds.")]
    revisions: Annotated[
        tuple[AlertEnvelope, ...], Field(description="By rising revision; the last is `alert`.")
    ]
    complete: Annotated[
        bool, Field(description="False: revisions between the first and the newest are left out.")
    ]


class Note(Asked):
    """What a person says of an alert."""

    model_config = example(note="Retraining since 9:00.")

    note: Annotated[str, Field(max_length=1_000)] = ""


class Accepted(Answer):
    """A command stands in the events log; the alert's next revision tells of it."""

    model_config = example(
        alert_id="5f0c2d6a1b3e4f708192", command_id="5d6f2b08f3584fafa4aa9379b1f8e4ec"
    )

    alert_id: str
    command_id: Annotated[str, Field(description="Of the command in the events log.")]
