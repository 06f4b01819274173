"""driftline's own topics and the attached ones: what is needed against what is there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from driftline.agents.attached import attached_topics
from driftline.app.topics import wanted_topics
from driftline.errors import UnavailableError
from driftline.transport.topics import Creation, TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.app.connections import Connections
    from driftline.config.deployment import Deployment
    from driftline.transport.topics import TopicDescription, TopicSpec

VITAL: Final = ("partitions", "cleanup.policy")
"""With another of these driftline does not work; with another of the rest it is less safe."""

VISIBLE_SECONDS: Final = 5.0
"""So long may it take until a topic that was made is told of."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as it is needed."""

    setting: str
    wanted: str
    found: str

    @property
    def vital(self) -> bool:
        """Whether driftline cannot work with it."""
        return self.setting in VITAL


@dataclass(frozen=True, slots=True)
class OwnTopic:
    """One of driftline's own topics."""

    wanted: TopicSpec
    found: TopicDescription | None
    differences: tuple[Difference, ...] = ()
    creation: Creation | None = None
    """What became of the wish to make it; None if it was not asked for."""

    @property
    def fit(self) -> bool:
        """Whether it is there, and no vital setting differs."""
        return self.found is not None and not any(one.vital for one in self.differences)


@dataclass(frozen=True, slots=True)
class AttachedTopic:
    """A topic that streams are attached to. driftline neither makes nor changes it."""

    name: str
    readers: tuple[str, ...]
    """`stream (role)` of each that reads it."""
    found: TopicDescription | None


@dataclass(frozen=True, slots=True)
class TopicReport:
    """All topics of a deployment."""

    own: tuple[OwnTopic, ...]
    attached: tuple[AttachedTopic, ...]
    embedded: bool
    """Topics appear when they are first named, with settings of the mock cluster's choice."""

    @property
    def complete(self) -> bool:
        """Whether a worker finds all that it needs."""
        if self.embedded:
            return True
        return all(one.fit for one in self.own) and all(one.found for one in self.attached)


async def check_topics(
    deployment: Deployment, connections: Connections, *, create: bool
) -> TopicReport:
    """Look at all topics, after making our own missing ones if `create`.

    Raises:
        UnavailableError: the broker does not answer.
    """
    admin = TopicAdmin(connections.kafka)
    wanted = wanted_topics(deployment.settings)
    created = await admin.create(wanted) if create and not connections.kafka_embedded else {}
    attached = attached_topics(deployment.streams.values())
    found = await _describe(
        admin,
        {*(spec.name for spec in wanted), *attached},
        awaited={name for name, creation in created.items() if creation is Creation.CREATED},
    )
    own = []
    for spec in wanted:
        topic = found.get(spec.name)
        differences: tuple[Difference, ...] = ()
        if topic is not None and not connections.kafka_embedded:
            differences = compare(spec, topic, await _config(admin, spec.name))
        own.append(OwnTopic(spec, topic, differences, created.get(spec.name)))
    return TopicReport(
        tuple(own),
        tuple(
            AttachedTopic(
                name,
                tuple(f"{stream.name} ({role.value})" for stream, role in readers),
                found.get(name),
            )
            for name, readers in sorted(attached.items())
        ),
        connections.kafka_embedded,
    )


def compare(
    wanted: TopicSpec, found: TopicDescription, config: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Where a topic is not as it is wanted; what `config` does not tell is passed over."""
    pairs = {"partitions": (str(wanted.partitions), str(found.partitions))}
    if wanted.replication > 0:
        pairs["replication"] = (str(wanted.replication), str(found.replication))
    pairs |= {
        name: (value, config[name]) for name, value in wanted.config.items() if name in config
    }
    return tuple(Difference(name, *pair) for name, pair in pairs.items() if pair[0] != pair[1])


async def _describe(
    admin: TopicAdmin, names: Collection[str], *, awaited: Collection[str]
) -> Mapping[str, TopicDescription]:
    """The topics that exist. Brokers tell of one that was just made a moment later."""
    until = asyncio.get_running_loop().time() + VISIBLE_SECONDS
    while True:
        found = await admin.describe(names)
        if found.keys() >= set(awaited) or asyncio.get_running_loop().time() > until:
            return found
        await asyncio.sleep(VISIBLE_SECONDS / 50)


async def _config(admin: TopicAdmin, name: str) -> Mapping[str, str]:
    try:
        return await admin.config(name)
    except UnavailableError:
        # Reading settings takes a right of its own, which an operator may withhold.
        return {}
