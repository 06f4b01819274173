"""A detector that fails suspends its instance alone, and `resume` brings that back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from driftline.agents.loading import load_partition
from driftline.app.log_commands import build_command
from driftline.detectors import Witness
from driftline.detectors.shield import DetectorError
from driftline.eventlog.codec import decode, encode
from driftline.eventlog.messages import CommandKind, Progress
from driftline.model import InstanceKey
from driftline.monitor.head import Head
from driftline.store.memory import MemoryStore
from driftline.transport.batches import SourceBatch
from support.monitor_log import (
    FakeRecord,
    Log,
    World,
    build_deployment,
    build_stream,
    fill,
    forget,
)
from support.monitor_runs import build_work, difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.agents.partition import PartitionWork
    from driftline.eventlog.messages import Message

STREAM = build_stream()
OTHER = build_stream("other", horizon=None, watch={"score": {"detector": "adwin"}})
DEPLOYMENT = build_deployment(STREAM, OTHER)
LOG = fill(Log([STREAM, OTHER]), World()).messages
KEY, OTHER_KEY = InstanceKey(STREAM.name, None), InstanceKey(OTHER.name, None)
THIRD = len(LOG) // 3
PASSED = next(at for at in range(2 * THIRD, len(LOG)) if isinstance(LOG[at - 1], Progress))
"""Behind a reader's word on the rows before it: there the books have to balance."""
RESUME = build_command(CommandKind.RESUME, STREAM.name, by="ann", at=7)


class Broken:
    """A detector that fails while it is told to."""

    fails = True


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    """The detectors named `page` fail, as one does whose Rust core panics."""
    state, feed = Broken(), Witness.feed

    def feed_or_fail(self: Witness, values: object) -> object:
        if state.fails and self.profile.name == "page":
            message = "detector page: PanicException: index out of bounds"
            raise DetectorError(message)
        return feed(self, values)  # type: ignore[arg-type]

    monkeypatch.setattr(Witness, "feed", feed_or_fail)
    return state


async def run(store: MemoryStore, log: Sequence[Message], first: int = 0) -> PartitionWork:
    """Apply the log from an offset on, in batches of three, and store all of it."""
    work = await start(store)
    await apply(work, log, first)
    await work.finish()
    return work


async def start(store: MemoryStore) -> PartitionWork:
    """Go on from what is stored."""
    monitor, _ = await load_partition(store, 0, DEPLOYMENT)
    return build_work(monitor, DEPLOYMENT, store=store)


async def apply(work: PartitionWork, log: Sequence[Message], first: int) -> None:
    """Apply the log from an offset on, in batches of three."""
    for begin in range(first, len(log), 3):
        end = min(begin + 3, len(log))
        records = [FakeRecord(at, encode(log[at])) for at in range(begin, end)]
        topic = DEPLOYMENT.settings.events_topic
        await work.on_batch(SourceBatch(topic, 0, begin, end, records, 0, len(log), 1))


@pytest.mark.parametrize(("name", "whole"), [("loans", True), ("loans/north", False)])
def test_resume_is_a_message_of_the_log(name: str, *, whole: bool) -> None:
    """A stream's name means all of its instances."""
    command = build_command(CommandKind.RESUME, name, by="ann", at=7)
    assert decode(encode(command)) == command
    assert (command.stream, command.instance) == ((name, None) if whole else (None, name))


async def test_a_detector_that_fails_suspends_its_instance_alone(broken: Broken) -> None:
    """Loudly, with the reason; the others' rows go on, and those passed over are counted."""
    assert broken.fails
    store = MemoryStore()
    with capture_logs() as logs:
        work = await run(store, LOG)
    said = [line for line in logs if line["event"] == "instance_suspended"]
    assert [line["instance"] for line in said] == [STREAM.name]
    assert "index out of bounds" in said[0]["reason"]
    assert list(work.monitor.suspended) == [KEY]
    (other,) = work.monitor.instances
    assert other.key == OTHER_KEY
    assert other.row_fates["predictions", "applied"] == World().count


async def test_the_books_of_a_suspended_instance_balance(broken: Broken) -> None:
    """Also the rows that it had applied since its last checkpoint; resumed, or forgotten."""
    store = MemoryStore()
    broken.fails = False
    await run(store, LOG[:THIRD])
    work = await start(store)
    await apply(work, LOG[: THIRD + 9], THIRD)
    broken.fails = True
    await apply(work, LOG[:PASSED], THIRD + 9)
    await work.finish()
    assert list(work.monitor.suspended) == [KEY]
    stored = await store.load_instance(KEY)
    assert stored is not None
    assert difference(work.monitor, STREAM.name, [Head.decode(stored.fields["head"])]) == 0
    broken.fails = False
    for command in (RESUME, forget(stream=STREAM.name)):
        ended = MemoryStore()
        broken.fails = False
        await run(ended, LOG[:THIRD])
        broken.fails = True
        log = [*LOG[:PASSED], command, *LOG[PASSED:]]
        await run(ended, log[:PASSED], THIRD)
        broken.fails = False
        work = await run(ended, log, PASSED)
        assert work.monitor.suspended == {}
        assert difference(work.monitor, STREAM.name) == 0


async def test_resume_goes_on_from_what_is_stored(broken: Broken) -> None:
    """Once the cause is gone: behind the command the instance's rows count again."""
    store = MemoryStore()
    broken.fails = False
    work = await run(store, LOG[:THIRD])
    before = _applied(work, KEY)
    broken.fails = True
    work = await run(store, LOG[: 2 * THIRD], THIRD)
    assert KEY in work.monitor.suspended
    broken.fails = False
    log = [*LOG[: 2 * THIRD], RESUME, *LOG[2 * THIRD :]]
    work = await run(store, log, 2 * THIRD)
    assert work.monitor.suspended == {}
    assert _applied(work, KEY) > before
    # A takeover finds the same.
    monitor, _ = await load_partition(store, 0, DEPLOYMENT)
    assert monitor.suspended == {}
    assert {instance.key for instance in monitor.instances} == {KEY, OTHER_KEY}


async def test_what_fails_again_is_suspended_again(broken: Broken) -> None:
    """The command is no cure."""
    assert broken.fails
    store = MemoryStore()
    work = await run(store, [*LOG[:THIRD], RESUME, *LOG[THIRD:]])
    assert list(work.monitor.suspended) == [KEY]


async def test_resume_of_another_changes_nothing(broken: Broken) -> None:
    """Only what it names."""
    assert broken.fails
    other = replace(RESUME, stream=OTHER.name)
    work = await run(MemoryStore(), [*LOG[:THIRD], other, *LOG[THIRD:]])
    assert list(work.monitor.suspended) == [KEY]


def _applied(work: PartitionWork, key: InstanceKey) -> int:
    (instance,) = (one for one in work.monitor.instances if one.key == key)
    return instance.row_fates["predictions", "applied"]
