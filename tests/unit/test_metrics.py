"""The metrics, as Prometheus and as the documentation show them."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from driftline.metrics import Metrics, metrics_table

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_documentation_lists_every_metric() -> None:
    """docs/metrics.md holds exactly the table that the code makes."""
    table = metrics_table(Metrics())
    assert table in PAGE.read_text(encoding="utf-8"), f"put this into {PAGE.name}:\n{table}"


def test_names_follow_the_convention() -> None:
    """Counters, and nothing else, end in _total; every name is driftline's and lower case."""
    for row in Metrics().rows:
        assert re.fullmatch(r"driftline_[a-z_]+", row.name)
        assert row.name.endswith("_total") == (row.kind == "counter")


def test_two_of_them_in_a_process_do_not_meet() -> None:
    """Each has a registry of its own, so that a test or a replay counts for itself."""
    one, other = Metrics(), Metrics()
    one.checkpoints.labels(result="applied").inc()
    labels = {"result": "applied"}
    assert other.registry.get_sample_value("driftline_checkpoints_total", labels) is None
    assert isinstance(other.registry, CollectorRegistry)
