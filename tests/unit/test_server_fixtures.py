"""What becomes of tests whose server cannot be had, shown by running pytest as people do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDS_KAFKA = "tests/integration/test_servers.py"


def run_without_java(*arguments: str, ci: bool, cache: Path) -> tuple[int, str]:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "CI"},
        **({"CI": "true"} if ci else {}),
        "PATH": "",
        "XDG_CACHE_HOME": str(cache),
        "DRIFTLINE_TEST_KAFKA": "",
        "DRIFTLINE_TEST_KAFKA_VERSIONS": "4.4.0",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        [*command, NEEDS_KAFKA], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return done.returncode, done.stdout.decode()


def test_without_java_and_maven_a_test_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """On somebody's own machine the rest of the suite is still worth running."""
    code, printed = run_without_java("-k", "broker", ci=False, cache=tmp_path)
    assert code == 0, printed
    assert "needs Java 17 and Maven" in printed
    assert "1 skipped" in printed


def test_in_ci_a_server_that_is_missing_is_a_failure(tmp_path: Path) -> None:
    """A green CI has run every test against the real thing."""
    code, printed = run_without_java("-k", "broker", ci=True, cache=tmp_path)
    assert code == 1, printed
    assert "CI has to have it" in printed
    assert "skipped" not in printed.splitlines()[-1]


@pytest.mark.parametrize("choice", ["server", "not server"])
def test_tests_that_need_a_server_are_marked_by_themselves(tmp_path: Path, choice: str) -> None:
    """`-m "not server"` leaves exactly them out."""
    _, printed = run_without_java("--collect-only", "-m", choice, ci=False, cache=tmp_path)
    assert ("test_a_redis_keeps" in printed) == (choice == "server")
