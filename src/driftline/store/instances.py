"""What Redis keeps of the instances."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from driftline.errors import StateError, UnavailableError
from driftline.monitor.state import StoredInstance
from driftline.store import scripts
from driftline.store.client import call
from driftline.store.guard import check_step
from driftline.store.plans import build_plan, decode_outbox
from driftline.store.protocol import InstanceStateError, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from driftline.model import InstanceKey
    from driftline.monitor.state import InstanceCheckpoint
    from driftline.store.client import Client, RedisCommand
    from driftline.store.keys import Keys
    from driftline.store.plans import Plan
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


class Instances:
    """Reads and guarded writes of instances."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

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
        asked = [(key, some) for key, ids in wanted.items() for some in _chunks(ids, NAMES_AT_ONCE)]
        commands = [("HMGET", self._keys.of(key, suffix), *some) for key, some in asked]
        found: dict[InstanceKey, dict[str, bytes]] = {key: {} for key in wanted}
        answers = await self._client.run(commands)
        for (key, some), answer in zip(asked, answers, strict=True):
            _check(key, answer)
            pairs = zip(some, answer, strict=True)
            found[key].update((name, blob) for name, blob in pairs if blob is not None)
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
        outcomes: list[Outcome] = []
        for plans in _rounds(map(build_plan, checkpoints)):
            write = self._write_staged if len(plans[0].parts) > 1 else self._write_small
            outcomes += await write(plans)
        return outcomes

    async def _write_small(self, plans: Sequence[Plan]) -> list[Outcome]:
        commands: list[RedisCommand] = []
        places: list[int] = []
        for plan in plans:
            before, after = self._around(plan)
            places.append(len(commands) + len(before))
            commands += [*before, self._apply(plan), *after]
        answers = await self._client.run(commands)
        self._check_registry(answer for i, answer in enumerate(answers) if i not in set(places))
        return [
            await self._settle(plan, self._apply(plan), answers[place])
            for plan, place in zip(plans, places, strict=True)
        ]

    async def _write_staged(self, plans: Sequence[Plan]) -> list[Outcome]:
        (plan,) = plans
        before, after = self._around(plan)
        self._check_registry(await self._client.run(before))
        for _ in range(_STAGING_ATTEMPTS):
            staged = f"staged:{uuid.uuid4().hex}"
            await self._stage(plan, self._keys.of(plan.instance, staged))
            commit = self._guarded(scripts.COMMIT, plan, staged, len(plan.parts))
            (answer,) = await self._client.run([commit])
            if _status(answer) == "unstaged":
                continue
            outcome = await self._settle(plan, commit, answer)
            after.append(("UNLINK", self._keys.of(plan.instance, staged)))
            self._check_registry(await self._client.run(after))
            return [outcome]
        msg = (
            f"redis drops staged parts of {plan.instance.name}: is its maxmemory-policy noeviction?"
        )
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
            log.error("checkpoint_refused", instance=plan.instance.name, error=str(error))  # noqa: TRY400 - an outcome, no bug
            return Outcome.BROKEN
        return Outcome(_status(answer))

    async def _settle_load(self, key: InstanceKey, answer: Any) -> StoredInstance | None:
        while _status(answer) == "pending":
            await self._roll(key)
            (answer,) = await self._client.run([self._script(scripts.LOAD, key)])
        if _status(answer) == "broken":
            raise _broken(key, answer)
        _, state, outbox, expired = answer
        if expired:
            # A writer that died may not have come to it.
            await self._client.one("SADD", self._keys.garbage, key.name)
        return _decode_instance(key, _pairs(state), _pairs(outbox))

    async def _roll(self, key: InstanceKey) -> None:
        """Apply what is left of a large checkpoint that was committed."""
        left: Any = 1
        while left:
            (left,) = await self._client.run([self._script(scripts.ROLL, key)])
            _check(key, left)

    def _around(self, plan: Plan) -> tuple[list[RedisCommand], list[RedisCommand]]:
        """What is written to other slots before and after a checkpoint; repeating it is harmless.

        An instance is registered before it has state, so that whoever forgets its stream finds it,
        and once more after, in case it was being forgotten just then. Its garbage is announced
        after it exists, as the collector takes an announcement back that it finds empty.
        """
        key = plan.instance
        register: list[RedisCommand] = [
            ("SADD", self._keys.streams, key.stream),
            ("SADD", self._keys.instances(key.stream), key.name),
        ]
        before = register if plan.first else []
        garbage: list[RedisCommand] = [("SADD", self._keys.garbage, key.name)]
        return list(before), [*before, *(garbage if plan.expires else [])]

    def _apply(self, plan: Plan) -> RedisCommand:
        return self._guarded(scripts.APPLY, plan, plan.parts[0])

    def _guarded(self, script: Script, plan: Plan, *arguments: str | bytes | int) -> RedisCommand:
        return self._script(script, plan.instance, *plan.span, plan.kinds, *arguments)

    def _script(
        self, script: Script, key: InstanceKey, *arguments: str | bytes | int
    ) -> RedisCommand:
        return call(script, [self._keys.of(key, "state")], *arguments)

    def _check_registry(self, answers: Iterable[Any]) -> None:
        for answer in answers:
            if isinstance(answer, Exception):
                msg = f"the registry of instances in redis is not driftline's: {answer}"
                raise StateError(msg) from answer


def _decode_instance(
    key: InstanceKey, state: Mapping[bytes, bytes], outbox: Mapping[bytes, bytes]
) -> StoredInstance | None:
    if not state:
        return None
    try:
        offset = int(state[b"offset"])
        fields = {name.decode()[2:]: blob for name, blob in state.items() if name.startswith(b"f:")}
        return StoredInstance(offset, fields, decode_outbox(outbox.items()))
    except (KeyError, ValueError) as error:
        raise InstanceStateError(key, f"does not decode: {error!r}") from error


def _rounds(plans: Iterable[Plan]) -> Iterator[list[Plan]]:
    """Plans that may be sent together: not too many bytes, no instance twice, a large one alone.

    A second step of an instance waits for the first one's answer: were the first one sent again,
    the second would have been refused meanwhile.
    """
    pending: list[Plan] = []
    size = 0
    for plan in plans:
        alone = len(plan.parts) > 1 or (pending and len(pending[0].parts) > 1)
        again = any(plan.instance == other.instance for other in pending)
        if pending and (alone or again or size + plan.size > BYTES_AT_ONCE):
            yield pending
            pending, size = [], 0
        pending.append(plan)
        size += plan.size
    if pending:
        yield pending


def _chunks(names: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (names[i : i + size] for i in range(0, len(names), size))


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _status(answer: Any) -> str:
    """A script's first word; an error that no retry mends counts as broken."""
    return "broken" if isinstance(answer, Exception) else str(answer[0].decode())


def _broken(key: InstanceKey, answer: Any) -> InstanceStateError:
    reason = str(answer) if isinstance(answer, Exception) else answer[1].decode()
    return InstanceStateError(key, reason)


def _check(key: InstanceKey, answer: Any) -> None:
    if isinstance(answer, Exception):
        raise InstanceStateError(key, str(answer)) from answer
