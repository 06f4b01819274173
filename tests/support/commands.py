"""Runs `driftline` for one deployment, with the addresses of the servers in the environment."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import pytest

from driftline.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """A command that ran to its end."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Driftline:
    """The command, for one deployment on one Kafka and one Redis."""

    directory: Path
    kafka: str
    redis: str

    @property
    def addresses(self) -> dict[str, str]:
        """The servers, as the environment names them."""
        return {"DRIFTLINE_KAFKA": self.kafka, "DRIFTLINE_REDIS": self.redis}

    def run(self, *arguments: str, expect: int = 0, said: str = "") -> Finished:
        """Run a command in this process, as starting one takes seconds; it exits with `expect`."""
        out, err = io.StringIO(), io.StringIO()
        with (
            self._surroundings(said),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(self._with_directory(arguments))
        finished = Finished(int(ended.value.code or 0), out.getvalue(), err.getvalue())
        assert finished.code == expect, f"{arguments}: {finished}"
        return finished

    def json(self, *arguments: str, expect: int = 0) -> Any:
        """The one JSON document that a command writes."""
        return json.loads(self.run(*arguments, "--json", expect=expect).out)

    def lines(self, *arguments: str) -> list[Any]:
        """The JSON lines that a command writes."""
        return [json.loads(line) for line in self.run(*arguments, "--json").out.splitlines()]

    def start(self, *arguments: str, output: IO[str] | None = None) -> subprocess.Popen[str]:
        """Start a command that goes on until it is told to stop, in a process of its own.

        Without an `output` its pipes have to be read before they are full: it would stand still.
        """
        begin = "from driftline.cli.main import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", begin, *self._with_directory(arguments)],
            env=os.environ | self.addresses,
            stdout=output or subprocess.PIPE,
            stderr=output or subprocess.PIPE,
            text=True,
        )

    def _with_directory(self, arguments: tuple[str, ...]) -> list[str]:
        return [*arguments, "--deployment", str(self.directory)]

    @contextmanager
    def _surroundings(self, said: str) -> Iterator[None]:
        """The environment and the input of a command; its logging does not outlive it."""
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        with pytest.MonkeyPatch.context() as patch:
            for name, address in self.addresses.items():
                patch.setenv(name, address)
            patch.setattr(sys, "stdin", io.StringIO(said))
            try:
                yield
            finally:
                root.handlers[:] = handlers
                root.setLevel(level)
