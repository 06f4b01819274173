"""How quickly recorded files go through the monitor: what `driftline replay` does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import yaml

from bench.machine import bare_adwin_microseconds
from bench.say import say
from bench.targets import REPLAY
from driftline.config.deployment import load_deployment
from driftline.demo.scenes import SCENES
from driftline.garbage import search_less_often
from driftline.model import Role
from driftline.recorded import build_timeline
from driftline.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.verdict import Verdict
    from driftline.config.deployment import Stream
    from driftline.demo.scenes import Scene

ROUNDS: Final = 5
"""The quickest of them counts, as a busy host only adds."""
WATCHED: Final = (
    "error",
    "loss",
    "score",
    "prediction",
    "label",
    "label_delay",
    "feature.car_value",
    "feature.debt_to_income_ratio",
    "feature.loan_length",
    "feature.driver_tenure",
    "missing.car_value",
    "missing.driver_tenure",
)


def measure(directory: Path) -> Sequence[Verdict]:
    """Some rounds, each from opening the files to the last effect."""
    scene = SCENES["car-loan"]
    scene.unpack(directory)
    stream = _declared(directory, scene.name)
    search_less_often()
    rounds = [_play(scene, stream) for _ in range(ROUNDS)]
    opening, playing, rows = map(min, zip(*rounds, strict=True))
    shown = ", ".join(f"{seconds:.2f}" for _, seconds, _ in rounds)
    say(
        f"replay of {rows:,.0f} rows, {len(WATCHED)} signals: {opening:.2f} s to open and order the"
        f" files, {shown} s to play them; {rows / playing:,.0f} rows/s,"
        f" {rows / (opening + playing):,.0f} in all; River's ADWIN alone takes"
        f" {bare_adwin_microseconds():.2f} us a value"
    )
    return [REPLAY.measured(rows / playing)]


def _declared(directory: Path, name: str) -> Stream:
    """The stream of the demo, with other watches."""
    file = directory / "streams" / f"{name}.yaml"
    spec = yaml.safe_load(file.read_text(encoding="utf-8"))
    spec["watch"] = {signal: {"detector": "quick"} for signal in WATCHED}
    file.write_text(yaml.safe_dump(spec), encoding="utf-8")
    (directory / "detectors" / "quick.yaml").write_text("{kind: adwin, clock: 1}\n")
    return load_deployment(directory).streams[name]


def _play(scene: Scene, stream: Stream) -> tuple[float, float, int]:
    """Seconds until the files are open, seconds from there on, and how many rows there were."""
    began = time.perf_counter()
    timeline = build_timeline(
        stream, scene.predictions, scene.labels, label_delay=scene.label_delay, whole=False
    )
    opened = time.perf_counter()
    names = {Role.PREDICTIONS: scene.predictions.name, Role.LABELS: scene.labels.name}
    player = Replay(stream, names)
    for _ in player.run(timeline):
        pass
    return opened - began, time.perf_counter() - opened, player.records
