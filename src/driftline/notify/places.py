"""The keys of what is to be delivered, and the scripts that write them.

    {<deployment>}:notify:seen:<alert>     the newest revision read, and who was assigned to it
    {<deployment>}:notify:positions        hash: <topic>|<partition> -> <topic id>|<next offset>
    {<deployment>}:notify:stirred          hash: receiver -> a count of jobs, which only rises
    {<deployment>}:notify:states           hash: receiver -> `ReceiverState`
    {<deployment>}:notify:wanted:<r>       hash: alert -> `Wanted`
    {<deployment>}:notify:events:<r>       hash: alert -> its newest event, compressed
    {<deployment>}:notify:told:<r>         hash: alert -> `Told`
    {<deployment>}:notify:lease:<r>        the token of the sender that serves the receiver
    {<deployment>}:notify:log              stream of what became of notifications
    {<deployment>}:notify:retrain          hash: instance -> the newest request for a retraining

<r> and <alert> are hashes. All keys are in one slot of a cluster.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from driftline.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.store.client import RedisCommand


def _load(name: str) -> str:
    return (files("driftline.notify") / "lua" / f"{name}.lua").read_text("utf-8")


ASSIGN: Final = _load("assign")
RECORD: Final = _load("record")
KEEP: Final = _load("keep")


class Places:
    """The keys of one deployment."""

    def __init__(self, deployment: str) -> None:
        self._keys = Keys(deployment)
        self.positions = self._own("positions")
        self.stirred = self._own("stirred")
        self.states = self._own("states")
        self.log = self._own("log")
        self.retrain = self._own("retrain")

    def seen(self, alert_id: str) -> str:
        """What was read of an alert."""
        return self._own("seen", _tag(alert_id))

    def of(self, what: str, receiver: str) -> str:
        """A receiver's `wanted`, `events`, `told` or `lease`."""
        return self._own(what, _tag(receiver))

    def _own(self, *names: str) -> str:
        return self._keys.own("notify", *names)


def run_script(source: str, keys: Sequence[str], *arguments: str | bytes | int) -> RedisCommand:
    """The command that runs a script. They are short, and rare: each is sent with its text."""
    return ("EVAL", source, len(keys), *keys, *arguments)


def _tag(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
