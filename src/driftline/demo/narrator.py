"""Tells a person how the demo goes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from driftline.demo.report import (
    alert_told,
    chart_text,
    figures_text,
    lead_text,
    summary_table,
)
from driftline.model import to_datetime

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from driftline.config.deployment import Stream
    from driftline.demo.alerts import SeenAlert
    from driftline.demo.outcome import Outcome
    from driftline.model import Micros

PARTS: Final = 5
"""Without a terminal progress is told so many times."""


class Narrator:
    """Writes to a console. As a context it shows progress."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.fields[date]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} records sent"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, date="", visible=False)
        self._told = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def say(self, text: str, style: str = "") -> None:
        """A paragraph, or part of one."""
        self._console.print(Text(text, style))

    def progress(self, sent: int, total: int, at: Micros) -> None:
        """So many records were sent, up to event time `at`."""
        date = f"{to_datetime(at):%Y-%m-%d}"
        self._bar.update(self._task, completed=sent, total=total, date=date, visible=True)
        part = sent * PARTS // total
        if part > self._told:
            self._told = part
            if not self._console.is_terminal:
                self.say(f"{date}: {sent:,} of {total:,} records sent")

    def alert(self, alert: SeenAlert) -> None:
        """An alert, as it comes."""
        self._console.print(alert_told(alert))

    def outcome(self, outcome: Outcome, stream: Stream) -> None:
        """The whole story, told in the end."""
        kinds = {watch.signal: watch.kind for watch in stream.watches}
        changes = {
            alert.data.signal: alert.data.evidence.change_at for alert in reversed(outcome.opened)
        }
        self._heading("What moved when")
        self._console.print(summary_table(outcome))
        for series in outcome.series:
            self.say("")
            kind, change_at = kinds[series.signal], changes.get(series.signal)
            self._console.print(chart_text(series, kind, change_at), no_wrap=True)
        if outcome.lead is not None:
            self._heading("How much sooner than the labels")
            self.say(lead_text(outcome.lead))
        self._heading("This run")
        for line in figures_text(outcome):
            self.say(line)

    def _heading(self, text: str) -> None:
        self.say("")
        self.say(text, "bold underline")
