"""The `driftline` command: what there is, and where it begins."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer.core import TyperGroup

from driftline.cli.group import Commands, Deferred
from driftline.compiled import COMPILED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

COMMANDS: Final = (
    Deferred("demo", "Watch a model go wrong: real data, embedded servers, alerts as they fire."),
    Deferred("init", "Write a small, commented deployment to start from."),
    Deferred("check", "Validate a deployment and show what it comes to."),
    Deferred("worker", "Run: read the topics, watch the signals, raise alerts."),
    Deferred("send", "Produce recorded data to a stream's topics, in event-time order."),
    Deferred("replay", "Drive the monitor over recorded files, without Kafka and Redis."),
    Deferred("alerts", "Read the alerts topic: list, show, follow."),
    Deferred("receivers", "The ways out: list them, test one."),
    Deferred("routes", "Show where an alert would go: test."),
    Deferred("silences", "Mute alerts for a time: add, list, expire."),
    Deferred(
        "subscriptions", "Who is told at their own wish: add, list, pause, resume, remove, test."
    ),
    Deferred("web", "Serve the HTTP API: streams, alerts as they come, silences, subscriptions."),
    Deferred("tokens", "Who may use the HTTP API: create, list, revoke."),
    Deferred("status", "Show instances, lag, the books, the join and each detector's last alarm."),
    Deferred("dead-letters", "What was refused and why: list, retry."),
    Deferred("streams", "Remove what is stored of a stream, or go on with it: forget, resume."),
    Deferred("topics", "Show, or make, the topics that driftline needs."),
    Deferred("schema", "Print the JSON Schema of an alert event or of a declaration."),
)
"""In the order of `driftline --help`."""

_app = typer.Typer(
    name="driftline",
    cls=Commands,
    no_args_is_help=True,
    # Tracebacks with local variables would show secrets.
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the flag's value
    if wanted:
        compiled = " (compiled)" if COMPILED else ""
        typer.echo(f"driftline {version('driftline')}{compiled}")
        raise typer.Exit


@_app.callback()
def _begin(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Tell that a model in production went wrong, within seconds, and why."""
    from driftline.logs import LogStyle, configure_logs  # noqa: PLC0415 - `--help` needs none

    configure_logs(LogStyle.CONSOLE if sys.stderr.isatty() else LogStyle.JSON)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit: 0 done, 1 the job failed, 2 wrong usage or deployment.

    Without `arguments` those of the process are taken.
    """
    group = typer.main.get_command(_app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - it has a callback, so it is one
    for command in COMMANDS:
        group.add_command(command)
    group.main(args=arguments, prog_name="driftline")
    sys.exit(0)
