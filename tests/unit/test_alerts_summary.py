"""The sentence of an alert says what a person needs, in that signal's own terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftline.alerts.alert import AlertChange, Status
from driftline.alerts.evidence import Evidence, Sample
from driftline.alerts.lifecycle import Reason
from driftline.alerts.summary import levels, subject, summarise_change
from driftline.model import (
    SECOND,
    Alarm,
    Direction,
    InstanceKey,
    Severity,
    SignalKind,
    Trigger,
    to_micros,
)
from driftline.model import to_datetime as when

DAY = 86_400 * SECOND
CHANGE = to_micros(when(1_553_990_400 * SECOND))  # 2019-03-31


def change(
    signal: str,
    kind: SignalKind,
    before: tuple[float, float],
    after: tuple[float, float],
    *,
    indicator: str = "",
    now: float | None = None,
) -> AlertChange:
    """A change between two levels, each a mean and a deviation."""
    evidence = Evidence(
        before=Sample(*before, 74_944, CHANGE - 400 * DAY, CHANGE - 1),
        after=Sample(*after, 1_942, CHANGE, CHANGE + 9 * DAY),
        change_at=CHANGE,
        direction=Direction.UP if after[0] > before[0] else Direction.DOWN,
        now=None if now is None else Sample(now, 0.2, 640, CHANGE + 31 * DAY, CHANGE + 40 * DAY),
    )
    opened = Alarm(
        signal, indicator, "adwin", "adwin", 76_943, Trigger("loans.labels", 0, 5, "x", CHANGE)
    )
    return AlertChange(
        alert_id="0" * 20,
        fingerprint="1" * 20,
        revision=1,
        instance=InstanceKey("loans"),
        signal=signal,
        kind=kind,
        slice=None,
        status=Status.FIRING,
        reason=None,
        severity=Severity.CRITICAL,
        direction=evidence.direction,
        indicator=indicator,
        evidence=evidence,
        alarms=1,
        witnesses=(),
        opened=opened,
        incarnation="",
        at=CHANGE + 9 * DAY,
        newest=CHANGE + 9 * DAY,
    )


ERROR = change("error", SignalKind.BINARY, (0.0563, 0.23), (0.0842, 0.28))


def test_an_error_is_told_in_percent() -> None:
    """What, from where to where, by how much, when, and on how much it rests."""
    assert summarise_change(ERROR, labelled=True) == (
        "error rose from 5.6 % to 8.4 % (+50 %) around 2019-03-31; 1,942 labelled outcomes since"
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            change(
                "feature.car_value", SignalKind.UNBOUNDED, (29_612.0, 15_000.0), (48_721.0, 15e3)
            ),
            (
                "car_value rose from 29,600 to 48,700 (+65 %, 1.3 standard deviations)"
                " around 2019-03-31; 1,942 values since"
            ),
        ),
        (
            change(
                "feature.salary_range",
                SignalKind.CATEGORICAL,
                (0.3, 0.4),
                (0.12, 0.3),
                indicator="40K - 60K €",
            ),
            (
                "share of salary_range = 40K - 60K € fell from 30 % to 12 % (-60 %)"
                " around 2019-03-31; 1,942 values since"
            ),
        ),
        (
            change("label_delay", SignalKind.UNBOUNDED, (2.6e6, 1e5), (3.9e6, 1e5)),
            (
                "label delay rose from 30.1 days to 45.1 days (+50 %, 13 standard deviations)"
                " around 2019-03-31; 1,942 values since"
            ),
        ),
        (
            change("missing.age", SignalKind.BINARY, (0.0, 0.0), (0.125, 0.3)),
            (
                "share of missing values of age rose from 0.0 % to 12.5 % around 2019-03-31;"
                " 1,942 values since"
            ),
        ),
        (
            change("prediction", SignalKind.BINARY, (0.5, 0.5), (0.51, 0.5)),
            (
                "share of positive predictions rose from 50 % to 51 % (+2 %)"
                " around 2019-03-31; 1,942 values since"
            ),
        ),
        (
            change("feature.t", SignalKind.UNBOUNDED, (-3.0, 2.0), (3.0, 2.0)),
            "t rose from -3 to 3 (3 standard deviations) around 2019-03-31; 1,942 values since",
        ),
    ],
)
def test_each_signal_is_told_in_its_own_terms(told: AlertChange, sentence: str) -> None:
    """Shares in percent, numbers with the digits that matter, delays in human units."""
    assert summarise_change(told, labelled=False) == sentence


def test_the_end_says_where_the_signal_is_now() -> None:
    """A recovered alert names the level, the reference, since when, and what it was."""
    told = replace(
        change("error", SignalKind.BINARY, (0.0563, 0.2), (0.0842, 0.2), now=0.0571),
        status=Status.RESOLVED,
        reason=Reason.RECOVERED,
    )
    assert summarise_change(told, labelled=True) == (
        "error is back at 5.7 % (reference 5.6 %) since 2019-05-01;"
        " it had risen from 5.6 % to 8.4 % (+50 %) around 2019-03-31"
    )


def test_a_level_past_the_reference_is_not_called_back() -> None:
    """What swung to the other side is there, not back."""
    told = replace(
        change("score", SignalKind.UNIT, (0.4, 0.2), (0.6, 0.2), now=0.1),
        status=Status.RESOLVED,
        reason=Reason.RECOVERED,
    )
    assert summarise_change(told, labelled=False).startswith("score is at 10 % (reference 40 %)")


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.RECOVERED])
def test_every_other_end_has_its_words(reason: Reason) -> None:
    """The change stands first, then why it ended."""
    told = replace(ERROR, status=Status.RESOLVED, reason=reason)
    sentence = summarise_change(told, labelled=True)
    assert sentence.startswith("error rose from 5.6 % to 8.4 %")
    assert "; the alert ended: it " in sentence


def test_a_level_part_of_the_way_back_is_told() -> None:
    """A firing alert says where the signal is now, if that is elsewhere."""
    told = change("error", SignalKind.BINARY, (0.1, 0.2), (0.3, 0.2), now=0.2)
    assert summarise_change(told, labelled=True) == (
        "error rose from 10 % to 30 % (+200 %) around 2019-03-31;"
        " now 20 %, 640 labelled outcomes since 2019-05-01"
    )


@pytest.mark.parametrize(
    ("later", "moments"),
    [
        (42 * DAY, "first around 2019-03-31, last around 2019-05-12"),
        (DAY // 2, "first around 2019-03-31 00:00 UTC, last around 2019-03-31 12:00 UTC"),
    ],
)
def test_a_level_that_went_further_has_two_moments(later: int, moments: str) -> None:
    """The values told of are those behind the level told of, so their moment stands beside them."""
    evidence = replace(ERROR.evidence, after_at=CHANGE + later)
    assert summarise_change(replace(ERROR, evidence=evidence), labelled=True) == (
        f"error rose from 5.6 % to 8.4 % (+50 %), {moments}; 1,942 labelled outcomes since"
    )


def test_names_from_data_are_cut_and_cleaned() -> None:
    """No name breaks a line, turns the writing round, or drowns the sentence."""
    name = subject("feature.a\u202eb\n\x00", SignalKind.CATEGORICAL, "x" * 5_000)
    assert name.isprintable()
    assert len(name) < 90
    assert "a?b??" in name


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.00001, 0.00002], ["1e-05", "2e-05"]),
        ([1e9, 1e9 + 2], ["1,000,000,000", "1,000,000,002"]),
        ([3e20, 4e20], ["3e+20", "4e+20"]),
        ([0.0, 0.0], ["0", "0"]),
        ([1234.5678, 1234.5688], ["1,234.568", "1,234.569"]),
        ([-0.5, 12.25], ["-0.5", "12.2"]),
    ],
)
def test_numbers_have_the_digits_that_tell_them_apart(
    values: list[float], texts: list[str]
) -> None:
    """Neither more digits than matter nor so few that a change disappears."""
    assert levels(values, "feature.x", SignalKind.UNBOUNDED) == texts


def test_small_shares_keep_their_difference() -> None:
    """A change from 0.02 to 0.04 percent is visible."""
    assert levels([0.0002, 0.0004], "error", SignalKind.BINARY) == ["0.02 %", "0.04 %"]
