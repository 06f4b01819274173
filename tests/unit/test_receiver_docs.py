"""What docs/alerting.md says of receivers is what they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from driftline.config.alerting import (
    AlertmanagerSpec,
    PagerDutySpec,
    ReceiverCommon,
    SlackBotSpec,
    SlackWebhookSpec,
    WebhookSpec,
)
from driftline.config.deployment import load_deployment
from driftline.notify.receivers.verdicts import DEFAULT_PAUSE
from support.recorded_stream import write_deployment

if TYPE_CHECKING:
    from pydantic import BaseModel

PAGE: Final = (Path(__file__).parents[2] / "docs/alerting.md").read_text("utf-8")
COMMON: Final = {*ReceiverCommon.model_fields, "kind"}
OWN: Final[dict[str, type[BaseModel]]] = {
    "slack-webhook": SlackWebhookSpec,
    "slack-bot": SlackBotSpec,
    "webhook": WebhookSpec,
    "pagerduty": PagerDutySpec,
    "alertmanager": AlertmanagerSpec,
}


def blocks() -> list[str]:
    return re.findall(r"^```yaml alerting\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks())
def test_what_the_page_declares_can_be_copied(block: str, tmp_path: Path) -> None:
    """It is a whole config/alerting.yaml."""
    deployment = write_deployment(tmp_path)
    (deployment / "config").mkdir(exist_ok=True)
    (deployment / "config/alerting.yaml").write_text(block)
    assert load_deployment(deployment).alerting.receivers


def keys(text: str) -> set[str]:
    """What the first cells of a part's first table have in backticks."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert found
    cells = [line.split("|")[1] for line in found[0].splitlines()[2:]]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_key_of_a_receiver_is_documented() -> None:
    """Those of all kinds once, and each kind's own under its name."""
    _, _, common = PAGE.partition("All kinds take these keys")
    assert keys(common) == set(ReceiverCommon.model_fields)
    for kind, spec in OWN.items():
        _, _, part = PAGE.partition(f"\n### {kind}\n")
        assert keys(part) == set(spec.model_fields) - COMMON, kind


def test_figures_are_those_of_the_code() -> None:
    """As far as the page says any."""
    assert f"{DEFAULT_PAUSE.total_seconds():g} s if nobody can read it" in PAGE
