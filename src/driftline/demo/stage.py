"""Where a scene is played: a temporary deployment, and a worker of it in a process of its own."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftline.embedded.process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.demo.scenes import Scene


@dataclass(frozen=True, slots=True)
class Stage:
    """A worker that is starting or has started."""

    scene: Scene
    directory: Path
    """The deployment."""
    worker: ChildProcess
    began: float
    """When its setting up began, on `time.perf_counter`."""


@contextmanager
def set_stage(scene: Scene) -> Iterator[Stage]:
    """Start a worker for a scene; it and its deployment are gone when the context ends.

    Raises:
        UnavailableError: the system cannot run it.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="driftline-demo-") as name:
        directory = Path(name)
        scene.unpack(directory)
        command = [sys.executable, "-m", "driftline.demo.worker_main", name]
        worker = ChildProcess(command, directory=directory, log=directory / "worker.log")
        worker.start()
        try:
            yield Stage(scene, directory, worker, began)
        finally:
            worker.stop()
