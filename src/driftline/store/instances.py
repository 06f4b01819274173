"""What Redis keeps of the instances."""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from driftline.errors import UnavailableError
from driftline.monitor.state import StoredInstance
from driftline.store import scripts
from driftline.store.client import call
from driftline.store.guard import check_step
from driftline.store.packing import pack_texts
from driftline.store.plans import build_plan, decode_outbox
from driftline.store.protocol import InstanceStateError, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.model import InstanceKey
    from driftline.monitor.state import InstanceCheckpoint
    from driftline.store.client import Client, RedisCommand
    from driftline.store.commands import Plan
    from driftline.store.housekeeping import Housekeeping
    from driftline.store.keys import Keys
    from driftline.store.scripts import Script

T = TypeVar("T")

log = structlog.get_logger(__name__)

NAMES_AT_ONCE: Final = 1_000
"""Fields in one HMGET: below a millisecond of Redis' time."""
INSTANCES_AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 4_000_000
"""What is sent before answers are awaited."""
STAGED_SECONDS: Final = 3_600
"""How long parts of a checkpoint wait to be committed: they are rubbish if the writer died."""
_STAGING_ATTEMPTS: Final = 3
_ABSENT: Final = 2**32 - 1


class Instances:
    """Reads and guarded writes of instances."""

    def __init__(self, client: Client, keys: Keys, housekeeping: Housekeeping) -> None:
        self._client = client
        self._keys = keys
        self._housekeeping = housekeeping

    async def load(
        self, instances: Sequence[InstanceKey]
    ) -> dict[InstanceKey, StoredInstance | InstanceStateError | None]:
        """State and outbox of each, after rolling forward what a writer left half done."""
        loaded: dict[InstanceKey, StoredInstance | InstanceStateError | None] = {}
        for some in _chunks(list(dict.fromkeys(instances)), INSTANCES_AT_ONCE):
            answers = await self._client.run([self._script(scripts.LOAD, key) for key in some])
            for key, answer in zip(some, answers, strict=True):
                try:
                    loaded[key] = await self._settle_load(key, answer)
                except InstanceStateError as error:
                    loaded[key] = error
        return loaded

    async def fetch(
        self, suffix: str, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> dict[InstanceKey, dict[str, bytes]]:
        """The named fields of one hash of each instance, in one round trip."""
        fetched = await self.fetch_each(suffix, wanted)
        found = {}
        for key, fields in fetched.items():
            if isinstance(fields, InstanceStateError):
                raise fields
            found[key] = fields
        return found

    async def fetch_each(
        self, suffix: str, wanted: Mapping[InstanceKey, Sequence[str]]
    ) -> dict[InstanceKey, dict[str, bytes] | InstanceStateError]:
        """The same, where one that cannot be read is an answer too."""
        asked = [(key, some) for key, ids in wanted.items() for some in _chunks(ids, NAMES_AT_ONCE)]
        commands = [
            self._script(scripts.FETCH, key, suffix, pack_texts(some)) for key, some in asked
        ]
        found: dict[InstanceKey, dict[str, bytes] | InstanceStateError] = {
            key: {} for key in wanted
        }
        answers = await self._client.run(commands)
        for (key, some), answer in zip(asked, answers, strict=True):
            fields = found[key]
            if not isinstance(answer, list):
                found[key] = _broken(key, answer)
            elif isinstance(fields, dict):
                fields.update(_unpack(some, *answer))
        return found

    async def window_names(self, key: InstanceKey) -> tuple[str, ...]:
        """The names of all stored windows."""
        (answer,) = await self._client.run([("HKEYS", self._keys.of(key, "windows"))])
        _check(key, answer)
        return tuple(sorted(name.decode() for name in answer))

    async def write(self, checkpoints: Sequence[InstanceCheckpoint]) -> list[Outcome]:
        """Apply each checkpoint whole or not at all."""
        for step in checkpoints:
            check_step(step.from_offset, step.to_offset)
        newcomers = [step.instance for step in checkpoints if step.from_offset is None]
        # Before there is state, so that whoever forgets the stream finds it; and once more when
        # there is, in case it was being forgotten just then.
        await self._housekeeping.register(newcomers)
        outcomes: list[Outcome] = []
        for plans in _rounds(map(build_plan, checkpoints)):
            write = self._write_staged if len(plans[0].parts) > 1 else self._write_small
            outcomes += await write(plans)
        await self._housekeeping.register(newcomers)
        # Only now: a collector takes an announcement back where it finds nothing yet.
        littered = [step.instance for step in checkpoints if step.groups_removed]
        await self._housekeeping.announce(littered)
        return outcomes

    async def _write_small(self, plans: Sequence[Plan]) -> list[Outcome]:
        commands = [self._guarded(scripts.APPLY, plan, plan.parts[0]) for plan in plans]
        answers = await self._client.run(commands)
        return [await self._settle(*one) for one in zip(plans, commands, answers, strict=True)]

    async def _write_staged(self, plans: Sequence[Plan]) -> list[Outcome]:
        (plan,) = plans
        for _ in range(_STAGING_ATTEMPTS):
            staged = f"staged:{uuid.uuid4().hex}"
            key = self._keys.of(plan.instance, staged)
            await self._stage(plan, key)
            commit = self._guarded(scripts.COMMIT, plan, staged, len(plan.parts))
            (answer,) = await self._client.run([commit])
            if _status(answer) != "unstaged":
                outcome = await self._settle(plan, commit, answer)
                await self._client.attempt(("UNLINK", key))
                return [outcome]
        msg = f"redis drops staged parts of {plan.instance.name}: is its policy noeviction?"
        raise UnavailableError(msg)

    async def _stage(self, plan: Plan, key: str) -> None:
        for index, part in enumerate(plan.parts):
            lines: list[RedisCommand] = [
                ("HSET", key, index, part),
                ("EXPIRE", key, STAGED_SECONDS),
            ]
            for answer in await self._client.run(lines):
                _check(plan.instance, answer)

    async def _settle(self, plan: Plan, command: RedisCommand, answer: Any) -> Outcome:
        """The outcome of a guarded write, after rolling forward what is before it, and itself."""
        try:
            while _status(answer) == "pending":
                await self._roll(plan.instance)
                (answer,) = await self._client.run([command])
            if _status(answer) == Outcome.BROKEN:
                raise _broken(plan.instance, answer)
            if len(plan.parts) > 1:
                await self._roll(plan.instance)
        except InstanceStateError as error:
            # An outcome that the caller deals with; its traceback would say nothing more.
            log.error("checkpoint_refused", instance=plan.instance.name, error=str(error))  # noqa: TRY400
            return Outcome.BROKEN
        return Outcome(_status(answer))

    async def _settle_load(self, key: InstanceKey, answer: Any) -> StoredInstance | None:
        while answer == b"pending":
            await self._roll(key)
            (answer,) = await self._client.run([self._script(scripts.LOAD, key)])
        if not isinstance(answer, list):
            raise _broken(key, answer)
        state, outbox, expired = answer
        if expired:
            # A writer that died may not have come to it.
            await self._housekeeping.announce([key])
        return _decode_instance(key, _pairs(state), _pairs(outbox))

    async def _roll(self, key: InstanceKey) -> None:
        """Apply what is left of a large checkpoint that was committed."""
        left: Any = 1
        while left:
            (left,) = await self._client.run([self._script(scripts.ROLL, key)])
            _check(key, left)

    def _guarded(self, script: Script, plan: Plan, *arguments: str | bytes | int) -> RedisCommand:
        return self._script(script, plan.instance, *plan.span, plan.kinds, *arguments)

    def _script(
        self, script: Script, key: InstanceKey, *arguments: str | bytes | int
    ) -> RedisCommand:
        return call(script, [self._keys.of(key, "state")], *arguments)


def _decode_instance(
    key: InstanceKey, state: Mapping[bytes, bytes], outbox: Mapping[bytes, bytes]
) -> StoredInstance | None:
    if not state:
        return None
    try:
        offset = int(state[b"offset"].decode())
        if str(offset).encode() != state[b"offset"]:
            # Scripts compare it as text.
            raise InstanceStateError(key, f"offset is {state[b'offset']!r}")
        fields = {name.decode()[2:]: blob for name, blob in state.items() if name.startswith(b"f:")}
        return StoredInstance(offset, fields, decode_outbox(outbox.items()))
    except (KeyError, ValueError) as error:
        raise InstanceStateError(key, f"does not decode: {error!r}") from error


def _rounds(plans: Iterable[Plan]) -> Iterator[list[Plan]]:
    """Plans that may be sent together: not too many bytes, no instance twice, a large one alone.

    A second step of an instance waits for the first one's answer: were the first one sent again,
    the second would have been refused meanwhile.
    """
    pending: dict[InstanceKey, Plan] = {}
    size, was_large = 0, False
    for plan in plans:
        large = len(plan.parts) > 1
        full = size + plan.size > BYTES_AT_ONCE
        if pending and (large or was_large or full or plan.instance in pending):
            yield list(pending.values())
            pending, size = {}, 0
        pending[plan.instance] = plan
        size += plan.size
        was_large = large
    if pending:
        yield list(pending.values())


def _chunks(names: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (names[i : i + size] for i in range(0, len(names), size))


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _unpack(names: Sequence[str], lengths: bytes, values: bytes) -> Iterator[tuple[str, bytes]]:
    """The values that are there, out of what FETCH answers."""
    start = 0
    for name, length in zip(names, struct.unpack(f"<{len(names)}I", lengths), strict=True):
        if length != _ABSENT:
            yield name, values[start : start + length]
            start += length


def _status(answer: Any) -> str:
    """A script's first word; an error that no retry mends counts as broken."""
    return "broken" if isinstance(answer, Exception) else answer.decode().partition(" ")[0]


def _broken(key: InstanceKey, answer: Any) -> InstanceStateError:
    text = str(answer) if isinstance(answer, Exception) else answer.decode().partition(" ")[2]
    return InstanceStateError(key, text)


def _check(key: InstanceKey, answer: Any) -> None:
    if isinstance(answer, Exception):
        raise InstanceStateError(key, str(answer)) from answer
