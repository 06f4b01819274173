"""The worker's process: `python -m driftline.demo.worker_main DIR`.

The same as `driftline worker --deployment DIR`, but for the environment: addresses of a real Kafka
and Redis that are set there are not for the demo.
"""

from __future__ import annotations

import sys
from pathlib import Path

from driftline.app.process import run_worker
from driftline.app.roles import WorkerRole
from driftline.config.deployment import load_deployment
from driftline.errors import DriftlineError
from driftline.logs import LogStyle, configure_logs


def main() -> None:
    """Run the worker until SIGTERM."""
    deployment = load_deployment(Path(sys.argv[1]))
    configure_logs(LogStyle.CONSOLE, deployment.settings.logs.level)
    try:
        run_worker(deployment, roles=tuple(WorkerRole), take_over=False, environ={})
    except DriftlineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
