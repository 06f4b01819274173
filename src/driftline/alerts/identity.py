"""What an alert is about, and the name that follows from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from driftline.model import Direction, Micros, Trigger

ID_LENGTH: Final = 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an alert is about.

    At most one alert with this fingerprint lives at a time; its successors share it.
    """

    instance: str
    signal: str
    slice: str | None
    """A part of the rows; None for all of them."""
    direction: Direction
    """Up or down; both for a categorical feature, where one share rises as others fall."""

    @property
    def digest(self) -> str:
        """The fingerprint as 20 hexadecimal digits, the same for every alert about this."""
        return _digest(self.instance, self.signal, self.slice, self.direction.value)

    def alert_id(self, opened: Trigger, incarnation: str) -> str:
        """The id of the alert that this record opened: 20 hexadecimal digits.

        It is the same in every run over the same log.
        """
        return _digest(
            self.instance,
            self.signal,
            self.slice,
            self.direction.value,
            opened.topic,
            incarnation,
            opened.partition,
            opened.offset,
        )


def source_fingerprint(instance: str, role: str) -> str:
    """What an alert about a silent source is about: 20 hexadecimal digits, for all its alerts."""
    return _digest("silence", instance, role)


def source_alert_id(instance: str, role: str, last: tuple[str, str, int, int]) -> str:
    """The id of the alert about the silence that began with this record.

    `last` is its topic, the topic's incarnation, its partition and its offset.
    """
    return _digest("silence", instance, role, *last)


def health_fingerprint(deployment: str, signal: str, subject: str) -> str:
    """What an alert about the monitor itself is about: 20 hexadecimal digits."""
    return _digest("health", deployment, signal, subject)


def health_alert_id(deployment: str, signal: str, subject: str, since: Micros) -> str:
    """The id of the alert that was raised at this moment of a worker's clock."""
    return _digest("health", deployment, signal, subject, since)


def _digest(*parts: str | int | None) -> str:
    # JSON keeps the parts apart, whatever characters they hold; names that are no valid UTF-8 still
    # get a name.
    text = msgspec.json.encode([_plain(part) for part in parts])
    return hashlib.sha256(text).hexdigest()[:ID_LENGTH]


def _plain(part: str | int | None) -> str | int | None:
    return part.encode("utf-8", "backslashreplace").decode() if isinstance(part, str) else part
