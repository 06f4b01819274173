"""The unit of docs/operating.md is one that systemd takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """With a program that is there in the place of driftline, and no manual to look up."""
    (unit,) = re.findall(r"```ini systemd\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    unit = unit.replace("/opt/driftline/bin/driftline", "/bin/true")
    unit = re.sub(r"^Documentation=.*\n", "", unit, flags=re.MULTILINE)
    file = tmp_path / "driftline@.service"
    file.write_text(unit, encoding="utf-8")
    command = [str(ANALYZE), "verify", "--recursive-errors=no", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in done.stderr.splitlines() if file.name in line]
    assert (done.returncode, said) == (0, []), done.stderr
