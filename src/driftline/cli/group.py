"""The outermost command: its subcommands are imported when they are called, and errors end it well.

`driftline --help` names every command without loading Faust, River or Arrow.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from driftline.errors import DeploymentError, DriftlineError, SupersededError, nearest

FAILED: Final = 1
"""The job was not done."""
REFUSED: Final = 2
"""Wrong usage, an invalid deployment, or a superseded one."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""
PIPE_CLOSED: Final = 141
"""128 + SIGPIPE: nobody reads the output any more."""


class Deferred(TyperCommand):
    """Stands for the command in the module of its name, which is imported when it is called.

    The module `driftline.cli.<name>` (`-` as `_`) has the command as a Typer application `app`.
    """

    def __init__(self, name: str, summary: str) -> None:
        super().__init__(name, help=summary)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the real command, which then is the one that runs."""
        module = import_module(f"driftline.cli.{str(self.name).replace('-', '_')}")
        for registered in module.app.registered_commands:
            registered.cls = _Command
        command = typer.main.get_command(module.app)
        return command.make_context(info_name, args, parent=parent, **extra)


class _Command(TyperCommand):
    """Its usage says NAME for what has to be there and [NAME] for what may be left out."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the usage line."""
        return [
            piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)
        ]


class Commands(TyperGroup):
    """Runs a subcommand and turns what it raises into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run; a bug's traceback is left to others, and how wrong usage is shown."""
        try:
            result = super().invoke(ctx)
            # Here, and not when the interpreter ends, a closed pipe can still be told of.
            sys.stdout.flush()
        except DriftlineError as error:
            raise typer.Exit(_tell(error)) from error
        except typer.BadParameter as error:
            error.message = _reword(error.message)
            raise
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            # The interpreter flushes once more as it ends, which must find an open file.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from error
        return result


def _reword(message: str) -> str:
    """Wrong usage without the words of who found it and, for a choice, with the nearest one."""
    text = message.removeprefix("Value error, ")
    found = re.fullmatch(r"'(.*)' is not one of (.*)\.", text)
    near = nearest(found[1], re.findall(r"'([^']*)'", found[2])) if found else None
    return f"{text} Did you mean '{near}'?" if near else text


def _tell(error: DriftlineError) -> int:
    """Say what went wrong, and hand back the exit code that it has."""
    from driftline.logs import printable, without_secrets  # noqa: PLC0415 - slow, and rarely needed

    def say(text: str) -> None:
        typer.echo(printable(without_secrets(text)), err=True)

    if isinstance(error, DeploymentError):
        count = len(error.problems)
        say(f"driftline: the deployment is invalid: {count} problem{'s' * (count != 1)}")
        for problem in error.problems:
            say(f"  {problem}")
        return REFUSED
    say(f"driftline: {error}")
    return REFUSED if isinstance(error, SupersededError) else FAILED
