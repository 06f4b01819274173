"""Whether the API works, and how the deployment is doing."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from driftline.web.access import Reader, Served
from driftline.web.models.health import Health
from driftline.web.problems import Kind, ProblemError

router = APIRouter(tags=["health"])


@router.get("/healthz", response_class=PlainTextResponse)
async def alive() -> str:
    """Answer as long as the process does. Needs no token."""
    return "ok\n"


@router.get("/readyz", response_class=PlainTextResponse)
async def ready(services: Served) -> str:
    """Answer once all alerts are read and Redis answers, else 503. Needs no token."""
    problem = await services.backend.problem()
    if problem is not None:
        raise ProblemError(Kind.UNAVAILABLE, problem)
    return "ok\n"


@router.get("/v1/health")
async def health(services: Served, _token: Reader) -> Health:
    """Workers, how far they are behind, and what is wrong with their stored state."""
    return await services.backend.health()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(services: Served, _token: Reader) -> Response:
    """Prometheus metrics of this process. Needs a token with scope read."""
    page = generate_latest(services.metrics.registry)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
