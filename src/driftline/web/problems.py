"""Every error of the API is a problem document (RFC 9457), `application/problem+json`."""

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from driftline.config.problems import UNKNOWN_KEY, say_unknown

CONTENT_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:driftline:problem:"


class Kind(Enum):
    """The sorts of problems: the end of `type`, the status, and a title that never varies."""

    BAD_REQUEST = "bad-request", 400, "The request is malformed"
    UNAUTHENTICATED = "unauthenticated", 401, "A valid token is needed"
    FORBIDDEN = "forbidden", 403, "The token's scope does not allow this"
    NOT_FOUND = "not-found", 404, "There is no such thing"
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The method is not allowed here"
    NOT_ACCEPTABLE = "not-acceptable", 406, "It cannot be had in a form that is accepted"
    TIMEOUT = "timeout", 408, "The body did not come in time"
    CONFLICT = "conflict", 409, "It is not in a state that allows this"
    GONE = "gone", 410, "The place to resume from is not kept any more"
    TOO_LARGE = "too-large", 413, "The body is too large"
    INVALID = "invalid", 422, "The request is not as it should be"
    TOO_MANY = "too-many-requests", 429, "Too many requests"
    INTERNAL = "internal", 500, "Something went wrong in driftline"
    UPSTREAM = "upstream", 502, "A receiver did not take the message"
    UNAVAILABLE = "unavailable", 503, "A server that is needed does not answer"

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.type = _TYPE_PREFIX + slug
        """The problem type's URI."""
        self.status = status
        self.title = title


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    location: Annotated[
        str, Field(description="Where: body, query, path or header, and the way into it.")
    ]
    message: Annotated[str, Field(description="What would have been right.")]


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:driftline:problem:not-found",
                    "title": "There is no such thing",
                    "status": 404,
                    "detail": "no stream 'churn' is declared or stored",
                    "request_id": "0b6f6a4e1c9d4f4f9a6d1f0e8f5f7a21",
                }
            ]
        },
    )

    type: Annotated[str, Field(description="urn:driftline:problem: and the kind of problem.")]
    title: Annotated[str, Field(description="The same for every problem of this type.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str | None, Field(description="What happened this time.")] = None
    request_id: Annotated[str | None, Field(description="As in the header X-Request-ID.")] = None
    errors: Annotated[
        tuple[Wrong, ...] | None, Field(description="Of `invalid`: all that is wrong.")
    ] = None


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        errors: tuple[Wrong, ...] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors


def problem_response(problem: ProblemError, request_id: str | None) -> Response:
    """The answer that tells of a problem."""
    kind = problem.kind
    document = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=problem.detail,
        request_id=request_id,
        errors=problem.errors,
    )
    return Response(
        document.model_dump_json(exclude_none=True),
        status_code=kind.status,
        media_type=CONTENT_TYPE,
        headers=problem.headers,
    )


def kind_of(status: int) -> Kind:
    """The kind of problem that a status stands for."""
    for kind in Kind:
        if kind.status == status:
            return kind
    return Kind.BAD_REQUEST if status < HTTPStatus.INTERNAL_SERVER_ERROR else Kind.INTERNAL


def describe_error(
    error: dict[str, Any], parts: Mapping[str, tuple[Any, Any]] = MappingProxyType({})
) -> Wrong:
    """What pydantic found, without what was given: it may be a secret.

    `parts` has the model of the request's `body` and `query`, if it is known, and what came.
    """
    place = error.get("loc", ())
    location = "/".join(str(part) for part in place)
    message = str(error.get("msg", "is wrong"))
    if error.get("type") == "union_tag_invalid":
        # pydantic's own text repeats the value.
        facts = error["ctx"]
        location = f"{location}/{facts['discriminator'].strip(chr(39))}"
        message = f"should be one of {facts['expected_tags']}"
    elif error.get("type") == UNKNOWN_KEY and place[0] in parts:
        message = say_unknown(place[1:], *parts[place[0]])
    return Wrong(location=location[:200], message=message[:500])


def invalid(*, at: str, message: str) -> ProblemError:
    """One thing is wrong with a request."""
    return ProblemError(Kind.INVALID, errors=(Wrong(location=at, message=message),))
