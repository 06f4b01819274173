"""A small deployment to start from: what `driftline init` writes."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from driftline.errors import DriftlineError

if TYPE_CHECKING:
    from pathlib import Path

FILES: Final = (
    "streams/example.yaml",
    "detectors/adwin.yaml",
    "config/driftline.yaml",
    "config/alerting.yaml",
)


def write_template(directory: Path) -> tuple[Path, ...]:
    """Write the template below a directory, which need not be there; hands back the files.

    Raises:
        DriftlineError: a file is there already (then none is written), or cannot be written.
    """
    targets = tuple(directory / file for file in FILES)
    there = [file for file, target in zip(FILES, targets, strict=True) if target.exists()]
    if there:
        message = f"{', '.join(there)}: already there in {directory}; nothing was written"
        raise DriftlineError(message)
    for file, target in zip(FILES, targets, strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # "x": a file that came up in between is not overwritten either.
            with target.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(_text(file))
        except OSError as error:
            message = f"{target}: cannot be written: {error.strerror}"
            raise DriftlineError(message) from error
    return targets


def _text(file: str) -> str:
    return files(__name__).joinpath(file).read_text(encoding="utf-8")
