"""How often a process looks for cycles among its objects."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 50_000
"""Objects made since the last search for cycles before there is another: some megabytes."""


def search_less_often() -> None:
    """Leave alone what there is by now, and look for cycles less often.

    A fetch makes thousands of records at a time, which by default set off a search for cycles each
    700, again and again over all that the libraries hold: 3 of the 4 us that a record cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
