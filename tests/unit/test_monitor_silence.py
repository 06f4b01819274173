"""Silence of a source: what is told of it, and when, however records come and workers stop."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from silence_false_alarms import rows_at

from driftline.alerts.event import read_event
from driftline.alerts.lifecycle import Reason
from driftline.alerts.schema import SilenceData
from driftline.app.alert_commands import build_accept
from driftline.model import SECOND, InstanceKey, Role, iso, to_datetime
from driftline.monitor.silence import RoleSilence
from driftline.monitor.usual import HOUR, HOURS_A_WEEK, MINUTE, Usual
from driftline.recorded.timeline import build_timeline
from driftline.replay import Replay
from support.monitor_log import (
    LABELS,
    PREDICTIONS,
    START,
    FakeRecord,
    Log,
    build_deployment,
    build_stream,
    declare,
    records,
)
from support.monitor_runs import build_monitor, each, run_stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from driftline.config.deployment import Stream
    from driftline.eventlog.messages import Message
    from driftline.model import Micros
    from driftline.monitor.silence_state import SilenceChange
    from driftline.monitor.state import Outgoing

WATCH = {"score": {"detector": "adwin"}}
LATENESS = 2 * MINUTE


def declared(**silence: str) -> dict[str, Any]:
    """What the made-up streams here declare besides."""
    return {"watch": WATCH, "silence": {"predictions": "off", "labels": "off", **silence}}


QUIET = build_stream(horizon=None, lateness="2m", **declared(predictions="10m"))
SPLIT = build_stream(horizon=None, lateness="2m", split_by="model", **declared(predictions="10m"))
LABELLED = build_stream(**declared(labels="2h"))


def predictions(times: Iterable[Micros], models: Sequence[str] = ("a",)) -> list[FakeRecord]:
    """Predictions of these times, in this order, of the models in turn."""
    return records(
        {"id": f"p{n}", "at": iso(at), "said": 1, "score": 0.5, "model": models[n % len(models)]}
        for n, at in enumerate(times)
    )


def told(events: Iterable[Outgoing]) -> list[SilenceData]:
    """The silences that these events tell of."""
    found = [read_event(event.value).data for event in events]
    return [data for data in found if isinstance(data, SilenceData)]


def apply(stream: Stream, messages: Sequence[Message]) -> list[Outgoing]:
    """The events that a log brings about."""
    return build_monitor(build_deployment(stream)).apply_all(enumerate(messages)).events


def cut(stream: Stream, held: Sequence[FakeRecord], chance: random.Random, most: int) -> Log:
    """A log of these records in batches of random sizes."""
    log, done = Log([stream]), 0
    while done < len(held):
        following = min(done + chance.randint(1, most), len(held))
        log.read(PREDICTIONS, held, done, following, live=False)
        done = following
    return log


def disordered(chance: random.Random, count: int) -> list[Micros]:
    """Event times with silences between them, out of order by less than the lateness."""
    at, times = START, []
    for _ in range(count):
        at += int(chance.expovariate(1 / 60) * SECOND)
        if chance.random() < 0.02:
            at += chance.randint(5 * MINUTE, 30 * MINUTE)
        times.append(at)
    return sorted(times, key=lambda one: one + chance.randrange(LATENESS))


# -- the same, however records come --


def test_the_records_here_have_silences() -> None:
    """Else the properties below would promise nothing."""
    held = predictions(disordered(random.Random(1), 200))
    assert len(apply(QUIET, cut(QUIET, held, random.Random(1), 20).messages)) > 1


@pytest.mark.parametrize("stream", [QUIET, SPLIT], ids=["whole", "split"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_cuts_make_no_difference(stream: Stream, seed: int) -> None:
    """Batches of any size, records out of order within the lateness: each alert is told alike."""
    chance = random.Random(seed)
    held = predictions(disordered(chance, 200), ["a", "a", "a", "b"])
    runs = []
    for most in (1, 9, 200):
        events = apply(stream, cut(stream, held, chance, most).messages)
        runs.append(sorted((event.id, event.value) for event in events))
    assert all(run == runs[0] for run in runs)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=4, deadline=None)
def test_stops_anywhere_make_no_difference(seed: int) -> None:
    """What is stored of gaps, of a living alert and of usual hours is all that counts."""
    chance = random.Random(seed)
    held = predictions(disordered(chance, 150))
    for stream in (QUIET, build_stream(horizon=None, **declared(predictions="usual"))):
        log = cut(stream, held, chance, 10).messages
        undisturbed = asyncio.run(run_stored(build_deployment(stream), log))
        stops = chance.sample(range(1, len(log)), 6)
        stopped = asyncio.run(
            run_stored(build_deployment(stream), log, checkpoints=stops[:4], crashes=stops[2:])
        )
        assert stopped.events == undisturbed.events


# -- a source that is watched while it falls silent --


def live(stream: Stream, *, silent: Micros, after: int = 1) -> Log:
    """A stream at the present that says nothing for so long, and then so many records more."""
    log = Log([stream])
    log.clock = START + 60 * SECOND
    times = [START + n * SECOND for n in range(60)]
    held = predictions(times)
    log.read(PREDICTIONS, held, 0, len(held))
    for _ in range(silent // MINUTE):
        log.clock += MINUTE
        log.read(PREDICTIONS, held, len(held), len(held))
    again = START + MINUTE + silent
    more = predictions([*times, *(again + n * SECOND for n in range(after))])
    log.read(PREDICTIONS, more, len(held), len(more))
    return log


def test_a_source_that_falls_silent_is_one_alert_that_ends_with_the_next_record() -> None:
    """It names the last record's time and what was allowed, and is found out by the clock alone."""
    log = live(QUIET, silent=30 * MINUTE)
    began, ended = told(apply(QUIET, log.messages))
    last, again = START + 59 * SECOND, START + 60 * SECOND + 30 * MINUTE
    assert (began.kind, began.signal, began.instance) == ("silence", "predictions", "churn")
    assert (began.status.value, began.revision, began.reason) == ("firing", 1, None)
    assert began.since == to_datetime(last)
    assert began.expected_within_seconds == 600
    assert (ended.alert_id, ended.revision) == (began.alert_id, 2)
    assert (ended.reason, ended.at) == (Reason.RECOVERED, to_datetime(again))
    assert began.seen_at is not None
    assert began.seen_at < ended.at


def test_a_later_reading_of_the_same_records_tells_of_the_same_silence() -> None:
    """With the same ids, though then the watermark never stood in the silence."""
    log = live(QUIET, silent=30 * MINUTE, after=200)
    held = predictions([START + n * SECOND for n in range(60)] + [
        START + 60 * SECOND + 30 * MINUTE + n * SECOND for n in range(200)
    ])  # fmt: skip
    later = Log([QUIET])
    later.read(PREDICTIONS, held, 0, len(held), live=False)
    first, second = apply(QUIET, log.messages), apply(QUIET, later.messages)
    assert [event.id for event in first] == [event.id for event in second]
    apart = {"seen_at": None}
    assert [one.model_copy(update=apart) for one in told(first)] == [
        one.model_copy(update=apart) for one in told(second)
    ]


def test_one_instance_may_be_silent_while_the_stream_goes_on() -> None:
    """Each value of the splitting field has silences of its own."""
    times = [START + n * 30 * SECOND for n in range(240)]
    held = predictions(times, ["a", "b"])
    without_b = [one for n, one in enumerate(held) if n % 2 == 0 or not 40 < n < 160]
    held = [FakeRecord(n, one.value) for n, one in enumerate(without_b)]
    (began, ended) = told(apply(SPLIT, cut(SPLIT, held, random.Random(1), 20).messages))
    assert began.instance == ended.instance == "churn/b"


def test_labels_that_never_come_are_waited_for_from_the_first_prediction_on() -> None:
    """A topic of labels that is wired wrongly is found out."""
    log = Log([LABELLED])
    log.clock = START + SECOND
    held = predictions([START])
    log.read(PREDICTIONS, held, 0, 1)
    for _ in range(13):
        log.clock += 10 * MINUTE
        log.read(LABELS, (), 0, 0)
        log.read(PREDICTIONS, held, 1, 1)
    (began,) = told(apply(LABELLED, log.messages))
    assert (began.signal, began.since) == ("labels", to_datetime(START))


def test_a_silence_that_is_no_longer_watched_ends_as_withdrawn() -> None:
    """As alerts of drift do."""
    log = live(QUIET, silent=30 * MINUTE)
    messages = log.messages[:-2]
    off = build_stream(horizon=None, lateness="2m", **declared())
    began, ended = told(apply(QUIET, [*messages, declare(off)]))
    assert (began.alert_id, ended.reason) == (ended.alert_id, Reason.WITHDRAWN)


def test_a_silence_that_a_person_accepts_ends_and_is_not_told_again() -> None:
    """Also when the first record after it comes."""
    log = live(QUIET, silent=30 * MINUTE)
    (began,) = told(apply(QUIET, log.messages[:-2]))
    accept = build_accept(began, by="me", at=START)
    events = told(apply(QUIET, [*log.messages[:-2], accept, *log.messages[-2:]]))
    assert [one.reason for one in events] == [None, Reason.ACCEPTED]


# -- what is usual --


def hear(times: NDArray[np.int64], size: int = 2_000) -> list[SilenceChange]:
    """What is told of a source with these times, where `usual` is declared."""
    silence = RoleSilence(InstanceKey("s"), Role.PREDICTIONS, Usual())
    changes = []
    for first in range(0, len(times), size):
        part = times[first : first + size]
        changes += silence.on_rows(rows_at(part, first))
        changes += silence.on_time(int(part[-1]))
    return changes


def traffic(rate: float, hours: range, *, weeks: int, seed: int) -> NDArray[np.int64]:
    """So many rows an hour at random, in these hours of each day."""
    rng = np.random.default_rng(seed)
    parts = [
        START + hour * HOUR + np.sort(rng.integers(0, HOUR, rng.poisson(rate)))
        for hour in range(weeks * HOURS_A_WEEK)
        if hour % 24 in hours
    ]
    return np.concatenate(parts).astype(np.int64)


@pytest.mark.parametrize(
    ("rate", "hours", "minutes"),
    [
        pytest.param(200, range(24), 15, id="all day"),
        pytest.param(10, range(24), 240, id="few"),
        pytest.param(200, range(8, 18), 15, id="office hours"),
    ],
)
def test_an_unusual_silence_is_found_and_a_usual_one_is_not(
    rate: float, hours: range, minutes: int
) -> None:
    """Six weeks without an alert; then an outage of eight hours from 9:30 on is found soon."""
    times = traffic(rate, hours, weeks=7, seed=11)
    assert hear(times) == []
    outage = START + (6 * HOURS_A_WEEK + 9) * HOUR + 30 * MINUTE
    left = times[(times < outage) | (times >= outage + 8 * HOUR)]
    began, ended = hear(left)
    assert [began, ended] == hear(left, size=37)
    assert began.reason is None
    assert began.due - began.since <= minutes * MINUTE
    assert ended.at >= outage + 8 * HOUR


def test_nothing_is_unusual_in_the_first_three_weeks() -> None:
    """An hour of the week that was not seen three times says nothing."""
    times = traffic(200, range(24), weeks=3, seed=3)
    outage = START + (2 * HOURS_A_WEEK + 9) * HOUR
    assert hear(times[(times < outage) | (times >= outage + 8 * HOUR)]) == []


def test_bursts_set_the_measure_of_their_silences() -> None:
    """Half of all rows come within a third of the mean time, so others are long apart."""
    steps = np.random.default_rng(8).gamma(1 / 3, HOUR / 10, 60_000)
    times = START + np.cumsum(steps).astype(np.int64)
    assert hear(times) == []
    outage = int(times[50_000])
    (began, ended) = hear(times[(times < outage) | (times >= outage + 24 * HOUR)])
    assert began.due - began.since < 8 * HOUR
    assert ended.at >= outage + 24 * HOUR


def test_batches_that_are_left_out_at_times_are_usual() -> None:
    """One in ten, of those of every hour."""
    rng = np.random.default_rng(9)
    begin = START + np.flatnonzero(rng.random(12 * HOURS_A_WEEK) >= 0.1) * HOUR
    times = begin[:, None] + np.sort(rng.integers(0, 10 * MINUTE, (len(begin), 50)))
    assert hear(times.ravel().astype(np.int64)) == []


def test_labels_that_come_once_a_day_are_usual() -> None:
    """However many come at once, and at whatever time of some hours."""
    rng = np.random.default_rng(5)
    days = [START + day * 24 * HOUR + int(rng.integers(0, 5 * HOUR)) for day in range(70)]
    times = np.concatenate([day + np.sort(rng.integers(0, 5 * MINUTE, 500)) for day in days])
    assert hear(times.astype(np.int64)) == []


def test_every_offset_of_a_log_may_be_its_last() -> None:
    """Stored after each message and taken up again, a log with a silence gives the same."""
    log = live(QUIET, silent=30 * MINUTE).messages
    every = each(len(log), 1)
    run = asyncio.run(run_stored(build_deployment(QUIET), log, checkpoints=every, crashes=every))
    assert list(run.events.values()) == apply(QUIET, log)


def test_the_end_of_a_recording_is_no_silence(tmp_path: Path) -> None:
    """Of files that are replayed one may end long before the other, or never have been there."""
    stream = build_stream(**declared(predictions="10m", labels="10m"))
    said, known = tmp_path / "said.jsonl", tmp_path / "known.jsonl"
    at = [START + n * SECOND for n in range(60)]
    said.write_bytes(b"\n".join(one.value or b"" for one in predictions(at)))
    labels = records({"id": f"p{n}", "at": iso(one + HOUR), "truth": 1} for n, one in enumerate(at))
    known.write_bytes(b"\n".join(one.value or b"" for one in labels))
    both = {Role.PREDICTIONS: said.name, Role.LABELS: known.name}
    runs = (
        (Replay(stream, both), build_timeline(stream, said, known)),
        (Replay(stream, {Role.PREDICTIONS: said.name}), build_timeline(stream, said, None)),
    )
    heard = [
        [event for effects in replay.run(timeline) for event in effects.events]
        for replay, timeline in runs
    ]
    # Labels were awaited for an hour; the predictions' file was at its end by then.
    assert [one.signal for one in told(heard[0])] == ["labels", "labels"]
    assert heard[1] == []
