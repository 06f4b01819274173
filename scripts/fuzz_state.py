# ruff: noqa: INP001, S311
"""Mutated detector state: `make fuzz BLOBS=100000 SEED=1`. None may panic through or go on unsound.

Each blob is a real state with bytes flipped, cut out, put in or exchanged. Taking it over has to
fail with StateError, or to give a detector that can be fed and stored again. Prints a table.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter

import numpy as np

from driftline.config.profiles import KINDS, Profile
from driftline.detectors import DetectorError, Witness
from driftline.detectors.shipped import shipped_profile
from driftline.errors import StateError
from driftline.model import SignalKind

STATES = 12
"""Different states of each kind that are mutated."""
ERRORS = 0.2
"""The share of ones among the values."""
FED = 40
"""Values that a state which was taken over is fed."""


def main() -> int:
    """Run; 1 if anything but the promised came out."""
    options = _options()
    rng = random.Random(options.seed)
    counts: Counter[tuple[str, str]] = Counter()
    for kind in KINDS:
        profile = shipped_profile(kind)
        states = _states(profile, rng)
        for number in range(options.blobs // len(KINDS)):
            blob = _mutate(rng.choice(states), rng)
            fate = _fate(profile, blob)
            counts[kind, fate] += 1
            if fate.startswith("WRONG"):
                sys.stdout.write(f"{kind}, number {number}: {fate}: {blob.hex()}\n")
    fates = sorted({fate for _, fate in counts})
    sys.stdout.write(
        f"seed {options.seed}\n{'kind':16}" + "".join(f"{f:>24}" for f in fates) + "\n"
    )
    for kind in KINDS:
        row = "".join(f"{counts[kind, fate]:>24,}" for fate in fates)
        sys.stdout.write(f"{kind:16}{row}\n")
    total = "".join(f"{sum(counts[kind, fate] for kind in KINDS):>24,}" for fate in fates)
    sys.stdout.write(f"{'all':16}{total}\n")
    return int(any(fate.startswith("WRONG") for fate in fates))


def _states(profile: Profile, rng: random.Random) -> list[bytes]:
    states = []
    for _ in range(STATES):
        witness = Witness(profile, SignalKind.BINARY)
        values = [float(rng.random() < ERRORS) for _ in range(rng.choice((1, 50, 900, 3_000)))]
        witness.feed(np.array(values))
        states.append(witness.snapshot())
    return states


def _mutate(blob: bytes, rng: random.Random) -> bytes:
    changed = bytearray(blob)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(changed)) if changed else 0
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                changed[at : at + 1] = bytes(
                    [changed[at] ^ (1 << rng.randrange(8))] if changed else []
                )
            case 2:
                del changed[at : at + rng.randrange(1, 9)]
            case 3:
                changed[at:at] = rng.randbytes(rng.randrange(1, 9))
            case _:
                changed[at : at + 8] = rng.choice(NUMBERS)
    return bytes(changed)


NUMBERS = [
    np.array(one, "<f8").tobytes()
    for one in (float("nan"), float("inf"), -1.0, 0.0, 1e300, -1e300, 5e-324)
] + [b"\xff" * 8, b"\x00" * 8, b"\x7f" + b"\xff" * 7]


def _fate(profile: Profile, blob: bytes) -> str:
    witness = Witness(profile, SignalKind.BINARY)
    try:
        witness.restore(blob)
    except StateError:
        return "refused"
    except BaseException as error:  # noqa: BLE001 - a panic of Rust's is one, and what we look for
        return f"WRONG {type(error).__name__} at restore"
    try:
        witness.feed(np.array([0.0, 1.0] * (FED // 2)))
        Witness(profile, SignalKind.BINARY).restore(witness.snapshot())
    except DetectorError:
        return "suspended when fed"
    except BaseException as error:  # noqa: BLE001 - as above
        return f"WRONG {type(error).__name__} when fed"
    return "taken over, sound"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blobs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
