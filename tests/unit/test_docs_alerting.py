"""What docs/alerting.md says of config/alerting.yaml is what the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from driftline.config.alerting import (
    AlertingSpec,
    HoursSpec,
    Matchers,
    RouteSpec,
    SubscriptionsSpec,
)
from driftline.config.deployment import load_deployment
from support.recorded_stream import write_deployment

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE: Final = (Path(__file__).parents[2] / "docs/alerting.md").read_text()
TABLES: Final[dict[str, type[BaseModel]]] = {
    "## config/alerting.yaml": AlertingSpec,
    "## Routes": RouteSpec,
    "### Matchers": Matchers,
    "### Hours": HoursSpec,
    "## Subscriptions": SubscriptionsSpec,
}
"""The headings that are followed by a table of keys."""


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_documented(heading: str) -> None:
    """A table has each key of its part as a file writes it, in the model's order, and no other."""
    _, _, rest = PAGE.partition(f"\n{heading}\n")
    found = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert found
    rows = [line.split("|")[1].strip(" `") for line in found[0].splitlines()[2:]]
    fields = TABLES[heading].model_fields.items()
    assert rows == [field.alias or name for name, field in fields]


BLOCKS: Final = re.findall(r"^```yaml alerting\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("shown", BLOCKS, ids=range(len(BLOCKS)))
def test_what_is_shown_of_the_file_is_right(shown: str, tmp_path: Path) -> None:
    """It can be copied, and `driftline check` takes it."""
    directory = write_deployment(tmp_path)
    (directory / "config").mkdir()
    (directory / "config/alerting.yaml").write_text(shown)
    assert load_deployment(directory).alerting.routes
