"""Starts worker processes quickly, and knows what they ended with."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Nursery:
    """A process that has imported everything and forks a worker whenever one is asked for."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Threads do not survive a fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self._born: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._codes: dict[int, int] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def spawn(self, directory: Path, log: Path, environ: Mapping[str, str], *arguments: str) -> int:
        """Start `driftline worker` on a deployment; returns its process id."""
        asked = {
            "directory": str(directory),
            "log": str(log),
            "environ": dict(environ),
            "arguments": arguments,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return self._born.get(timeout=90)

    def exit_code(self, pid: int) -> int | None:
        """What a worker ended with; None while it runs."""
        return self._codes.get(pid)

    def close(self) -> None:
        """No more workers."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "code" in said:
                self._codes[said["pid"]] = said["code"]
            else:
                # Should an earlier process have had this id, its end is not this one's.
                self._codes.pop(said["pid"], None)
                self._born.put(said["pid"])
