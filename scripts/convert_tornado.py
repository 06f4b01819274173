# ruff: noqa: INP001 - a script
"""Convert streams of the Tornado framework from ARFF to CSV, for the equality tests.

    python scripts/convert_tornado.py mixed_w_50_n_0.1_101.arff.gz ... tests/data/tornado

Each becomes <name>.csv.gz (`mixed.csv.gz`): the row's number as `id`, the attributes with False and
True as 0 and 1, and the class `p` or `n` as 1 or 0.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NUMBERS: Final = {"False": "0", "True": "1", "n": "0", "p": "1"}


def main(sources: Sequence[Path], target: Path) -> None:
    """Convert every source into the target directory."""
    for source in sources:
        with gzip.open(source, "rt") as file:
            text = "".join(f"{line}\n" for line in convert(file))
        name = source.name.partition("_")[0]
        (target / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def convert(lines: Iterator[str]) -> Iterator[str]:
    """The lines of the CSV."""
    names = ["id"]
    for line in lines:
        words = line.split()
        if words[:1] == ["@attribute"]:
            names.append(words[1])
        if words[:1] == ["@data"]:
            break
    yield ",".join(names)
    for row, line in enumerate(filter(str.strip, lines)):
        cells = line.strip().split(",")
        if len(cells) != len(names) - 1:
            message = f"row {row} has {len(cells)} cells, not {len(names) - 1}"
            raise ValueError(message)
        yield ",".join([str(row), *(_NUMBERS.get(cell, cell) for cell in cells)])


if __name__ == "__main__":
    *files, directory = map(Path, sys.argv[1:])
    main(files, directory)
