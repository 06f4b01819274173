"""Alerts: listed, one with its history, acknowledged, accepted, and streamed."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from driftline.errors import UnavailableError
from driftline.web.access import Reader, Served, Writer, find_token
from driftline.web.alert_json import detail_json, page_json, read_cursor, write_cursor
from driftline.web.board import Kept
from driftline.web.feed import PositionGoneError, TooManyListenersError
from driftline.web.listeners import Listener
from driftline.web.models.alerts import (
    Accepted,
    AlertDetail,
    AlertFilter,
    AlertPage,
    AlertQuery,
    Note,
)
from driftline.web.position import read_position, write_position
from driftline.web.problems import Kind, ProblemError, invalid
from driftline.web.services import Services
from driftline.web.sse import CONTENT_TYPE, AlertStream

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

AlertId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{20}$", description="The alert's id.", examples=["5f0c2d6a1b3e4f708192"]
    ),
]
JSON = "application/json"


@router.get("", response_model=AlertPage)
async def list_alerts(
    services: Served, _token: Reader, query: Annotated[AlertQuery, Query()]
) -> Response:
    """List alerts by their newest revision, those that opened last first.

    The newest 10,000 alerts are held, those that fire longest of all; `complete` says whether
    there are older ones, which `driftline alerts` shows.
    """
    feed = _caught_up(services).feed
    try:
        before = None if query.cursor is None else read_cursor(query.cursor)
    except ValueError as error:
        raise invalid(at="query/cursor", message=str(error)) from error
    found = feed.board.list(query.filter, query.limit + 1, before)
    page = found[: query.limit]
    body = page_json(
        page,
        following=write_cursor(page[-1]) if len(found) > len(page) else None,
        position=write_position(feed.position),
        complete=not feed.board.dropped,
    )
    return Response(body, media_type=JSON)


@router.get(
    "/stream",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}},
)
async def stream_alerts(
    request: Request,
    services: Served,
    _token: Reader,
    query: Annotated[AlertFilter, Query()],
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=20_000,
            description="The id of the last event that was got, or `position` of a list: the "
            "stream goes on behind it. Left out: with what comes from now on.",
        ),
    ] = None,
) -> Response:
    """Follow alerts as Server-Sent Events: each revision once, as the CloudEvent in `data`.

    A comment comes every 15 s when nothing else does. A client that does not keep up is sent away,
    and goes on with Last-Event-ID; 410 if what follows it is not held any more.
    """
    listener = _listen(_caught_up(services), query, last_event_id)

    async def allowed() -> bool:
        try:
            return await find_token(request, services) is not None
        except UnavailableError:
            # It was, and nobody can tell that it is not.
            return True

    return AlertStream(
        services.feed,
        listener,
        heartbeat_seconds=services.heartbeat_seconds,
        allowed=allowed,
        on_drop=services.metrics.web_dropped.inc,
    )


@router.get("/{alert_id}", response_model=AlertDetail)
async def show_alert(services: Served, _token: Reader, alert_id: AlertId) -> Response:
    """Show one alert with its history."""
    return Response(detail_json(_find(services, alert_id)), media_type=JSON)


@router.post("/{alert_id}/acknowledge", status_code=202)
async def acknowledge(services: Served, token: Writer, alert_id: AlertId, body: Note) -> Accepted:
    """Take an alert on, in the name of the token: it is not repeated to people any more.

    It is a command in the events log: the alert's next revision, within seconds, tells of it.
    """
    alert = _firing(services, alert_id)
    command = await services.backend.acknowledge(alert.latest, by=token.name, note=body.note)
    return Accepted(alert_id=alert_id, command_id=command)


@router.post("/{alert_id}/accept", status_code=202)
async def accept(services: Served, token: Writer, alert_id: AlertId, body: Note) -> Accepted:
    """Accept the new level as normal: the alert ends, and the reference moves there.

    Of an alert of silence: such a silence is usual from now on. It is a command in the events log:
    the alert's next revision, within seconds, tells of it.
    """
    alert = _firing(services, alert_id)
    if alert.latest.kind == "health":
        msg = "an alert about the monitor ends when what it tells of is over: nothing is accepted"
        raise ProblemError(Kind.CONFLICT, msg)
    command = await services.backend.accept(alert.latest, by=token.name, note=body.note)
    return Accepted(alert_id=alert_id, command_id=command)


def _caught_up(services: Services) -> Services:
    """A list that lacks what was not read yet would be taken for the whole."""
    if not services.feed.caught_up:
        msg = "the alerts topic is still being read"
        raise ProblemError(Kind.UNAVAILABLE, msg, headers={"Retry-After": "2"})
    return services


def _find(services: Services, alert_id: str) -> Kept:
    alert = _caught_up(services).feed.board.get(alert_id)
    if alert is None:
        held = len(services.feed.board)
        msg = f"no alert {alert_id} is among the newest {held:,}, which are held here"
        raise ProblemError(Kind.NOT_FOUND, msg)
    return alert


def _firing(services: Services, alert_id: str) -> Kept:
    alert = _find(services, alert_id)
    if not alert.latest.firing:
        msg = f"alert {alert_id} does not fire any more"
        raise ProblemError(Kind.CONFLICT, msg)
    return alert


def _listen(services: Services, query: AlertFilter, last_event_id: str | None) -> Listener:
    try:
        since = read_position(last_event_id) if last_event_id else None
        return services.feed.listen(query.filter, since)
    except ValueError as error:
        raise invalid(at="header/Last-Event-ID", message=str(error)) from error
    except PositionGoneError as error:
        msg = "what follows it is not held any more: read the list of alerts, and begin anew"
        raise ProblemError(Kind.GONE, msg) from error
    except TooManyListenersError as error:
        msg = "as many clients follow the alerts as may"
        wait = {"Retry-After": "30"}
        raise ProblemError(Kind.UNAVAILABLE, msg, headers=wait) from error
