"""What a log comes to, as one number: every event told of it, and all that is stored on the way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from support.monitor_log import Log, World, build_deployment, build_stream, fill
from support.monitor_runs import build_monitor

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERY: Final = 7
"""Messages from one checkpoint to the next."""


def digest() -> str:
    """The digest of a world's log, however the modules that it goes through were made."""
    stream = build_stream()
    monitor = build_monitor(build_deployment(stream))
    found = hashlib.sha256()
    for offset, message in enumerate(fill(Log([stream]), World()).messages):
        for event in monitor.apply(offset, message, {}).events:
            found.update(event.value)
        if offset % EVERY == 0:
            step = monitor.checkpoint()
            monitor.settle()
            for one in step.instances:
                for part in (one.fields, one.windows, one.entries):
                    _take_in(found, part)
            found.update(step.partition.blob)
    return found.hexdigest()


def _take_in(found: hashlib._Hash, part: Mapping[str, bytes]) -> None:
    for name, blob in sorted(part.items()):
        found.update(name.encode())
        found.update(blob)


if __name__ == "__main__":
    print(digest())  # noqa: T201 - this is what it is for
