"""A worker as a process: `run_worker.py DEPLOYMENT`. Its log lines are JSON, each alarm among them.

Without `driftline worker --log-level debug`, under which the libraries below would say much more.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from driftline.app.roles import WorkerRole
from driftline.app.worker import run_worker
from driftline.config.deployment import load_deployment
from driftline.logs import LogStyle, configure_logs


def main() -> None:
    """Run all roles until SIGTERM."""
    configure_logs(LogStyle.JSON, "INFO")
    logging.getLogger("driftline.agents.gauges").setLevel(logging.DEBUG)
    deployment = load_deployment(Path(sys.argv[1]))
    run_worker(deployment, roles=list(WorkerRole), take_over=False, environ=os.environ)


if __name__ == "__main__":
    main()
