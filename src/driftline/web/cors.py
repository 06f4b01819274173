"""Which other sites' pages may read answers: none but those that are listed.

Credentials are a header that a page has to know, never a cookie, so none are allowed along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import Scope

METHODS: Final = "GET, POST, DELETE"
REQUEST_HEADERS: Final = "Authorization, Content-Type, Last-Event-ID, X-Request-ID"
EXPOSED: Final = "Location, Retry-After, X-Request-ID"


class Cors:
    """Answers for a set of origins."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, scope: Scope) -> dict[str, str]:
        """What an answer says to the browser that asked."""
        if not self._origins:
            return {}
        # A cache must not hand one origin's answer to another.
        vary = {"Vary": "Origin"}
        origin = Headers(scope=scope).get("origin")
        if origin not in self._origins:
            return vary
        return vary | {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED,
        }

    def preflight(self, scope: Scope) -> Response | None:
        """The answer to a browser's question whether it may; None if it is no such question."""
        headers = Headers(scope=scope)
        asked = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if not asked or headers.get("origin") not in self._origins:
            return None
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": REQUEST_HEADERS,
                "Access-Control-Max-Age": "600",
            },
        )
