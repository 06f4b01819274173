"""The Lua scripts that make each write one atomic step; they run on Redis 6.2 and later."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the name under which a server that has seen it knows it."""

    source: str
    sha: str


def _load(*names: str) -> Script:
    directory = files("driftline.store") / "lua"
    source = "\n".join((directory / f"{name}.lua").read_text("utf-8") for name in names)
    # SHA-1 is how EVALSHA names a script, no safeguard.
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


APPLY: Final = _load("instance", "apply")
COMMIT: Final = _load("instance", "commit")
ROLL: Final = _load("instance", "roll")
LOAD: Final = _load("instance", "load")
FETCH: Final = _load("instance", "fetch")
COLLECT: Final = _load("instance", "collect")
FORGET: Final = _load("instance", "forget")
PARTITION: Final = _load("partition")
CLAIM: Final = _load("claim")
RECORD_ADD: Final = _load("record_add")
RECORD_REPLACE: Final = _load("record_replace")

ALL: Final = (
    APPLY,
    COMMIT,
    ROLL,
    LOAD,
    FETCH,
    COLLECT,
    FORGET,
    PARTITION,
    CLAIM,
    RECORD_ADD,
    RECORD_REPLACE,
)
