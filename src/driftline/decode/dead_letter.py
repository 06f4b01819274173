"""Dead letters: a refused record as it came, with headers that say where it was and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from driftline.decode.codes import AsideCode
from driftline.errors import DriftlineError
from driftline.model import Role, SourcePartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from driftline.decode.records import Record, Reject

PREFIX: Final = "driftline."
MAX_KEPT: Final = 1_040_000
"""Bytes of key, value and headers that a dead letter keeps; a message has room for 1,048,576."""
_ATTEMPT: Final = f"{PREFIX}attempt"
_DIGEST: Final = f"{PREFIX}value-sha256"


class DeadLetterError(DriftlineError):
    """A message of the dead-letter topic that driftline did not write."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """What is to be produced: to the dead-letter topic, or back to the source."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int | None
    """Milliseconds since 1970; None: the broker's or the producer's own."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record, read back."""

    source: SourcePartition
    """Without its incarnation, which is not kept."""
    offset: int
    timestamp: int
    """Kafka's timestamp of the refused record, in milliseconds; negative if it had none."""
    stream: str
    role: Role
    code: str
    """A text, as a newer driftline may know codes that this one does not."""
    message: str
    attempt: int
    """How often the record has been refused, this time included."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    """As the record came, without driftline's own."""
    whole: bool = True
    """Whether the record is in it; else only the length and the SHA-256 of what was left out."""

    def retry(self) -> Outbound:
        """The record as it came, to be sent to its source again; it remembers its attempts."""
        headers = (*self.headers, (_ATTEMPT, str(self.attempt + 1).encode()))
        timestamp = self.timestamp if self.timestamp >= 0 else None
        return Outbound(self.key, self.value, headers, timestamp)


def build_dead_letter(
    record: Record, reject: Reject, *, source: SourcePartition, stream: str, role: Role
) -> Outbound:
    """The message for the dead-letter topic: original bytes, key and headers, and why.

    Its timestamp is left to the producer: a broker refuses some that a refused record may have.
    """
    own = {
        "topic": source.topic,
        "partition": source.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "stream": stream,
        "role": role.value,
        "code": reject.code.value,
        "message": reject.message,
        "attempt": attempt_of(record.headers),
    }
    foreign = _foreign(record.headers)
    value = record.value or b""
    if len(record.key or b"") + len(value) + _size(foreign) > MAX_KEPT:
        own |= {"value-bytes": len(value), "value-sha256": hashlib.sha256(value).hexdigest()}
        return Outbound(None, None, _own_headers(own), None)
    return Outbound(record.key, record.value, (*foreign, *_own_headers(own)), None)


def build_batch_letter(
    *, source: SourcePartition, stream: str, role: Role, first: int, following: int,
    size: int, digest: str,
) -> Outbound:  # fmt: skip
    """The one dead letter for all records of a batch that was not unpacked."""
    own = {
        "topic": source.topic,
        "partition": source.partition,
        "offset": first,
        "timestamp": -1,
        "stream": stream,
        "role": role.value,
        "code": AsideCode.BATCH_TOO_LARGE.value,
        "message": (
            f"offsets {first} to {following - 1} are in a compressed batch of {size} bytes that"
            " unpacks to more than 32 MB"
        ),
        "attempt": 1,
        "next": following,
        "value-bytes": size,
        "value-sha256": digest,
    }
    return Outbound(None, None, _own_headers(own), None)


def parse_dead_letter(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
) -> DeadLetter:
    """The dead letter that this message is. Raises DeadLetterError, naming the header at fault."""
    return DeadLetter(
        source=SourcePartition(_text(headers, "topic"), _whole(headers, "partition")),
        offset=_whole(headers, "offset"),
        timestamp=_whole(headers, "timestamp"),
        stream=_text(headers, "stream"),
        role=_role(headers),
        code=_text(headers, "code"),
        message=_text(headers, "message"),
        attempt=_whole(headers, "attempt"),
        key=key,
        value=value,
        headers=_foreign(headers),
        whole=all(name != _DIGEST for name, _ in headers),
    )


def attempt_of(headers: Sequence[tuple[str, bytes]]) -> int:
    """Which attempt a record of a source is: 1, or what a retry wrote if that is a number."""
    found = [value for name, value in headers if name == _ATTEMPT]
    # Kafka knows headers without a value; some clients hand them on as None.
    written = (found[-1] if found else b"") or b""
    return int(written) if written.isdigit() and 0 < len(written) <= 6 else 1  # noqa: PLR2004


def _foreign(headers: Sequence[tuple[str, bytes]]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value) for name, value in headers if not name.startswith(PREFIX))


def _own_headers(own: Mapping[str, object]) -> tuple[tuple[str, bytes], ...]:
    return tuple((f"{PREFIX}{name}", str(value).encode()) for name, value in own.items())


def _size(headers: Iterable[tuple[str, bytes | None]]) -> int:
    # Names and lengths take some bytes, too.
    return sum(len(name.encode()) + len(value or b"") + 8 for name, value in headers)


def _text(headers: Sequence[tuple[str, bytes]], name: str) -> str:
    found = [value for header, value in headers if header == f"{PREFIX}{name}"]
    if not found:
        _wrong(name, "is not there")
    try:
        return found[-1].decode()
    except UnicodeDecodeError:
        _wrong(name, "is no UTF-8")


def _whole(headers: Sequence[tuple[str, bytes]], name: str) -> int:
    text = _text(headers, name)
    if not (text.removeprefix("-").isdecimal() and text.isascii() and len(text) <= 20):  # noqa: PLR2004
        _wrong(name, "is no whole number")
    return int(text)


def _role(headers: Sequence[tuple[str, bytes]]) -> Role:
    text = _text(headers, "role")
    if text not in set(Role):
        _wrong("role", "is neither predictions nor labels")
    return Role(text)


def _wrong(name: str, what: str) -> NoReturn:
    text = f"header {PREFIX}{name} {what}: the message is no dead letter of driftline's"
    raise DeadLetterError(text)
