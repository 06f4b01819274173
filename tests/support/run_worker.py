"""`driftline worker --deployment DIR` as a process that also says each alarm: `run_worker.py DIR`.

Alarms are logged for debugging; at that level the libraries below would say much more.
"""

from __future__ import annotations

import logging
import sys

from driftline.cli.main import main

if __name__ == "__main__":
    logging.getLogger("driftline.agents.gauges").setLevel(logging.DEBUG)
    main(["worker", "--deployment", sys.argv[1]])
