"""`driftline init`: a small deployment to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from driftline.config.templates import write_template
from driftline.logs import printable

app = typer.Typer()


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Need not exist.")] = Path(),
) -> None:
    """Write a small, commented deployment to start from.

    Nothing is overwritten: where one of its files is there already, none is written.
    """
    for file in write_template(directory):
        typer.echo(printable(str(file)))
    typer.echo(
        f"next, in {printable(str(directory))}: say in streams/example.yaml where things are in"
        " your records, see with `driftline check` what comes of it, begin with `driftline worker`",
        err=True,
    )
