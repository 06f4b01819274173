"""What a worker looks at before it says anything to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.app.connections import Connections
from driftline.app.roles import WorkerRole
from driftline.app.worker import Worker
from driftline.config.alerting import AlertingSpec
from driftline.config.deployment import Deployment
from driftline.config.settings import Settings
from driftline.errors import DriftlineError, UnavailableError
from driftline.store.connect import RedisAddress
from driftline.transport.address import KafkaAddress

if TYPE_CHECKING:
    from pathlib import Path

ALERTING = AlertingSpec.model_validate(
    {"receivers": {"team": {"kind": "slack-webhook", "url": {"env": "HOOK"}}}}
)
NOWHERE = Connections(KafkaAddress("127.0.0.1:1"), RedisAddress("redis://127.0.0.1:1"))


def build_worker(directory: Path, *roles: WorkerRole) -> Worker:
    """A worker of no stream, without the secret of its receiver, whose servers are away."""
    deployment = Deployment(directory, Settings(), alerting=ALERTING)
    return Worker(deployment, NOWHERE, roles=roles, environ={})


async def test_a_worker_without_a_secret_ends_before_it_declares_anything(tmp_path: Path) -> None:
    """The workers of the deployment so far go on: Redis is not even asked for."""
    said = "receiver team: the secret in environment variable HOOK is not set or empty"
    with pytest.raises(DriftlineError, match=said):
        await build_worker(tmp_path, *WorkerRole).run()


async def test_secrets_of_receivers_are_for_who_notifies(tmp_path: Path) -> None:
    """Another role needs none."""
    with pytest.raises(UnavailableError, match="redis"):
        await build_worker(tmp_path, WorkerRole.DECODE, WorkerRole.MONITOR).run()
