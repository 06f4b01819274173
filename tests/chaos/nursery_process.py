"""Forks workers that need not import anything any more: importing takes longer than a round.

Reads `{"directory", "log", "environ", "arguments"}` by line and answers `{"pid"}`, later `{"pid",
"code"}`. A worker is a process like any other, that runs `driftline worker` from its command line
on.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import sys
from typing import Any

import driftline.cli.worker  # noqa: F401 - what a worker imports
from driftline import crashpoints
from driftline.cli.main import main
from driftline.detectors import shipped  # noqa: F401 - the same


def serve() -> None:
    """Fork whoever is asked for, until nobody asks any more."""
    buffered = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.02)
        if readable:
            read = os.read(0, 65_536)
            if not read:
                return
            *lines, buffered = (buffered + read).split(b"\n")
            for line in lines:
                _spawn(json.loads(line))
        _reap()


def _spawn(asked: dict[str, Any]) -> None:
    pid = os.fork()
    if pid:
        _say({"pid": pid})
        return
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(ours, theirs)
    os.environ.update(asked["environ"])
    # It read the environment when it was imported.
    importlib.reload(crashpoints)
    main(["worker", *asked["arguments"], "--deployment", asked["directory"]])


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    serve()
    sys.exit()
