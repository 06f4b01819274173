"""One alert as blocks of Slack's Block Kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.alert import Status
from driftline.alerts.schema import DriftData
from driftline.model import Severity
from driftline.notify.charts import draw
from driftline.notify.links import alert_link, runbook
from driftline.notify.receivers.slack_text import (
    MAX_FIELDS,
    MAX_HEADER,
    MAX_NAME,
    Block,
    bold,
    code,
    escape,
    link,
    markup,
    plain,
)
from driftline.notify.words import (
    Fact,
    drift_levels,
    facts,
    moment,
    moved_with,
    sentence,
    title,
    where,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from driftline.alerts.schema import AlertData, PointData

RESOLVED: Final = "✅"
SIGNS: Final = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
CHART_LINES: Final = 2
MARK: Final = "▲"
_NO_MARKUP: Final = str.maketrans("*_~`", "    ")


def sign(data: AlertData) -> str:
    """A dot in the colour of its severity, or the sign of its end."""
    return RESOLVED if data.status is Status.RESOLVED else SIGNS[data.severity]


def headline(data: AlertData) -> str:
    """The alert on one line."""
    return f"{sign(data)} {title(data)}"


def alert_blocks(head: str, data: AlertData, base_url: str | None) -> list[Block]:
    """All that is told of an alert, under this title: 4 to 7 blocks."""
    return [
        {"type": "header", "text": plain(head, MAX_HEADER)},
        {"type": "section", "text": plain(sentence(data.summary))},
        *_cause(data),
        *_chart(data),
        {"type": "section", "fields": [_field(one) for one in facts(data)[:MAX_FIELDS]]},
        *_moved_with(data),
        footer(data, base_url),
    ]


def alert_in_short(data: AlertData, base_url: str | None) -> list[Block]:
    """An alert among others: at most 5 blocks."""
    return [
        bold(headline(data)),
        {"type": "section", "text": plain(sentence(data.summary))},
        *_cause(data),
        *_chart(data),
        footer(data, base_url),
    ]


def footer(data: AlertData, base_url: str | None) -> Block:
    """Which alert and revision it is, and where to go on."""
    page = alert_link(base_url, data)
    links = [link(page, "open the alert")] if page else []
    links.append(f"runbook: `{runbook(data)}`")
    identity = f"alert {data.alert_id}.{data.revision} of {where(data)}, {data.kind}"
    return {
        "type": "context",
        "elements": [plain(identity, MAX_NAME), markup(" · ".join(links))],
    }


def _field(fact: Fact) -> Block:
    value = code(fact.value, 1_000) if fact.given else escape(fact.value, 1_000)
    name = escape(fact.name, 100).translate(_NO_MARKUP)
    return markup(f"*{name}*\n{value}")


def _cause(data: AlertData) -> Iterator[Block]:
    if isinstance(data, DriftData) and data.cause is not None:
        cause = f"⚠ likely cause: {sentence(data.cause.detail)} (since {moment(data.cause.since)})"
        yield {"type": "section", "text": plain(cause)}


def _moved_with(data: AlertData) -> Iterator[Block]:
    lines = [f"• {code(one.name)} {escape(one.value, 200)}" for one in moved_with(data)]
    if lines:
        yield {"type": "section", "text": markup("\n".join(["*Moved with it*", *lines]))}


def _chart(data: AlertData) -> Iterator[Block]:
    """The signal around the change, its levels beside it, the moment of change marked below it."""
    if not isinstance(data, DriftData) or not data.history:
        return
    bars = draw([point.mean for point in data.history], height=CHART_LINES)
    levels = drift_levels(data, [bars.high, bars.low])
    width = max(map(len, levels))
    lines = [f"{level:>{width}} {bar}" for level, bar in zip(levels, bars.lines, strict=True)]
    change_at = data.evidence.change_at
    lines.append(" " * (width + 1 + _column(data.history, change_at)) + MARK)
    first, last = moment(data.history[0].at), moment(data.history[-1].at)
    lines.append(f"{first} to {last}; {MARK} change about {moment(change_at)}")
    yield {"type": "section", "text": markup("```" + escape("\n".join(lines), 2_900) + "```")}


def _column(history: tuple[PointData, ...], change_at: datetime) -> int:
    """The first point that holds values of after the change."""
    return next((n for n, point in enumerate(history) if point.at >= change_at), len(history) - 1)
