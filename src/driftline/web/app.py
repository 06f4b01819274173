"""The API as an ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from driftline.errors import DriftlineError, StateError, UnavailableError
from driftline.notify.notification import DeliveryError
from driftline.notify.refusals import NotFoundError, RefusedError, TooManyError
from driftline.web.cors import Cors
from driftline.web.guard import Guard
from driftline.web.openapi import DESCRIPTION, TITLE, VERSION, build_document, describe
from driftline.web.problems import Kind, ProblemError, describe_error, kind_of, problem_response
from driftline.web.routes import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response

    from driftline.web.services import Services

RETRY_SECONDS: Final = 2
"""What a client is told to wait where a server is away."""

_KINDS: Final[dict[type[DriftlineError], Kind]] = {
    NotFoundError: Kind.NOT_FOUND,
    RefusedError: Kind.INVALID,
    TooManyError: Kind.CONFLICT,
    DeliveryError: Kind.UPSTREAM,
}


def build_app(
    services: Services, *, cors_origins: Collection[str] = (), body_limit: int = 65_536
) -> FastAPI:
    """The application; it starts nothing by itself."""
    app = _routed()
    app.state.services = services
    app.add_middleware(Guard, services=services, cors=Cors(cors_origins), body_limit=body_limit)
    _handle_errors(app)
    describe(app)
    return app


def describe_api() -> dict[str, Any]:
    """The OpenAPI document."""
    return build_document(_routed())


def _routed() -> FastAPI:
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _tell)
    app.add_exception_handler(HTTPException, _tell_status)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(DriftlineError, _tell_driftline)


async def _tell(request: Request, error: Any) -> Response:
    return problem_response(error, request.state.request_id)


async def _tell_status(request: Request, error: Any) -> Response:
    """What Starlette refuses by itself: unknown paths and methods, bodies that do not parse."""
    kind = kind_of(error.status_code)
    detail = None if kind is Kind.NOT_FOUND else str(error.detail)
    headers = dict(error.headers or {})
    if kind is Kind.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route alone.
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    problem = ProblemError(kind, detail, headers=headers)
    return problem_response(problem, request.state.request_id)


def _methods(request: Request) -> set[str]:
    """The methods that this path has."""
    routes = (route for router in ROUTERS for route in router.routes if isinstance(route, Route))
    found = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in found for method in route.methods or ()}


async def _tell_invalid(request: Request, error: Any) -> Response:
    parts = _parts(request, error.body)
    wrong = tuple(describe_error(one, parts) for one in error.errors()[:100])
    problem = ProblemError(Kind.INVALID, errors=wrong)
    return problem_response(problem, request.state.request_id)


def _parts(request: Request, body: Any) -> dict[str, tuple[Any, Any]]:
    """The model of body and query, each where there is one of it, and what came."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return {}
    found = {
        "body": (route.dependant.body_params, body),
        "query": (route.dependant.query_params, dict(request.query_params)),
    }
    return {
        part: (fields[0].field_info.annotation, came)
        for part, (fields, came) in found.items()
        if len(fields) == 1
    }


async def _tell_driftline(request: Request, error: Any) -> Response:
    """What driftline says on purpose: a server is away, or what was asked for cannot be done."""
    if isinstance(error, UnavailableError):
        wait = {"Retry-After": str(RETRY_SECONDS)}
        problem = ProblemError(Kind.UNAVAILABLE, str(error), headers=wait)
    elif isinstance(error, StateError):
        problem = ProblemError(Kind.INTERNAL, str(error))
    else:
        kind = next((kind for sort, kind in _KINDS.items() if isinstance(error, sort)), None)
        problem = ProblemError(kind or Kind.CONFLICT, str(error))
    return problem_response(problem, request.state.request_id)
