"""How the deployment is doing."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from driftline.web.models.common import Answer


class WorkerHealth(Answer):
    """A worker that has said lately that it lives."""

    id: str
    roles: tuple[str, ...]
    events_partitions: Annotated[
        tuple[int, ...], Field(description="Partitions of the events log that it owns.")
    ]
    started_at: datetime | None
    version: str


class EventsHealth(Answer):
    """One partition of the events log."""

    partition: int
    owner: Annotated[str | None, Field(description="The worker that owns it; null: nobody.")]
    behind: Annotated[
        int | None, Field(description="Messages that are not in the stored state yet.")
    ]
    problem: Annotated[str | None, Field(description="Why its stored state cannot be read.")]


class SourceHealth(Answer):
    """One partition of an attached topic."""

    topic: str
    partition: int
    lag: Annotated[int | None, Field(description="Records still to be read; null before any was.")]


class Health(Answer):
    """The whole deployment."""

    deployment: str
    problem: Annotated[
        str | None, Field(description="What keeps the API from answering in full; null: nothing.")
    ]
    workers: tuple[WorkerHealth, ...]
    events_log: tuple[EventsHealth, ...]
    sources: tuple[SourceHealth, ...]
    suspended: Annotated[int, Field(description="Instances that are passed over.")]
