# ruff: noqa: INP001, T201 - a script, which prints
"""Measures the default of `silence`, `usual`: false alerts and delays, as a Markdown table.

    python scripts/silence_false_alarms.py                  # all, some minutes
    python scripts/silence_false_alarms.py "office hours"   # some
    python scripts/silence_false_alarms.py --seed 7 --runs 2 --weeks 15

Each kind of traffic is made up several times over, without an outage: whatever is told of it is a
false alert, and they are given for each year that was watched behind the three weeks in which
nothing is told yet. Then a week is cut out of each run, from a Wednesday at 10:00 in its last week
but one, and the delay is the time from the last row before it to the alert; a share in brackets
says in how many of the runs there was one, when not in all. The rows come as from a source that is
read a few thousand at a time.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.eventlog.messages import Rows
from driftline.model import SECOND, InstanceKey, Role, SourcePartition
from driftline.monitor.silence import RoleSilence
from driftline.monitor.usual import HOUR, HOURS_A_WEEK, LEAST_WEEKS, MINUTE, Usual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from driftline.model import Micros
    from driftline.monitor.silence_state import SilenceChange

    Times = NDArray[np.int64]
    Traffic = Callable[[np.random.Generator, int], Times]
    """The event times of so many weeks, in order."""
    Floats = NDArray[np.float64]

SEED: Final = 20_260_101
START: Final[Micros] = 1_577_664_000 * SECOND
"""A Monday, midnight."""
DAY: Final[Micros] = 24 * HOUR
WEEKS_OF_YEAR: Final = 365.25 / 7
OUTAGE_AT: Final[Micros] = 2 * DAY + 10 * HOUR
"""Of the week."""
OUTAGE: Final[Micros] = 7 * DAY
BATCH_ROWS: Final = 1_000
BATCH_SPAN: Final[Micros] = 5 * MINUTE
READ: Final = 2_000
LATENESS: Final[Micros] = MINUTE


# -- rows that come at random, at a rate --


def steady(rate: float) -> Floats:
    """So many rows in every hour of the week."""
    return np.full(HOURS_A_WEEK, float(rate))


def office(rate: float, *, begin: int = 8) -> Floats:
    """So many rows an hour for ten hours, Monday to Friday, and none else."""
    of_day = np.zeros(24)
    of_day[begin : begin + 10] = rate
    return np.concatenate((np.tile(of_day, 5), np.zeros(48)))


def daily(low: float, high: float) -> Floats:
    """A rhythm of the day between these rates: least at 3:00, most at 15:00."""
    phase = 2 * np.pi * (np.arange(HOURS_A_WEEK) % 24 - 3) / 24
    return low + (high - low) * (1 - np.cos(phase)) / 2


def weekdays(rates: Floats) -> Floats:
    """The same, but nothing on Saturday and Sunday."""
    return np.concatenate((rates[: 5 * 24], np.zeros(48)))


def at_random(week: Floats, *, hour_shape: float | None = None, day_cv: float = 0.0) -> Traffic:
    """Rows that come independently at an hourly rate.

    The rate may vary from hour to hour (times a gamma variable of that shape and mean 1) and from
    day to day (times one of that coefficient of variation).
    """

    def traffic(rng: np.random.Generator, weeks: int) -> Times:
        rates = np.tile(week, weeks)
        if hour_shape is not None:
            rates *= rng.gamma(hour_shape, 1 / hour_shape, len(rates))
        if day_cv:
            rates *= np.repeat(rng.gamma(day_cv**-2, day_cv**2, weeks * 7), 24)
        return _fill(rng, rates)

    return traffic


def clock_change(before: Floats, after: Floats) -> Traffic:
    """From the middle of the run on another week: local time is not UTC."""

    def traffic(rng: np.random.Generator, weeks: int) -> Times:
        half = weeks // 2
        return _fill(rng, np.concatenate((np.tile(before, half), np.tile(after, weeks - half))))

    return traffic


def holidays(week: Floats, share: float) -> Traffic:
    """Such a share of the days has no rows at all."""

    def traffic(rng: np.random.Generator, weeks: int) -> Times:
        days = rng.random(weeks * 7) >= share
        return _fill(rng, np.tile(week, weeks) * np.repeat(days, 24))

    return traffic


def _fill(rng: np.random.Generator, rates: Floats) -> Times:
    counts = rng.poisson(rates)
    hours = np.repeat(np.arange(len(rates)), counts)
    return START + np.sort(hours * HOUR + rng.integers(0, HOUR, len(hours)))


def bursts(rate: float, shape: float) -> Traffic:
    """Gamma distributed times from one row to the next: below shape 1 they come in bursts."""

    def traffic(rng: np.random.Generator, weeks: int) -> Times:
        count = int(weeks * HOURS_A_WEEK * rate)
        steps = rng.gamma(shape, HOUR / rate / shape, count)
        return START + np.cumsum(steps).astype(np.int64)

    return traffic


# -- rows that come in batches --


def batches(
    every: Micros, *, jitter: Micros, skipped: float = 0.0, days: int = 7, rows: int = BATCH_ROWS
) -> Traffic:
    """Batches of many rows in five minutes, each begun at any time of the jitter.

    A share of them may be left out, and so may all on the days of the week from `days` on.
    """

    def traffic(rng: np.random.Generator, weeks: int) -> Times:
        begin = np.arange(2 * HOUR % every, weeks * 7 * DAY, every)
        begin = begin[(begin // DAY % 7 < days) & (rng.random(len(begin)) >= skipped)]
        begin = begin + rng.integers(0, jitter, len(begin))
        within = np.sort(rng.integers(0, BATCH_SPAN, (len(begin), rows)))
        return START + np.sort((begin[:, None] + within).ravel())

    return traffic


PATTERNS: Final[dict[str, Traffic]] = {
    "1,000 rows an hour": at_random(steady(1_000)),
    "30 an hour": at_random(steady(30)),
    "3 an hour": at_random(steady(3)),
    "daily rhythm, 10 to 300 an hour": at_random(daily(10, 300)),
    "the same, weekends off": at_random(weekdays(daily(10, 300))),
    "the same every day, whole days up and down by 50 %": at_random(daily(10, 300), day_cv=0.5),
    "office hours, 200 an hour for 10 hours, Monday to Friday": at_random(office(200)),
    "the same, an hour later from the middle on (clock change)": clock_change(
        office(200, begin=7), office(200, begin=8)
    ),
    "the same office hours, one working day in 25 off (holidays)": holidays(office(200), 1 / 25),
    "bursts: 30 an hour, times between rows gamma, shape 1/3": bursts(30, 1 / 3),
    "bursts: 3 an hour, the same": bursts(3, 1 / 3),
    "200 an hour, each hour's rate gamma, shape 1": at_random(steady(200), hour_shape=1.0),
    "200 an hour, each hour's rate gamma, shape 1/3": at_random(steady(200), hour_shape=1 / 3),
    "hourly batches": batches(HOUR, jitter=20 * MINUTE, rows=200),
    "hourly batches, 10 % skipped": batches(HOUR, jitter=20 * MINUTE, skipped=0.1, rows=200),
    "labels in daily batches, within 45 minutes": batches(DAY, jitter=45 * MINUTE),
    "labels in daily batches, within 6 hours": batches(DAY, jitter=6 * HOUR),
    "labels in daily batches, Monday to Friday": batches(DAY, jitter=45 * MINUTE, days=5),
    "labels in daily batches, 10 % skipped": batches(DAY, jitter=45 * MINUTE, skipped=0.1),
    "labels in weekly batches": batches(7 * DAY, jitter=12 * HOUR),
}


# -- what is told of them --


def hear(times: Times) -> Iterator[SilenceChange]:
    """What is told where `usual` is declared."""
    silence = RoleSilence(InstanceKey("simulated"), Role.LABELS, Usual())
    for first in range(0, len(times), READ):
        part = times[first : first + READ]
        yield from silence.on_rows(rows_at(part, first))
        yield from silence.on_time(int(part[-1]) - LATENESS)


def rows_at(times: Times, first: int) -> Rows:
    """Rows of these times, from this offset on."""
    count = len(times)
    return Rows(
        stream="simulated",
        role=Role.LABELS,
        source=SourcePartition("simulated", 0),
        first=first,
        next=first + count,
        seen_at=None,
        instances=(None,),
        instance_codes=np.zeros(count, np.int32),
        offsets=np.arange(first, first + count),
        ids=("",) * count,
        times=times,
    )


def delay(times: Times, weeks: int) -> Micros | None:
    """From the last row before an outage to the alert; None if there was none before its end."""
    begin = START + (weeks - 2) * HOURS_A_WEEK * HOUR + OUTAGE_AT
    end = begin + OUTAGE
    left = times[(times < begin) | (times >= end)]
    last = int(left[left < begin][-1])
    return next(
        (
            one.due - last
            for one in hear(left)
            if one.reason is None and one.since == last and one.due <= end
        ),
        None,
    )


def row(name: str, *, seed: int, runs: int, weeks: int) -> str:
    """One kind of traffic's line of the table."""
    false, delays = 0, []
    for run in range(runs):
        times = PATTERNS[name](np.random.default_rng([seed, run]), weeks)
        false += sum(1 for one in hear(times) if one.reason is None)
        found = delay(times, weeks)
        if found is not None:
            delays.append(found)
    years = runs * (weeks - LEAST_WEEKS) / WEEKS_OF_YEAR
    return f"| {name} | {false / years:.1f} ({false} in {years:.1f}) | {_delays(delays, runs)} |"


def _delays(delays: list[Micros], runs: int) -> str:
    if not delays:
        return "never"
    least, most = _span(min(delays)), _span(max(delays))
    span = least if least == most else f"{least} to {most}"
    return span if len(delays) == runs else f"{span} ({len(delays) / runs:.1f})"


def _span(span: Micros) -> str:
    if span >= 2 * DAY:
        return f"{span / DAY:.1f} days"
    return f"{span / HOUR:.1f} h" if span >= 2 * HOUR else f"{span / MINUTE:.0f} min"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only traffic whose name has one of these words")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--weeks", type=int, default=30, help="of each run")
    arguments = parser.parse_args()
    print(f"{arguments.runs} runs of {arguments.weeks} weeks each, seed {arguments.seed}\n")
    print("| traffic | false alerts a year (and in how many) | an outage is found after |")
    print("|---|---|---|")
    for name in PATTERNS:
        if not arguments.words or any(word in name for word in arguments.words):
            print(
                row(name, seed=arguments.seed, runs=arguments.runs, weeks=arguments.weeks),
                flush=True,
            )


if __name__ == "__main__":
    main()
