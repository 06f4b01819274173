"""Silences, and the matchers that they share with subscriptions."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError

from driftline.config.alerting import Matchers
from driftline.model import to_datetime, to_micros
from driftline.notify.silences import Silence
from driftline.web.models.common import Answer, Asked, Moment, PageQuery, example
from driftline.web.problems import Kind, ProblemError, describe_error

_Pattern = Annotated[str, Field(min_length=1, max_length=500)]
_Patterns = Annotated[list[_Pattern], Field(min_length=1, max_length=100)]


class Match(Asked):
    """Which alerts are meant: all keys must match, each by any of its patterns (`*` and `?`)."""

    stream: Annotated[_Patterns | None, Field(examples=[["car-loan"]])] = None
    instance: _Patterns | None = None
    signal: _Patterns | None = None
    severity: Annotated[_Patterns | None, Field(examples=[["warning", "info"]])] = None
    kind: Annotated[_Patterns | None, Field(examples=[["drift"]])] = None
    owner: _Patterns | None = None
    tag: _Patterns | None = None

    def to_matchers(self, key: str) -> Matchers:
        """The matchers; raises a problem that names the body's `key` if they are none."""
        try:
            return Matchers.model_validate(self.model_dump(exclude_none=True))
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            wrong = [describe_error({**one, "loc": ("body", key, *one["loc"])}) for one in found]
            raise ProblemError(Kind.INVALID, errors=tuple(wrong)) from None

    @classmethod
    def of(cls, matchers: Matchers) -> Self:
        """Matchers as they are answered."""
        given = matchers.model_dump(mode="json", exclude_none=True)
        return cls.model_validate(given)


class SilenceState(Answer):
    """A silence: of these alerts people are not told for a time."""

    model_config = example(
        id="8c1f0a6de2b94c35",
        state="active",
        matchers={"stream": ["car-loan"], "severity": ["warning", "info"]},
        starts_at="2026-03-04T09:00:00Z",
        ends_at="2026-03-04T18:00:00Z",
        created_by="ada",
        created_at="2026-03-04T09:00:00Z",
        comment="Known: the feed of prices is down.",
    )

    id: str
    state: Annotated[str, Field(pattern="^(pending|active|expired)$")]
    matchers: Match
    starts_at: datetime
    ends_at: datetime
    created_by: Annotated[str, Field(description="The name of the token, or who used the CLI.")]
    created_at: datetime
    comment: str

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> Self:
        """A silence as it is answered."""
        at = to_micros(now)
        begun = silence.starts_at <= at
        return cls(
            id=silence.id,
            state="active" if silence.active(at) else "expired" if begun else "pending",
            matchers=Match.of(silence.matchers),
            starts_at=to_datetime(silence.starts_at),
            ends_at=to_datetime(silence.ends_at),
            created_by=silence.created_by,
            created_at=to_datetime(silence.created_at),
            comment=silence.comment,
        )


class SilenceQuery(PageQuery):
    """Which silences are wanted."""

    state: Literal["pending", "active", "expired"] | None = None


class NewSilence(Asked):
    """A silence to be made."""

    model_config = example(
        matchers={"stream": ["car-loan"], "severity": ["warning", "info"]},
        ends_at="2026-03-04T18:00:00Z",
        comment="Known: the feed of prices is down.",
    )

    matchers: Match
    starts_at: Annotated[Moment | None, Field(description="Left out: now.")] = None
    ends_at: Moment
    comment: Annotated[
        str, Field(min_length=1, max_length=1_000, examples=["Known: the feed of prices is down."])
    ]


def in_range(at: datetime) -> bool:
    """Whether a time can be told in UTC: at the ends of what dates can hold, some cannot."""
    try:
        at.astimezone(UTC)
    except OverflowError:
        return False
    return True
