"""A detector that fails suspends its instance alone, and `resume` brings that back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from driftline.agents.loading import load_partition
from driftline.app.log_commands import build_command
from driftline.config.profiles import DETECTOR_SPEC, Profile
from driftline.eventlog.codec import decode, encode
from driftline.eventlog.messages import CommandKind, Progress
from driftline.model import InstanceKey
from driftline.monitor.head import Head
from driftline.store.memory import MemoryStore
from driftline.transport.batches import SourceBatch
from support.breakable import Breakable
from support.monitor_log import (
    PROFILES,
    FakeRecord,
    Log,
    World,
    build_deployment,
    build_stream,
    fill,
    forget,
)
from support.monitor_runs import build_work, difference
from support.plugins import install

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from driftline.agents.partition import PartitionWork
    from driftline.config.deployment import Deployment
    from driftline.eventlog.messages import Message

STREAM = build_stream()
OTHER = build_stream("other", horizon=None, watch={"score": {"detector": "adwin"}})
LOG = fill(Log([STREAM, OTHER]), World()).messages
KEY, OTHER_KEY = InstanceKey(STREAM.name, None), InstanceKey(OTHER.name, None)
THIRD = len(LOG) // 3
PASSED = next(at for at in range(2 * THIRD, len(LOG)) if isinstance(LOG[at - 1], Progress))
"""Behind a reader's word on the rows before it: there the books have to balance."""
RESUME = build_command(CommandKind.RESUME, STREAM.name, by="ann", at=7)


@dataclass(frozen=True)
class Deployed:
    """The streams, the one with a detector that can be made to fail."""

    deployment: Deployment

    def fail(self, *, fails: bool) -> None:
        """From here on the detectors named `page` fail, or do not."""
        Breakable.fails = fails

    async def run(
        self, store: MemoryStore, log: Sequence[Message], first: int = 0
    ) -> PartitionWork:
        """Apply the log from an offset on, in batches of three, and store all of it."""
        work = await self.start(store)
        await self.apply(work, log, first)
        await work.finish()
        return work

    async def start(self, store: MemoryStore) -> PartitionWork:
        """Go on from what is stored."""
        monitor, _ = await load_partition(store, 0, self.deployment)
        return build_work(monitor, self.deployment, store=store)

    async def apply(self, work: PartitionWork, log: Sequence[Message], first: int) -> None:
        """Apply the log from an offset on, in batches of three."""
        for begin in range(first, len(log), 3):
            end = min(begin + 3, len(log))
            records = [FakeRecord(at, encode(log[at])) for at in range(begin, end)]
            topic = self.deployment.settings.events_topic
            await work.on_batch(SourceBatch(topic, 0, begin, end, records, 0, len(log), 1))


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """The detectors named `page` fail, as one does whose core panics."""
    install(tmp_path, "driftline-breakable", {"breakable": "support.breakable:Breakable"})
    monkeypatch.syspath_prepend(str(tmp_path))
    page = Profile(
        "page", DETECTOR_SPEC.validate_python({"kind": "breakable", "standardise": False})
    )
    stream = build_stream(profiles={**PROFILES, "page": page})
    deployed = Deployed(build_deployment(stream, OTHER))
    deployed.fail(fails=True)
    yield deployed
    deployed.fail(fails=False)


@pytest.mark.parametrize(("name", "whole"), [("loans", True), ("loans/north", False)])
def test_resume_is_a_message_of_the_log(name: str, *, whole: bool) -> None:
    """A stream's name means all of its instances."""
    command = build_command(CommandKind.RESUME, name, by="ann", at=7)
    assert decode(encode(command)) == command
    assert (command.stream, command.instance) == ((name, None) if whole else (None, name))


async def test_a_detector_that_fails_suspends_its_instance_alone(broken: Deployed) -> None:
    """Loudly, with the reason; the others' rows go on, and those passed over are counted."""
    store = MemoryStore()
    with capture_logs() as logs:
        work = await broken.run(store, LOG)
    said = [line for line in logs if line["event"] == "instance_suspended"]
    assert [line["instance"] for line in said] == [STREAM.name]
    assert "index out of bounds" in said[0]["reason"]
    assert list(work.monitor.suspended) == [KEY]
    (other,) = work.monitor.instances
    assert other.key == OTHER_KEY
    assert other.row_fates["predictions", "applied"] == World().count


async def test_the_books_of_a_suspended_instance_balance(broken: Deployed) -> None:
    """Also the rows that it had applied since its last checkpoint; resumed, or forgotten."""
    store = MemoryStore()
    broken.fail(fails=False)
    await broken.run(store, LOG[:THIRD])
    work = await broken.start(store)
    await broken.apply(work, LOG[: THIRD + 9], THIRD)
    broken.fail(fails=True)
    await broken.apply(work, LOG[:PASSED], THIRD + 9)
    await work.finish()
    assert list(work.monitor.suspended) == [KEY]
    stored = await store.load_instance(KEY)
    assert stored is not None
    assert difference(work.monitor, STREAM.name, [Head.decode(stored.fields["head"])]) == 0
    broken.fail(fails=False)
    for command in (RESUME, forget(stream=STREAM.name)):
        ended = MemoryStore()
        broken.fail(fails=False)
        await broken.run(ended, LOG[:THIRD])
        broken.fail(fails=True)
        log = [*LOG[:PASSED], command, *LOG[PASSED:]]
        await broken.run(ended, log[:PASSED], THIRD)
        broken.fail(fails=False)
        work = await broken.run(ended, log, PASSED)
        assert work.monitor.suspended == {}
        assert difference(work.monitor, STREAM.name) == 0


async def test_resume_goes_on_from_what_is_stored(broken: Deployed) -> None:
    """Once the cause is gone: behind the command the instance's rows count again."""
    store = MemoryStore()
    broken.fail(fails=False)
    work = await broken.run(store, LOG[:THIRD])
    before = _applied(work, KEY)
    broken.fail(fails=True)
    work = await broken.run(store, LOG[: 2 * THIRD], THIRD)
    assert KEY in work.monitor.suspended
    broken.fail(fails=False)
    log = [*LOG[: 2 * THIRD], RESUME, *LOG[2 * THIRD :]]
    work = await broken.run(store, log, 2 * THIRD)
    assert work.monitor.suspended == {}
    assert _applied(work, KEY) > before
    # A takeover finds the same.
    monitor, _ = await load_partition(store, 0, broken.deployment)
    assert monitor.suspended == {}
    assert {instance.key for instance in monitor.instances} == {KEY, OTHER_KEY}


async def test_what_fails_again_is_suspended_again(broken: Deployed) -> None:
    """The command is no cure."""
    store = MemoryStore()
    work = await broken.run(store, [*LOG[:THIRD], RESUME, *LOG[THIRD:]])
    assert list(work.monitor.suspended) == [KEY]


async def test_resume_of_another_changes_nothing(broken: Deployed) -> None:
    """Only what it names."""
    other = replace(RESUME, stream=OTHER.name)
    work = await broken.run(MemoryStore(), [*LOG[:THIRD], other, *LOG[THIRD:]])
    assert list(work.monitor.suspended) == [KEY]


def _applied(work: PartitionWork, key: InstanceKey) -> int:
    (instance,) = (one for one in work.monitor.instances if one.key == key)
    return instance.row_fates["predictions", "applied"]
