"""What must hold in a message of the events log, beyond its types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.eventlog.columns import check_codes, extremes, refuse

if TYPE_CHECKING:
    from collections.abc import Sized

    from driftline.eventlog.messages import Ints, Progress, Rows
    from driftline.model import SourcePartition

_FIRST_TIME: Final = -62_135_596_800_000_000
_LAST_TIME: Final = 253_402_300_799_999_999
"""What `datetime` can say: the years 1 to 9999, in microseconds since 1970."""


def check_rows(rows: Rows) -> None:
    """Raise StateError unless columns are equally long, offsets rise, values are no infinities."""
    _check_range(rows.source, rows.first, rows.next)
    check_time(rows.seen_at, "seen_at")
    columns: dict[str, Sized] = {
        "instance_codes": rows.instance_codes,
        "offsets": rows.offsets,
        "times": rows.times,
        **rows.numbers,
        **rows.texts,
    }
    for name, column in columns.items():
        if len(column) != len(rows):
            refuse(f"{name} has {len(column)} entries, ids {len(rows)}")
    _check_offsets(rows.offsets, rows.first, rows.next, "offsets")
    check_codes(rows.instance_codes, len(rows.instances), 0, "instance_codes")
    for name, texts in rows.texts.items():
        check_codes(texts.codes, len(texts.values), -1, name)
    for name, numbers in rows.numbers.items():
        if np.count_nonzero(np.isinf(numbers)):
            refuse(f"{name}: holds an infinity")
    if len(rows):
        for at in extremes(rows.times):
            check_time(at, "times")


def check_progress(progress: Progress) -> None:
    """Raise StateError unless all offsets lie in the range and all times in the calendar."""
    _check_range(progress.source, progress.first, progress.next)
    check_time(progress.seen_at, "seen_at")
    if not 0 <= progress.log_start <= progress.log_end:
        refuse(f"log from {progress.log_start} to {progress.log_end}")
    if progress.source.partition >= progress.partitions:
        refuse(f"{progress.source} is beyond the topic's {progress.partitions} partitions")
    for gap in progress.gaps:
        if not progress.first <= gap.first < gap.next <= progress.next:
            refuse(f"gap from {gap.first} to {gap.next} is outside the range")
    for passage in progress.passages:
        check_time(passage.newest, "newest")
        _check_offsets(passage.rejected, progress.first, progress.next, "rejected")
        _check_offsets(passage.filtered, progress.first, progress.next, "filtered")


def _check_range(source: SourcePartition, first: int, following: int) -> None:
    if source.partition < 0 or not 0 <= first <= following:
        refuse(f"{source} from {first} to {following}")


def _check_offsets(offsets: Ints, first: int, following: int, what: str) -> None:
    if not len(offsets):
        return
    if not first <= int(offsets[0]) <= int(offsets[-1]) < following:
        refuse(f"{what} are outside {first} to {following}")
    if np.count_nonzero(offsets[1:] <= offsets[:-1]):
        refuse(f"{what} do not rise")


def check_time(at: int | None, what: str) -> None:
    """Raise StateError for a time that `datetime` cannot say."""
    if at is not None and not _FIRST_TIME <= at <= _LAST_TIME:
        refuse(f"{what}: {at} is no time between the years 1 and 9999")
