"""What the documentation says of declarations, codes and keys is what the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from driftline.config.deployment import load_deployment
from driftline.config.settings import Settings
from driftline.config.silence import SilenceSpec
from driftline.config.streams import (
    LabelsSpec,
    PredictionsSpec,
    StreamSpec,
    WatchSpec,
)
from driftline.decode.codes import RejectCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

ROOT: Final = Path(__file__).parents[2]
STREAMS: Final = ROOT / "docs/streams.md"
OPERATING: Final = ROOT / "docs/operating.md"
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

TABLES: Final[dict[str, type[BaseModel]]] = {
    "### The stream": StreamSpec,
    "### `predictions`": PredictionsSpec,
    "### `labels`": LabelsSpec,
    "## `watch`": WatchSpec,
    "## `silence`": SilenceSpec,
}
"""The headings in docs/streams.md that are followed by a table of keys."""


def blocks(page: Path, mark: str) -> list[str]:
    """The fenced blocks whose fence says this."""
    return re.findall(rf"^```{mark}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def table(page: Path, heading: str) -> list[str]:
    """The first cells of the first table behind a heading, without their marks."""
    _, _, rest = page.read_text().partition(f"\n{heading}\n")
    assert rest, f"{page.name} has no heading {heading!r}"
    found = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert found, f"{page.name} has no table behind {heading!r}"
    return [line.split("|")[1] for line in found[0].splitlines()[2:]]


def names(cells: list[str]) -> list[str]:
    """All that stands in backticks."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def given_streams() -> Iterator[tuple[str, str]]:
    for page, mark in ((STREAMS, "yaml stream"), (ROOT / "README.md", "yaml")):
        for number, block in enumerate(blocks(page, mark), 1):
            yield f"{page.name} {number}", block


@pytest.mark.parametrize(
    "declaration", [pytest.param(text, id=name) for name, text in given_streams()]
)
def test_a_stream_that_the_docs_show_is_right(declaration: str, tmp_path: Path) -> None:
    """It can be copied, and `driftline check` takes it."""
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams/shown.yaml").write_text(declaration)
    (tmp_path / "detectors").symlink_to(ROOT / "detectors")
    assert load_deployment(tmp_path).streams["shown"].watches


def test_the_settings_that_the_docs_show_are_right(tmp_path: Path) -> None:
    """They can be copied, and set every group of settings there is."""
    (shown,) = blocks(OPERATING, "yaml config")
    for folder in ("config", "streams"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config/driftline.yaml").write_text(shown)
    (tmp_path / "streams/any.yaml").write_text(blocks(STREAMS, "yaml stream")[0])
    (tmp_path / "detectors").symlink_to(ROOT / "detectors")
    settings = load_deployment(tmp_path).settings
    assert settings.model_fields_set == set(Settings.model_fields)


def test_every_reason_code_is_documented() -> None:
    """The table has each code once, in the code's order, and no other."""
    codes = names(table(STREAMS, "### Reason codes"))
    assert codes == [code.value for code in RejectCode]


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_a_stream_is_documented(heading: str) -> None:
    """A table has each key of its part, in the model's order, and no other."""
    assert names(table(STREAMS, heading)) == list(TABLES[heading].model_fields)


def test_every_setting_is_documented() -> None:
    """The table has each key that settings have, down to the groups' own, and no unknown one."""
    documented = set(names(table(OPERATING, "## config/driftline.yaml")))
    for name in documented:
        parts = name.split(".")
        assert parts[0] in Settings.model_fields, name
    for group in ("topics", "worker", "metrics", "web", "health", "logs"):
        model = getattr(Settings(), group)
        expected = {f"{group}.{name}" for name in type(model).model_fields}
        assert {name for name in documented if name.startswith(f"{group}.")} == expected
    assert {"name", "kafka", "redis"} <= documented


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there, and a heading that it has."""
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
            assert anchor in slugs, target
