"""The ways out, built from their declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.alerting import LogSpec
from driftline.errors import DriftlineError
from driftline.notify.receivers.log import LogReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from driftline.config.alerting import AlertingSpec, ReceiverSpec
    from driftline.notify.notification import Receiver


def build_receivers(
    alerting: AlertingSpec, directory: Path, environ: Mapping[str, str]
) -> dict[str, Receiver]:
    """All declared receivers by name, with their secrets.

    Raises:
        DriftlineError: a secret is not there, or a URL or secret is not what it should be; names
            the receiver.
    """
    return {
        name: build_receiver(name, spec, directory, environ)
        for name, spec in alerting.receivers.items()
    }


def build_receiver(
    name: str, spec: ReceiverSpec, directory: Path, environ: Mapping[str, str]
) -> Receiver:
    """One of them; raises as `build_receivers` does."""
    del directory, environ
    if isinstance(spec, LogSpec):
        return LogReceiver()
    message = f"receiver {name}: {spec.kind} is not supported yet"
    raise DriftlineError(message)
