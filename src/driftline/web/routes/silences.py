"""Silences: listed, made, ended."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from driftline.model import to_micros
from driftline.web.access import Reader, Served, Writer
from driftline.web.models.common import Page
from driftline.web.models.silences import NewSilence, SilenceQuery, SilenceState, in_range
from driftline.web.problems import invalid

router = APIRouter(prefix="/v1/silences", tags=["silences"])

SilenceId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The silence's id.")]


@router.get("")
async def list_silences(
    services: Served, _token: Reader, query: Annotated[SilenceQuery, Query()]
) -> Page[SilenceState]:
    """List silences, the newest first; those that are over are kept for 30 days."""
    now = services.now()
    known = [SilenceState.of(one, now) for one in await services.backend.silences()]
    wanted = [one for one in known if query.state in {None, one.state}]
    rest = [one for one in wanted if query.cursor is None or _order(one) < query.cursor]
    page = tuple(rest[: query.limit])
    return Page(items=page, next=_order(page[-1]) if len(rest) > len(page) else None)


@router.post("", status_code=201)
async def add_silence(
    services: Served, token: Writer, body: NewSilence, response: Response
) -> SilenceState:
    """Make a silence, in the name of the token."""
    now = services.now()
    starts_at = body.starts_at or now
    for name, at in (("starts_at", starts_at), ("ends_at", body.ends_at)):
        if not in_range(at):
            raise invalid(at=f"body/{name}", message="should be a time of our days")
    silence = await services.backend.add_silence(
        body.matchers.to_matchers("matchers"),
        starts_at=to_micros(starts_at),
        ends_at=to_micros(body.ends_at),
        created_by=token.name,
        comment=body.comment,
        now=to_micros(now),
    )
    response.headers["Location"] = f"/v1/silences/{silence.id}"
    return SilenceState.of(silence, now)


@router.delete("/{silence_id}")
async def expire_silence(services: Served, _token: Writer, silence_id: SilenceId) -> SilenceState:
    """End a silence now. One that is over already stays as it is."""
    now = services.now()
    silence = await services.backend.expire_silence(silence_id, to_micros(now))
    return SilenceState.of(silence, services.now())


def _order(silence: SilenceState) -> str:
    """What the list is sorted by, falling, as text."""
    return f"{to_micros(silence.created_at):020d}.{silence.id}"
