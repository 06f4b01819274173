"""Asking a broker that is not there, and one that answers at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from driftline.errors import UnavailableError
from driftline.transport.address import KafkaAddress
from driftline.transport.batches import TopicPartition
from driftline.transport.topics import TopicAdmin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NOWHERE = "127.0.0.1:1"
TIMEOUT = timedelta(milliseconds=500)
SOON = timedelta(milliseconds=50)


@pytest.mark.parametrize(
    "ask",
    [
        lambda admin: admin.describe(["churn.predictions"]),
        lambda admin: admin.committed("churn.decode", [TopicPartition("churn.predictions", 0)]),
    ],
    ids=["topics", "offsets"],
)
async def test_who_waits_for_a_broker_is_told_so_before_it_is_given_up(
    ask: Callable[[TopicAdmin], Awaitable[object]],
) -> None:
    """Once for each question, with the address, and how long a request may take."""
    admin = TopicAdmin(KafkaAddress(NOWHERE), timeout=TIMEOUT, say_after=timedelta(0))
    with capture_logs() as lines, pytest.raises(UnavailableError, match=f"kafka at {NOWHERE}"):
        await ask(admin)
    assert [(one["event"], one["kafka"], one["timeout_seconds"]) for one in lines] == [
        ("kafka_waited_for", NOWHERE, 0.5)
    ]


async def test_of_what_is_answered_at_once_nothing_is_said() -> None:
    """Nor later."""
    admin = TopicAdmin(KafkaAddress(NOWHERE), timeout=TIMEOUT, say_after=SOON)
    with capture_logs() as lines:
        assert await admin.bounds([]) == {}
        await asyncio.sleep(2 * SOON.total_seconds())
    assert lines == []
