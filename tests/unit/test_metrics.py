"""The metrics, as Prometheus and as the documentation show them."""

from __future__ import annotations

import re
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from driftline.errors import UnavailableError
from driftline.metrics import Metrics, MetricsServer, metrics_table

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
LOOPBACK = "127.0.0.1"


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def test_the_documentation_lists_every_metric() -> None:
    """docs/metrics.md holds exactly the table that the code makes."""
    table = metrics_table(Metrics())
    assert table in PAGE.read_text(encoding="utf-8"), f"put this into {PAGE.name}:\n{table}"


def test_names_follow_the_convention() -> None:
    """Counters, and nothing else, end in _total; every name is driftline's and lower case."""
    for row in Metrics().rows:
        assert re.fullmatch(r"driftline_[a-z_]+", row.name)
        assert row.name.endswith("_total") == (row.kind == "counter")


def test_what_was_counted_is_served_until_it_stops() -> None:
    """The page parses as Prometheus reads it; after `stop` the port is free."""
    metrics = Metrics()
    metrics.dead_letters.labels(stream="car-loan", role="labels", code="not_json").inc(3)
    server = MetricsServer(metrics, host=LOOPBACK, port=0)
    page = fetch(server.port)
    families = {family.name: family for family in text_string_to_metric_families(page)}
    sample = families["driftline_dead_letters"].samples[0]
    assert (sample.labels["code"], sample.value) == ("not_json", 3.0)
    port = server.port
    server.stop()
    with socket.socket() as probe:
        assert probe.connect_ex((LOOPBACK, port)) != 0


def test_a_taken_port_is_said_by_name() -> None:
    """A second server on the same port is an error that names the address."""
    server = MetricsServer(Metrics(), host=LOOPBACK, port=0)
    with pytest.raises(UnavailableError, match=f"{LOOPBACK}:{server.port}"):
        MetricsServer(Metrics(), host=LOOPBACK, port=server.port)
    server.stop()


def test_two_of_them_in_a_process_do_not_meet() -> None:
    """Each has a registry of its own, so that a test or a replay counts for itself."""
    one, other = Metrics(), Metrics()
    one.checkpoints.labels(result="applied").inc()
    labels = {"result": "applied"}
    assert other.registry.get_sample_value("driftline_checkpoints_total", labels) is None
    assert isinstance(other.registry, CollectorRegistry)
