"""How far the workers have come in the events log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from driftline.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.store.protocol import Store

WORKER_SECONDS: Final = 30.0
"""So long a living worker may take to come to a command."""
_LOOK_SECONDS: Final = 0.2


async def wait_until_applied(
    store: Store, ends: Mapping[int, int], patience_seconds: float
) -> bool:
    """Return once the log up to these offsets, by partition, is applied and stored.

    False where no worker lives.

    Raises:
        UnavailableError: a living worker has not come so far within the time given.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_seconds
    waiting = dict(ends)
    while waiting:
        for partition, end in list(waiting.items()):
            stored = await store.load_partition(partition)
            if stored is not None and stored.offset >= end:
                del waiting[partition]
        if waiting and not await store.list_workers():
            return False
        if waiting and loop.time() > until:
            msg = (
                f"the command is in the log, but a worker that lives has not come to it within"
                f" {patience_seconds:g} s. See `driftline status`"
            )
            raise UnavailableError(msg)
        if waiting:
            await asyncio.sleep(_LOOK_SECONDS)
    return True
