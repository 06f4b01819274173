"""`driftline dead-letters`: what was refused and why; send it again after a mend."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from driftline.app.connections import find_connections
from driftline.app.dead_letters import (
    LetterFilter,
    LetterReader,
    newest_letters,
    retry_letters,
)
from driftline.app.reading_topics import read_topic
from driftline.cli.alert_text import unreadable_line
from driftline.cli.common import (
    DeploymentOption,
    JsonOption,
    load,
    note_undeclared,
    output,
    plain,
    write_json_line,
)
from driftline.cli.wording import many, when_millis
from driftline.decode.codes import AsideCode, RejectCode
from driftline.errors import did_you_mean
from driftline.logs import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.app.dead_letters import FoundLetter, Newest, RetryPlan
    from driftline.config.deployment import Deployment

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Read and retry what was refused."
)

StreamFilter = Annotated[
    str | None, typer.Option("--stream", metavar="STREAM", help="Of this stream only.")
]
CodeFilter = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Refused for this reason only.")
]
LONGEST_MESSAGE = 200


@app.command(name="list")
def list_(
    deployment: DeploymentOption = Path(),
    *,
    stream: StreamFilter = None,
    code: CodeFilter = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """What was refused, the newest last. --json: one line each, bytes in base64."""
    reader, declared = LetterReader(LetterFilter(stream, code)), load(deployment)
    note_undeclared(declared, stream)
    _note_unknown(code)
    newest = asyncio.run(_newest(declared, reader, limit))
    if as_json:
        for found in newest.letters:
            write_json_line(letter_json(found))
    elif newest.letters:
        output().print(letter_table(newest.letters))
    _say_rest(newest, reader)


@app.command()
def retry(
    deployment: DeploymentOption = Path(),
    *,
    stream: StreamFilter = None,
    code: CodeFilter = None,
    offset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N",
            help="The one that `list` shows at this offset; may be given several times.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be sent.")
    ] = False,
) -> None:
    """Send records back to the topics they came from, as they were.

    The dead letters stay, so a second retry sends them again; by its id a record that has been
    taken in by then is known as a duplicate.
    """
    wanted = LetterFilter(stream, code, frozenset(map(read_place, offset or ())))
    if bool(wanted) == every:
        message = "name what to retry (--stream, --code, --offset), or say --all"
        raise typer.BadParameter(message)
    reader, declared = LetterReader(wanted), load(deployment)
    note_undeclared(declared, stream)
    _note_unknown(code)
    plan = asyncio.run(_retry(declared, reader, dry_run=dry_run))
    typer.echo(retry_line(plan, dry_run=dry_run))
    _say_left_out(plan, reader)


def _note_unknown(code: str | None) -> None:
    """Say so where nothing is ever refused for the reason that is asked for."""
    codes = [one.value for one in (*RejectCode, *AsideCode)]
    if code is not None and code not in codes:
        hint = did_you_mean(code, codes)
        typer.echo(f"there is no code '{printable(code)}'{hint}", err=True)


async def _newest(deployment: Deployment, reader: LetterReader, limit: int) -> Newest:
    connections = find_connections(deployment, os.environ)
    records = read_topic(connections, deployment.settings.dead_letters_topic)
    return await newest_letters(reader.read(records), limit)


async def _retry(deployment: Deployment, reader: LetterReader, *, dry_run: bool) -> RetryPlan:
    connections = find_connections(deployment, os.environ)
    records = read_topic(connections, deployment.settings.dead_letters_topic)
    return await retry_letters(deployment, connections, reader.read(records), dry_run=dry_run)


def read_place(text: str) -> tuple[int | None, int]:
    """An offset, or partition/offset, as `list` shows it; wrong usage if it is neither."""
    partition, slash, offset = text.rpartition("/")
    if not (offset.isdecimal() and (partition.isdecimal() or not slash)):
        message = "should be an offset such as 17, or a partition and an offset such as 0/17"
        raise typer.BadParameter(message, param_hint="--offset")
    return (int(partition) if slash else None, int(offset))


def letter_table(letters: Sequence[FoundLetter]) -> Table:
    """One line for each dead letter."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("offset", "refused at", "stream", "role", "record", "code", "attempt"):
        table.add_column(name, no_wrap=name != "record", overflow="fold")
    table.add_column("why", overflow="fold")
    several = any(found.partition for found in letters)
    for found in letters:
        letter = found.letter
        table.add_row(
            f"{found.partition}/{found.offset}" if several else str(found.offset),
            when_millis(found.at),
            plain(letter.stream),
            letter.role.value,
            plain(f"{letter.source.topic}/{letter.source.partition} offset {letter.offset}"),
            plain(letter.code),
            str(letter.attempt),
            plain(_cut(letter.message)),
        )
    return table


def letter_json(found: FoundLetter) -> dict[str, Any]:
    """A dead letter as `--json` writes it."""
    letter = found.letter
    return {
        "partition": found.partition,
        "offset": found.offset,
        "timestamp": found.at,
        "source": {
            "topic": letter.source.topic,
            "partition": letter.source.partition,
            "offset": letter.offset,
            "timestamp": letter.timestamp,
        },
        "stream": letter.stream,
        "role": letter.role.value,
        "code": letter.code,
        "message": letter.message,
        "attempt": letter.attempt,
        "key": _base64(letter.key),
        "value": _base64(letter.value),
        "headers": [{"name": name, "value": _base64(value)} for name, value in letter.headers],
    }


def retry_line(plan: RetryPlan, *, dry_run: bool) -> str:
    """What a retry came to."""
    if dry_run:
        return f"{many(plan.sent, 'record')} would be sent; nothing was"
    return f"{many(plan.sent, 'record')} sent, each acknowledged"


def _say_rest(newest: Newest, reader: LetterReader) -> None:
    if not newest.total:
        typer.echo("no dead letters", err=True)
    elif newest.total > len(newest.letters):
        older = newest.total - len(newest.letters)
        typer.echo(f"{many(older, 'older one')} left out: --limit", err=True)
    _say_unreadable(reader)


def _say_left_out(plan: RetryPlan, reader: LetterReader) -> None:
    if plan.repeated:
        typer.echo(f"{many(plan.repeated, 'letter')} of the same records: sent only once", err=True)
    if plan.detached:
        typer.echo(
            f"{many(plan.detached, 'letter')} left out: no stream of this deployment is attached to"
            " their topic, or it does not exist",
            err=True,
        )
    if plan.without:
        typer.echo(
            f"{many(plan.without, 'letter')} left out: their records were too large to be kept",
            err=True,
        )
    _say_unreadable(reader)


def _say_unreadable(reader: LetterReader) -> None:
    if reader.unreadable:
        typer.echo(printable(unreadable_line(reader.unreadable, "the dead-letter topic")), err=True)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
