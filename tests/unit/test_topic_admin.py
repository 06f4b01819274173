"""Asking a broker that is not there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from driftline.embedded.process import LOOPBACK, free_port
from driftline.errors import UnavailableError
from driftline.transport.address import KafkaAddress
from driftline.transport.topics import TopicAdmin


async def test_who_waits_for_a_broker_is_told_so_once_and_long_before_it_is_given_up() -> None:
    """With the address, and how long that may take."""
    nowhere = f"{LOOPBACK}:{free_port()}"
    admin = TopicAdmin(
        KafkaAddress(nowhere), timeout=timedelta(seconds=2), say_after=timedelta(milliseconds=50)
    )
    with (
        capture_logs() as lines,
        pytest.raises(UnavailableError, match=f"kafka at {nowhere} does not answer"),
    ):
        await admin.describe(["churn.predictions"])
    assert [(one["event"], one["kafka"], one["at_most_seconds"]) for one in lines] == [
        ("kafka_waited_for", nowhere, 2)
    ]
