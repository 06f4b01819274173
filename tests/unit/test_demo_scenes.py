"""The demo's scenes: data and declarations that travel in the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftline.config.deployment import load_deployment
from driftline.demo.scenes import SCENES

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_a_whole_deployment(name: str, tmp_path: Path) -> None:
    """Unpacked, it loads, watches what its charts show, and its data is there."""
    scene = SCENES[name]
    scene.unpack(tmp_path)
    stream = load_deployment(tmp_path).streams[name]
    assert set(scene.charts) <= {watch.signal for watch in stream.watches}
    assert scene.predictions.is_file()
    assert scene.labels.is_file()


def test_the_demo_watches_as_the_repositorys_own_declaration_does(tmp_path: Path) -> None:
    """What a reader of streams/car-loan.yaml sees is what the demo plays."""
    SCENES["car-loan"].unpack(tmp_path)
    played, shown = (load_deployment(where) for where in (tmp_path, REPOSITORY))
    assert played.streams["car-loan"].to_json() == shown.streams["car-loan"].to_json()
