"""What the level of a signal, as its ring shows it, means for an alert."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from driftline.alerts.evidence import REAL, statistic
from driftline.alerts.recovery import SETTLING, Recovery
from driftline.alerts.ring import BLOCK
from driftline.alerts.split import Finding, find_split

if TYPE_CHECKING:
    from driftline.alerts.alert import Alert
    from driftline.alerts.evidence import Sample
    from driftline.alerts.ring import Ring

MOVED: Final = 0.25
"""A firing alert is told again when its level moved by this share of the shift last told of."""
LOOKS_AT: Final = tuple(128 * 4**power for power in range(8))
"""After so many values of an alert its level is looked at again, without an alarm."""
SURE: Final = 3.0
"""What was told is corrected if it is off by so many standard errors."""


def present_level(ring: Ring, row: int, reference: Sample) -> Finding | None:
    """Where the level stands now, against the reference: since its latest real shift."""
    split = find_split(ring, row=row)
    real = split is not None and split.statistic >= REAL
    boundary = split.boundary if split is not None and real else ring.mark
    level = ring.sample(row, boundary)
    if level is None:
        return None
    return Finding(
        row=row,
        boundary=boundary,
        real=real,
        before=reference,
        after=level,
        change_at=ring.boundary_at(boundary),
    )


def settled_elsewhere(ring: Ring, row: int, reference: Sample) -> Finding | None:
    """Whether the level since the mark, where it came back, is after all not the reference."""
    level = ring.sample(row, ring.mark)
    if level is None or statistic(reference, level) < REAL:
        return None
    return Finding(
        row=row,
        boundary=ring.mark,
        real=True,
        before=reference,
        after=level,
        change_at=ring.boundary_at(ring.mark),
    )


def take_in(ring: Ring, alert: Alert, finding: Finding) -> bool:
    """Take the present level into the evidence; True if it is worth telling."""
    evidence, level = alert.evidence, finding.after
    reference = evidence.before.mean
    if not finding.real:
        refresh(alert, level)
        return False
    if alert.sign * (level.mean - evidence.after.mean) > 0:
        alert.recovery = begin_test(ring, finding)
        alert.evidence = replace(
            evidence, after=level, now=None, after_at=finding.change_at, now_at=None
        )
    else:
        until_now = ring.sample(finding.row, ring.mark, finding.boundary)
        refresh(alert, until_now)
        alert.evidence = replace(alert.evidence, now=level, now_at=finding.change_at)
    ring.mark = finding.boundary
    far = abs(level.mean - reference) >= abs(alert.told - reference) / 2
    return far and _is_news(alert, level)


def _is_news(alert: Alert, level: Sample) -> bool:
    """Whether a level is so far from what was told that people want to know."""
    shift = abs(alert.told - alert.evidence.before.mean)
    return abs(level.mean - alert.told) >= MOVED * shift


def is_due(rows: int) -> bool:
    """Whether the block that ends after so many values of an alert is one to look again at."""
    return any(rows - BLOCK < moment <= rows for moment in LOOKS_AT)


def look_again(ring: Ring, row: int, alert: Alert) -> bool:
    """Weigh the level once more, of which more is known by now; True if it is worth telling.

    An alarm comes with the first values of a change, and what is told then is of few of them, and
    of some before it. No other alarm need follow.
    """
    finding = present_level(ring, row, alert.evidence.before)
    if finding is None or alert.sign * (finding.after.mean - finding.before.mean) <= 0:
        # Whether it is back is for the test of the recovery to say.
        return False
    moved = take_in(ring, alert, finding)
    if finding.real:
        return moved
    level = alert.evidence.present
    sure = abs(level.mean - alert.told) > SURE * level.sd / math.sqrt(level.count)
    return sure and _is_news(alert, level)


def leads_back(finding: Finding, reference: Sample) -> bool:
    """Whether the later level lies no further from the reference than the earlier one."""
    before, after = finding.before.mean, finding.after.mean
    return abs(after - reference.mean) <= abs(before - reference.mean)


def lies_beyond(alert: Alert, finding: Finding) -> bool:
    """Whether the level now lies on the other side of the reference by a real shift."""
    gap = alert.sign * (finding.after.mean - finding.before.mean)
    return gap < 0 and statistic(finding.before, finding.after) >= REAL


def refresh(alert: Alert, level: Sample | None) -> None:
    """A better estimate, from more values, of the level that the evidence shows last."""
    evidence = alert.evidence
    if level is None:
        return
    if evidence.now is not None:
        alert.evidence = replace(evidence, now=level)
    elif alert.sign * (level.mean - evidence.before.mean) > 0:
        alert.evidence = replace(evidence, after=level)


def begin_test(ring: Ring, finding: Finding) -> Recovery:
    """The recovery test from here on, fed with whole blocks: the unfinished one is to come."""
    known = ring.blocks[finding.boundary :]
    sample = known.merged(finding.row) if len(known) else None
    variance = (finding.before.sd * finding.before.sd + finding.after.sd * finding.after.sd) / 2
    shift = finding.after.mean - finding.before.mean
    if finding.real:
        return Recovery(
            reference=finding.before.mean,
            variance=variance,
            shift=shift,
            count=sample.count if sample else 0,
            level=sample.mean if sample else finding.after.mean,
        )
    # An alarm that the ring does not confirm is tested against twice the least shift that it
    # would have confirmed: against next to nothing nothing would ever be decided.
    shares = 1 / finding.before.count + 1 / finding.after.count
    least = 2 * math.sqrt(REAL * variance * shares)
    shift = math.copysign(max(abs(shift), least), shift)
    return Recovery(
        reference=finding.before.mean,
        variance=variance,
        shift=shift,
        count=SETTLING,
        level=finding.before.mean + shift,
    )
