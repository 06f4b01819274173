"""The outermost layer of the API: what holds for every request, whatever it asks for.

A request id, limits of the body, security headers, CORS, the audit log and the metrics; and an
error that nobody expected becomes a problem document without details.
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders

from driftline.web.audit import AuditEntry
from driftline.web.bodies import ClientGoneError, with_body
from driftline.web.problems import Kind, ProblemError, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from driftline.web.cors import Cors
    from driftline.web.services import Services

log = structlog.get_logger(__name__)

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer says, unless it says something of its own."""

LOOKS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
METHODS: Final = LOOKS | {"POST", "PUT", "PATCH", "DELETE"}
LONGEST_PATH: Final = 500

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(slots=True)
class _Exchange:
    """A request, and what is known of its answer so far."""

    scope: Scope
    request_id: str
    extra: dict[str, str]
    """Headers of the answer, beside those of all."""
    began: float = field(default_factory=time.perf_counter)
    status: int = 0
    """0: the answer has not begun."""
    location: str = ""

    @property
    def route(self) -> str:
        """The kind of path: a bounded set, whatever is asked for."""
        return str(getattr(self.scope.get("route"), "path_format", "other"))

    @property
    def method(self) -> str:
        method = str(self.scope["method"])
        return method if method in METHODS else "other"

    def begin(self, message: Message) -> None:
        """Add to the head of the answer what all have."""
        headers = MutableHeaders(scope=message)
        for name, value in {**SECURITY_HEADERS, **self.extra}.items():
            headers.setdefault(name, value)
        headers["X-Request-ID"] = self.request_id
        self.status = message["status"]
        self.location = headers.get("location", "")


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, *, services: Services, cors: Cors, body_limit: int) -> None:
        self._app = app
        self._services = services
        self._cors = cors
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            # There are no WebSockets here; a server that asks for a lifespan is let in.
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, _request_id(scope), self._cors.headers(scope))
        scope.setdefault("state", {})["request_id"] = exchange.request_id

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.begin(message)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._answer(exchange, receive, send_head)
            finally:
                self._count(exchange)
                await self._audit(exchange)

    async def _answer(self, exchange: _Exchange, receive: Receive, send: Send) -> None:
        scope = exchange.scope
        try:
            if (preflight := self._cors.preflight(scope)) is not None:
                await preflight(scope, receive, send)
                return
            if scope["method"] not in LOOKS:
                receive = await with_body(scope, receive, self._body_limit)
            await self._app(scope, receive, send)
        except ClientGoneError:
            return
        except ProblemError as problem:
            await problem_response(problem, exchange.request_id)(scope, receive, send)
        except Exception:
            log.exception("request_failed", method=exchange.method, route=exchange.route)
            if exchange.status:
                # It has begun: that it does not end as it should is all that can be said now.
                raise
            unexpected = ProblemError(Kind.INTERNAL, "the log of driftline web says more")
            await problem_response(unexpected, exchange.request_id)(scope, receive, send)

    def _count(self, exchange: _Exchange) -> None:
        labels = exchange.method, exchange.route, str(exchange.status or 499)
        metrics = self._services.metrics
        metrics.web_requests.labels(*labels).inc()
        metrics.web_seconds.labels(*labels[:2]).observe(time.perf_counter() - exchange.began)

    async def _audit(self, exchange: _Exchange) -> None:
        """Note who asked for a change. Who could not say who they are is only counted."""
        scope = exchange.scope
        token = scope["state"].get("token")
        too_many = exchange.status == Kind.TOO_MANY.status
        if scope["method"] in LOOKS or token is None or too_many:
            return
        path = scope.get("raw_path") or b""
        await self._services.audit.write(
            AuditEntry(
                at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                by=token.name,
                action=f"{exchange.method} {exchange.route}",
                target=path.decode("ascii", "replace")[:LONGEST_PATH],
                status=str(exchange.status),
                location=exchange.location[:LONGEST_PATH],
                request_id=exchange.request_id,
                client=(scope.get("client") or ("",))[0],
            )
        )


def _request_id(scope: Scope) -> str:
    """The caller's own, if it is a plain one, so that logs on both sides can be held together."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
