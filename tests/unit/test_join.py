"""The join: every prediction and every label has one outcome, decided by event time alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftline.errors import StateError
from driftline.eventlog.messages import Rows
from driftline.join import Join, JoinTotals
from driftline.join.entries import decode_entry, group_mark
from driftline.join.fields import EntryKind
from driftline.model import SECOND, Micros, Role, SourcePartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.join import Entry
    from driftline.join.delta import JoinDelta

HORIZON: Final = 64 * SECOND
WIDTH: Final = 2 * SECOND
"""Entries are grouped by so much time."""
PLENTY: Final = 1_000_000


@dataclass(frozen=True)
class Event:
    """A prediction or a label of one id; or, without an id, the time that has come."""

    role: Role
    id: str
    at: Micros
    value: float = 1.0


def predicted(id_: str, at: float, value: float = 1.0) -> Event:
    """A prediction, at seconds."""
    return Event(Role.PREDICTIONS, id_, round(at * SECOND), value)


def labelled(id_: str, at: float, value: float = 1.0) -> Event:
    """A label, at seconds."""
    return Event(Role.LABELS, id_, round(at * SECOND), value)


def come(at: float) -> Event:
    """Event time has come to so many seconds."""
    return Event(Role.LABELS, "", round(at * SECOND))


def rows(events: Sequence[Event], first: int) -> Rows:
    """The events, all of one role, as a message."""
    role = events[0].role
    return Rows(
        stream="s",
        role=role,
        source=SourcePartition(role.value, 3),
        first=first,
        next=first + len(events),
        seen_at=None,
        instances=(None,),
        instance_codes=np.zeros(len(events), np.int32),
        offsets=np.arange(first, first + len(events), dtype=np.int64),
        ids=tuple(event.id for event in events),
        times=np.array([event.at for event in events], np.int64),
        numbers={role.singular: np.array([event.value for event in events])},
    )


@dataclass
class Joined:
    """A join that is given events, and what came of them."""

    horizon: Micros = HORIZON
    max_waiting: int = PLENTY
    store: dict[str, bytes] = field(default_factory=dict)
    groups: dict[int, set[str]] = field(default_factory=dict)
    """The ids by which the store finds a group's entries, once it is over."""
    state: bytes = b""
    outcomes: list[tuple[str, Micros, Micros, float | str, int]] = field(default_factory=list)
    revisions: list[tuple[Micros, float | str, float | str]] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)
    """The offsets of predictions that were no duplicates."""
    offset: int = 0

    def __post_init__(self) -> None:
        self.join = Join(horizon=self.horizon, max_waiting=self.max_waiting)

    def take(self, events: Iterable[Event]) -> Joined:
        """Give the events, each in a message of its own."""
        for event in events:
            self.message([event])
        return self

    def message(self, events: Sequence[Event]) -> None:
        """Give events of one role as one message, or one time."""
        if not events[0].id:
            for event in events:
                self.join.on_time(event.at)
            return
        one = rows(events, self.offset)
        self.offset += len(events)
        found = self._fetch(self.join.unknown(one.ids))
        if one.role is Role.PREDICTIONS:
            fresh, outcomes = self.join.on_predictions(one, found)
            self.fresh += [int(one.offsets[row]) for row in fresh]
        else:
            outcomes, revisions = self.join.on_labels(one, found)
            self.revisions += [(r.at, r.old, r.new) for r in revisions]
        self.outcomes += [(o.id, o.at, o.label_at, o.label, o.offset) for o in outcomes]

    def _fetch(self, ids: Iterable[str]) -> Mapping[str, Entry]:
        return {id_: decode_entry(self.store[id_]) for id_ in ids if id_ in self.store}

    def save(self) -> None:
        """Store what changed. Nothing is ever removed: what expired must not matter.

        But the store could find it: each entry is of a group that knows it.
        """
        self.land(self.join.delta())

    def land(self, delta: JoinDelta) -> None:
        """A delta is stored, as of `save`."""
        self.store.update(delta.entries)
        for group, ids in delta.groups.items():
            self.groups.setdefault(group, set()).update(ids)
        for id_, entry in delta.entries.items():
            assert id_ in self.groups[int.from_bytes(group_mark(entry), "little")]
        self.state = delta.state
        self.join.settle()

    def trim(self) -> None:
        """Store what changed, and keep nothing in memory."""
        self.save()
        self.join.trim(0)
        assert self.join.in_memory == 0

    def reload(self) -> None:
        """Store what changed, and go on from what is stored."""
        self.save()
        self.join = Join(horizon=self.horizon, max_waiting=self.max_waiting)
        self.join.restore(self.state)

    @property
    def result(self) -> tuple[object, ...]:
        """All that can be seen of it."""
        totals, waiting = self.join.totals, (self.join.waiting, self.join.early)
        return self.outcomes, self.revisions, self.fresh, totals, waiting, self.join.deadline


def check_conservation(join: Join) -> None:
    """The laws in the docstring of `JoinTotals`."""
    t = join.totals
    assert t.predictions == t.joined + t.expired + t.evicted + join.waiting
    known = t.joined + t.duplicate_labels + t.corrected + t.orphaned + t.evicted_labels
    assert t.labels == known + join.early


class Reference:
    """The same promises, said as plainly as possible: one entry per id, every entry looked at."""

    def __init__(self) -> None:
        self.totals = JoinTotals()
        self.now = -(10**18)
        self.entries: dict[str, dict[str, float]] = {}
        self.pairs: list[tuple[str, Micros, Micros]] = []

    def take(self, event: Event) -> None:
        """One event, or one moment."""
        if not event.id:
            self.now = max(self.now, event.at)
            for id_ in [i for i, e in self.entries.items() if self.is_over(int(e["held"]))]:
                kind = self.entries.pop(id_)["kind"]
                self.totals.expired += kind == EntryKind.WAITING
                self.totals.orphaned += kind == EntryKind.EARLY
        elif event.role is Role.PREDICTIONS:
            self.predict(event)
        else:
            self.label(event)

    def is_over(self, at: Micros) -> bool:
        """Whether what happened at this time waits no more, its group's width included."""
        return (at // WIDTH + 1) * WIDTH + HORIZON <= self.now

    def predict(self, event: Event) -> None:
        """A prediction."""
        entry = self.entries.get(event.id)
        if entry and entry["kind"] != EntryKind.EARLY:
            self.totals.duplicate_predictions += 1
            return
        if (not entry or entry["at"] - event.at > HORIZON) and self.is_over(event.at):
            self.totals.late += 1
            return
        self.totals.predictions += 1
        if entry and entry["at"] - event.at <= HORIZON:
            held = entry["held"] if self.is_over(event.at) else event.at
            self.pair(event.id, event.at, int(entry["at"]), int(held), entry["label"])
        else:
            self.totals.orphaned += bool(entry)
            self.entries[event.id] = {"kind": EntryKind.WAITING, "at": event.at, "held": event.at}

    def label(self, event: Event) -> None:
        """A label."""
        self.totals.labels += 1
        entry = self.entries.get(event.id)
        if entry is None:
            if self.is_over(event.at):
                self.totals.orphaned += 1
                return
            self.totals.early += 1
            self.entries[event.id] = {
                "kind": EntryKind.EARLY, "at": event.at, "held": event.at, "label": event.value,
            }  # fmt: skip
        elif entry["kind"] == EntryKind.WAITING:
            if event.at - entry["at"] > HORIZON:
                self.totals.orphaned += 1
            else:
                held = int(entry["held"])
                self.pair(event.id, int(entry["at"]), event.at, held, event.value)
        elif entry["label"] == event.value:
            self.totals.duplicate_labels += 1
        else:
            self.totals.corrected += 1
            entry["label"] = event.value

    def pair(self, id_: str, at: Micros, known: Micros, held: Micros, label: float) -> None:
        """Both have come."""
        self.totals.joined += 1
        self.totals.delay += known - at
        self.pairs.append((id_, at, known))
        self.entries[id_] = {"kind": EntryKind.JOINED, "at": at, "held": held, "label": label}


half_seconds = st.integers(0, 400).map(lambda n: n / 2)
events = st.one_of(
    st.builds(predicted, st.sampled_from("abcd"), half_seconds, st.sampled_from([0.0, 1.0])),
    st.builds(labelled, st.sampled_from("abcd"), half_seconds, st.sampled_from([0.0, 1.0])),
    st.builds(come, half_seconds),
)
histories = st.lists(events, max_size=60)
quick = settings(deadline=None, max_examples=150, print_blob=True)


@quick
@given(histories)
@example([labelled("a", 80), predicted("a", 10), labelled("a", 74), come(77), come(80)])
def test_outcomes_are_those_of_a_plain_reference(history: list[Event]) -> None:
    """Any order, duplication and delay: pairs and totals as one entry per id gives them."""
    ours, plain = Joined(), Reference()
    for event in history:
        ours.message([event])
        plain.take(event)
        assert ours.join.totals == plain.totals
        check_conservation(ours.join)
    assert [(id_, at, known) for id_, at, known, *_ in ours.outcomes] == plain.pairs


@quick
@given(histories, st.data(), st.sampled_from([PLENTY, 3]))
def test_neither_memory_nor_cuts_nor_restarts_make_a_difference(
    history: list[Event], data: st.DataObject, max_waiting: int
) -> None:
    """Entries fetched from a store, rows cut into any messages, a restart anywhere: one result."""
    undisturbed = Joined(max_waiting=max_waiting).take(history)
    disturbed = Joined(max_waiting=max_waiting)
    runs = [list(run) for _, run in groupby(history, key=lambda e: (e.role, not e.id))]
    for run in runs:
        cut = data.draw(st.integers(0, len(run)))
        for part in (run[:cut], run[cut:]):
            data.draw(st.sampled_from([lambda: None, disturbed.trim, disturbed.reload]))()
            if part:
                disturbed.message(part)
    assert disturbed.result == undisturbed.result
    undisturbed.save()
    disturbed.save()
    assert disturbed.state == undisturbed.state


@pytest.mark.parametrize("known", [0, 20, 40])
def test_what_came_and_expired_between_two_checkpoints_is_not_stored(known: int) -> None:
    """Labels before their predictions, in a catch-up: the group that they left is over later."""
    ours = Joined()
    ours.message([labelled(f"p{n}", n + known) for n in range(300)])
    ours.message([predicted(f"p{n}", n) for n in range(300)])
    for at in range(60, 1_000, 7):
        ours.message([come(at)])
    ours.save()
    assert ours.store == {}
    assert ours.join.totals.joined == 300


@settings(deadline=None, max_examples=80, print_blob=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([predicted, labelled, come]),
            st.lists(st.integers(0, 30), min_size=1, max_size=12),
            st.lists(st.tuples(half_seconds, st.sampled_from([0.0, 1.0])), min_size=12),
        ),
        max_size=14,
    ),
    st.sampled_from([PLENTY, 96, 20]),
    st.sampled_from(["in memory", "fetched"]),
)
def test_many_rows_at_once_come_to_what_they_come_to_one_by_one(
    messages: list[Any], max_waiting: int, fetched: str
) -> None:
    """Whole messages by columns: the same outcomes, totals, groups, entries, in the same order."""
    at_once, one_by_one = Joined(max_waiting=max_waiting), Joined(max_waiting=max_waiting)
    for make, ids, rest in messages:
        pairs = list(zip(ids, rest, strict=False))
        part = (
            [come(at) for _, (at, _) in pairs[:1]]
            if make is come
            else [make(f"p{number}", at, value) for number, (at, value) in pairs]
        )
        at_once.message(part)
        one_by_one.take(part)
        deltas = [one.join.delta() for one in (at_once, one_by_one)]
        assert deltas[0].state == deltas[1].state
        assert deltas[0].entries == deltas[1].entries
        assert list(deltas[0].groups.items()) == list(deltas[1].groups.items())
        assert deltas[0].groups_removed == deltas[1].groups_removed
        for one, delta in zip((at_once, one_by_one), deltas, strict=True):
            one.store.update(delta.entries)
            one.join.settle()
            if fetched == "fetched":
                one.join.trim(0)
    assert at_once.result == one_by_one.result


@quick
@given(histories, st.integers(1, 6))
def test_no_more_is_held_than_declared(history: list[Event], max_waiting: int) -> None:
    """What is over `max_waiting` goes, the oldest first, counted; nothing of it stays in memory."""
    ours = Joined(max_waiting=max_waiting)
    for event in history:
        ours.message([event])
        assert ours.join.waiting + ours.join.early <= max_waiting
        check_conservation(ours.join)


def test_what_is_evicted_leaves_memory_though_time_stands_still() -> None:
    """The limit bounds memory also where no watermark ever comes."""
    ours = Joined(max_waiting=10)
    ours.message([predicted(f"p{n}", n / 100) for n in range(5_000)])
    assert ours.join.in_memory <= 20
    assert ours.join.totals.evicted == 4_990
    ours.message([labelled("p4999", 60), labelled("p0", 60)])
    assert ours.join.totals.joined == 1


def test_an_entry_that_lives_longer_keeps_no_others_in_memory() -> None:
    """A label that was held joins late: what came after it and expires before it goes in time."""
    ours = Joined().take([labelled("x", 0)])
    ours.message([predicted(f"p{n}", 0) for n in range(1_000)])
    ours.take([predicted("x", 60), come(70)])
    assert ours.join.totals.expired == 1_000
    assert ours.join.in_memory == 1


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(("beyond", "joined"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("at", [0, 1, WIDTH - 1, WIDTH, 12_345_678])
def test_the_horizon_is_exact(at: Micros, beyond: Micros, joined: int, *, early: bool) -> None:
    """A label just at the horizon joins, a microsecond later it does not; whichever comes first."""
    pair = [
        Event(Role.PREDICTIONS, "a", at),
        Event(Role.LABELS, "a", at + HORIZON + beyond),
    ]
    ours = Joined().take(reversed(pair) if early else pair)
    assert ours.join.totals.joined == joined
    assert ours.join.totals.orphaned == 1 - joined
    check_conservation(ours.join)


@pytest.mark.parametrize("at", [0, 1, WIDTH - 1, WIDTH, WIDTH + 1])
def test_grouping_never_expires_an_entry_early(at: Micros) -> None:
    """While the watermark is not past the horizon, the label that comes with it still joins."""
    ours = Joined().take([Event(Role.PREDICTIONS, "a", at)])
    ours.join.on_time(at + HORIZON)
    assert ours.join.waiting == 1
    ours.take([Event(Role.LABELS, "a", at + HORIZON)])
    assert ours.join.totals.joined == 1
    late = Joined().take([Event(Role.PREDICTIONS, "a", at)])
    late.join.on_time(at + HORIZON + WIDTH)
    assert (late.join.totals.expired, late.join.waiting) == (1, 0)
    assert late.join.deadline > 10**18


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([predicted("a", 0), labelled("a", 9)], {"joined": 1, "delay": 9 * SECOND}),
        ([labelled("a", 9), predicted("a", 0)], {"early": 1, "joined": 1, "delay": 9 * SECOND}),
        ([predicted("a", 0), predicted("a", 0)], {"duplicate_predictions": 1}),
        ([predicted("a", 0), predicted("a", 1, 0.0)], {"duplicate_predictions": 1}),
        (
            [predicted("a", 0), labelled("a", 9), labelled("a", 10)],
            {"joined": 1, "delay": 9 * SECOND, "duplicate_labels": 1},
        ),
        ([labelled("a", 9), labelled("a", 9)], {"early": 1, "duplicate_labels": 1}),
        ([labelled("a", 9), labelled("a", 9, 0.0)], {"early": 1, "corrected": 1}),
        (
            [predicted("a", 0), labelled("a", 9), labelled("a", 10, 0.0)],
            {"joined": 1, "delay": 9 * SECOND, "corrected": 1},
        ),
        ([predicted("a", 0), come(70)], {"expired": 1}),
        ([labelled("a", 0), come(70)], {"early": 1, "orphaned": 1}),
        ([predicted("a", 0), come(70), labelled("a", 71)], {"expired": 1, "early": 1}),
        ([come(100), predicted("a", 0)], {"late": 1}),
        ([predicted("a", 0), come(70), predicted("a", 0)], {"expired": 1, "late": 1}),
        ([come(100), labelled("a", 0)], {"orphaned": 1}),
        ([labelled("b", 1), predicted("a", 0)], {"early": 1}),
    ],
)
def test_every_outcome_has_a_name(history: list[Event], expected: dict[str, int]) -> None:
    """Labels first, late, twice, corrected, never; predictions twice, with any content."""
    ours = Joined().take(history)
    taken = {
        "predictions": sum(bool(e.id) and e.role is Role.PREDICTIONS for e in history),
        "labels": sum(bool(e.id) and e.role is Role.LABELS for e in history),
    }
    taken["predictions"] -= expected.get("duplicate_predictions", 0) + expected.get("late", 0)
    assert ours.join.totals == JoinTotals(**(taken | expected))
    check_conservation(ours.join)


def test_an_id_is_used_again_when_its_time_is_over() -> None:
    """What expired, joined or not, is in nobody's way."""
    ours = Joined().take([predicted("a", 0), labelled("a", 1), come(70)])
    ours.take([predicted("a", 100), labelled("a", 101)])
    assert ours.join.totals.joined == 2
    assert [known for _, _, known, *_ in ours.outcomes] == [1 * SECOND, 101 * SECOND]


def test_the_second_prediction_of_an_id_changes_nothing() -> None:
    """The first one is joined, also when the second stood at the same place of a new topic."""
    ours = Joined().take([predicted("a", 0, 1.0)])
    ours.offset = 0
    ours.take([predicted("a", 5, 0.0), labelled("a", 9)])
    assert ours.fresh == [0]
    assert ours.outcomes == [("a", 0, 9 * SECOND, 1.0, 1)]


def test_a_correction_says_what_was_and_what_is() -> None:
    """Counts and windows can follow it."""
    ours = Joined().take([predicted("a", 3), labelled("a", 9, 1.0), labelled("a", 10, 0.0)])
    ours.take([labelled("a", 11, 1.0)])
    assert ours.revisions == [(3 * SECOND, 1.0, 0.0), (3 * SECOND, 0.0, 1.0)]


@pytest.mark.parametrize("reloaded", [False, True])
def test_another_horizon_holds_for_what_waits_already(*, reloaded: bool) -> None:
    """Shorter: expires sooner; longer: the label may come later. As after a restart."""
    for horizon, expired, joined in ((10 * SECOND, 1, 0), (200 * SECOND, 0, 1)):
        ours = Joined().take([predicted("a", 0)])
        ours.join.redeclare(horizon=horizon, max_waiting=PLENTY)
        ours.horizon = horizon
        if reloaded:
            ours.reload()
        ours.take([come(30), labelled("a", 150)])
        assert (ours.join.totals.expired, ours.join.totals.joined) == (expired, joined)
        check_conservation(ours.join)


@quick
@example([labelled("a", 0)], [predicted(id_, 0) for id_ in "abca"], 1, 2)
@given(histories, histories, st.sampled_from([1, 10, 64, 200]), st.sampled_from([2, PLENTY]))
def test_a_restart_after_another_declaration_goes_on_exactly(
    before: list[Event], after: list[Event], seconds: int, max_waiting: int
) -> None:
    """A join that was redeclared, and one loaded under the new declaration, are the same."""
    results = []
    for reloaded in (False, True):
        ours = Joined().take(before)
        ours.horizon, ours.max_waiting = seconds * SECOND, max_waiting
        ours.join.redeclare(horizon=ours.horizon, max_waiting=max_waiting)
        check_conservation(ours.join)
        if reloaded:
            ours.reload()
        ours.take(after)
        check_conservation(ours.join)
        ours.save()
        results.append((ours.result, ours.state))
    assert results[0] == results[1]


def test_fewer_may_wait_from_a_declaration_on() -> None:
    """What is over the new limit goes at once, the oldest first."""
    ours = Joined().take([predicted(f"p{n}", n) for n in range(20)])
    ours.join.redeclare(horizon=HORIZON, max_waiting=5)
    assert ours.join.waiting <= 5
    ours.take([labelled("p19", 30), labelled("p0", 30)])
    assert ours.join.totals.joined == 1
    check_conservation(ours.join)


def test_an_entry_that_is_not_stored_stays_in_memory() -> None:
    """`trim` may come at any time, also while a delta is on its way."""
    ours = Joined().take([predicted("a", 0)])
    ours.join.trim(0)
    assert ours.join.in_memory == 1
    ours.store.update(ours.join.delta().entries)
    ours.join.trim(0)
    assert ours.join.in_memory == 1
    ours.join.settle()
    ours.join.trim(0)
    assert ours.join.in_memory == 0
    ours.take([labelled("a", 1)])
    assert ours.join.totals.joined == 1


def test_an_entry_is_stored_where_its_group_can_find_it_again() -> None:
    """Evicted, met, and back in the group that it had left: the store must come to it once more."""
    ours = Joined(max_waiting=1).take([labelled("b", 60)])
    ours.save()
    ours.take([predicted("b", 2), labelled("a", 3), labelled("b", 60)])
    ours.take([predicted("b", 3), labelled("a", 30)])
    ours.save()


def test_a_new_id_is_not_looked_up_though_others_are_in_the_store_alone() -> None:
    """Where labels come days late, predictions need no answer of the store."""
    ours = Joined().take(predicted(f"p{n}", n / 100) for n in range(2_000))
    ours.trim()
    new = [f"new{n}" for n in range(2_000)]
    old = [f"p{n}" for n in range(2_000)]
    assert ours.join.unknown(old) == old
    assert len(ours.join.unknown(new)) < 100
    assert sum(len(ours.join.unknown([id_])) for id_ in new) < 100


def test_after_a_restart_all_is_looked_up_until_what_was_there_is_over() -> None:
    """Nobody remembers which ids the process before has let go of."""
    ours = Joined().take([predicted("old", 0)])
    ours.reload()
    assert ours.join.unknown(["new"]) == ["new"]
    ours.take([predicted("since", 50)])
    ours.trim()
    assert ours.join.unknown(["new"]) == ["new"]
    ours.take([come(100)])
    assert ours.join.unknown(["new"]) == []
    assert ours.join.unknown(["since"]) == ["since"]


def test_what_is_away_is_forgotten_where_it_takes_too_much() -> None:
    """Entries evicted by number come in thousands to a horizon: then all is looked up for a while.

    Nothing is missed: what lives and is in the store alone is always asked for.
    """
    ours = Joined(max_waiting=640)
    lost = 0
    for number in range(600):
        ours.take(predicted(f"p{number}-{n}", 1) for n in range(100))
        ours.trim()
        latest = [f"p{number}-{n}" for n in range(100)]
        assert ours.join.unknown(latest) == latest
        lost += ours.join.unknown(["new"]) == ["new"]
    assert 0 < lost < 300


@pytest.mark.parametrize("seed", range(40))
def test_what_the_store_alone_has_is_always_asked_for(seed: int) -> None:
    """Whatever comes, and whenever what: deltas in flight, restarts, other declarations."""
    Search(seed).run(steps=80)


class Search:
    """A join that is disturbed at random."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.ids = [f"p{n}" for n in range(self.rng.choice([4, 30, 200]))]
        horizon = self.rng.choice([64, 10, 1]) * SECOND
        most = self.rng.choice([PLENTY, 3, 40, 100])
        self.ours, self.plain = Joined(horizon, most), Joined(horizon, most)
        self.flight: JoinDelta | None = None
        self.at = 0.0

    def run(self, *, steps: int) -> None:
        """Disturb it so many times, and look after each."""
        disturb = [self.send, self.pass_time, self.fly, self.land, self.trim, self.redeclare]
        for _ in range(steps):
            self.at += self.rng.choice([0, 0.5, 1, 5])
            for step in self.rng.choices([*disturb, self.reload], [8, 3, 4, 4, 5, 0.4, 0.3]):
                step()
            self.check()
        assert self.ours.result == self.plain.result

    def both(self, events: list[Event]) -> None:
        """Give a message to the disturbed one and to the one that is left alone."""
        self.ours.message(events)
        self.plain.message(events)

    def send(self) -> None:
        """Rows of about now, of before, and of long after."""
        make, apart = self.rng.choice([predicted, labelled]), [0, 0, -1, -5, -40, 3, 70, 1_000]
        self.both(
            [
                make(
                    self.rng.choice(self.ids),
                    max(0, self.at + self.rng.choice(apart)),
                    self.rng.choice([0.0, 1.0]),
                )
                for _ in range(self.rng.choice([1, 3, 8, 40]))
            ]
        )

    def pass_time(self) -> None:
        """The watermark comes to now, or a little behind it."""
        self.both([come(self.at - self.rng.choice([0, 2, 20]))])

    def fly(self) -> None:
        """A checkpoint is taken, and is on its way."""
        self.land()
        self.flight = self.ours.join.delta()

    def land(self) -> None:
        """What was on its way is stored."""
        if self.flight is not None:
            self.ours.land(self.flight)
            self.flight = None

    def trim(self) -> None:
        """Memory is short."""
        self.ours.join.trim(self.rng.choice([0, 0, 1, 5, 20]))

    def redeclare(self) -> None:
        """Another horizon, another limit."""
        horizon = self.rng.choice([64, 10, 1, 200]) * SECOND
        most = self.rng.choice([PLENTY, 3, 40, 100])
        for one in (self.ours, self.plain):
            one.horizon, one.max_waiting = horizon, most
            one.join.redeclare(horizon=horizon, max_waiting=most)

    def reload(self) -> None:
        """Another process goes on from what is stored."""
        self.land()
        self.ours.reload()

    def check(self) -> None:
        """Each entry of a living group that is in the store alone is looked up, alone or not."""
        join = self.ours.join
        living, kept = join._held.groups.numbers, join._held.kept
        here = kept._recent.keys() | kept._changed.keys() | kept._in_flight.keys()
        alone = {
            id_
            for id_, entry in self.ours.store.items()
            if id_ not in here and int.from_bytes(entry[:4], "little") in living
        }
        assert alone <= set(join.unknown(self.ids))
        few = self.rng.sample(self.ids, min(len(self.ids), 5))
        assert alone.intersection(few) <= set(join.unknown(few))


def test_an_entry_begins_with_its_groups_number() -> None:
    """The store decides by these four bytes whether an entry goes with a group."""
    ours = Joined().take([predicted("a", 0), predicted("b", 100)])
    delta = ours.join.delta()
    for number, ids in delta.groups.items():
        for id_ in ids:
            blob = delta.entries[id_]
            assert int.from_bytes(blob[:4], "little") == number
            assert decode_entry(blob) == blob


@pytest.mark.parametrize("blob", [b"", b"\x00" * 3, b"\x00\x00\x00\x00", b"\x00\x00\x00\x00\xc1"])
def test_a_damaged_entry_is_refused(blob: bytes) -> None:
    """Never taken for something else."""
    with pytest.raises(StateError):
        decode_entry(blob)


def test_a_damaged_state_is_refused() -> None:
    """Cut off anywhere, it does not load."""
    ours = Joined().take([predicted("a", 0)])
    ours.save()
    for end in range(len(ours.state)):
        with pytest.raises(StateError):
            Join(horizon=HORIZON, max_waiting=PLENTY).restore(ours.state[:end])
