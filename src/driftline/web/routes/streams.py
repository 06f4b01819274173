"""Streams, their instances and signals, and the windows of these."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from driftline.web.access import Reader, Served
from driftline.web.models.common import Page, PageQuery
from driftline.web.models.streams import (
    InstanceName,
    SignalList,
    SignalQuery,
    StreamDetail,
    StreamSummary,
    WindowPage,
    WindowQuery,
)
from driftline.web.problems import Kind, ProblemError

router = APIRouter(prefix="/v1/streams", tags=["streams"])

StreamName = Annotated[
    str, Path(max_length=200, description="The stream's name.", examples=["car-loan"])
]


@router.get("")
async def list_streams(
    services: Served, _token: Reader, query: Annotated[PageQuery, Query()]
) -> Page[StreamSummary]:
    """List the streams that are declared or stored, by name. At most 5 s old."""
    found = [one for one in await services.backend.streams() if one.stream > (query.cursor or "")]
    page = tuple(found[: query.limit])
    return Page(items=page, next=page[-1].stream if len(found) > len(page) else None)


@router.get("/{stream}")
async def show_stream(services: Served, _token: Reader, stream: StreamName) -> StreamDetail:
    """Show one stream: what watches it, its join and its books. At most 5 s old."""
    detail = await services.backend.stream(stream)
    if detail is None:
        raise _unknown(stream)
    return detail


@router.get("/{stream}/instances")
async def list_instances(
    services: Served, _token: Reader, stream: StreamName, query: Annotated[PageQuery, Query()]
) -> Page[InstanceName]:
    """List what has a monitor of its own: the stream, or each value of the field that splits it."""
    names = await services.backend.instances(stream)
    if not names and await services.backend.stream(stream) is None:
        raise _unknown(stream)
    found = [name for name in names if name > (query.cursor or "")]
    page = found[: query.limit]
    following = page[-1] if len(found) > len(page) else None
    return Page(items=tuple(InstanceName(instance=name) for name in page), next=following)


@router.get("/{stream}/signals")
async def list_signals(
    services: Served, _token: Reader, stream: StreamName, query: Annotated[SignalQuery, Query()]
) -> SignalList:
    """List the signals of an instance: what watches them, their last alarms, their windows."""
    name = _instance(stream, query.instance)
    signals = await services.backend.signals(name)
    if signals is None:
        raise _nothing_of(name)
    return SignalList(instance=name, signals=tuple(signals))


@router.get("/{stream}/windows")
async def list_windows(
    services: Served, _token: Reader, stream: StreamName, query: Annotated[WindowQuery, Query()]
) -> WindowPage:
    """List the stored windows of one signal and size, the newest first."""
    name = _instance(stream, query.instance)
    page = await services.backend.windows(name, query)
    if page is None:
        raise _nothing_of(name)
    return page


def _instance(stream: str, instance: str | None) -> str:
    name = stream if instance is None else instance
    if name.partition("/")[0] != stream:
        raise ProblemError(Kind.NOT_FOUND, f"{name!r} is no instance of {stream!r}")
    return name


def _unknown(stream: str) -> ProblemError:
    return ProblemError(Kind.NOT_FOUND, f"no stream {stream!r} is declared or stored")


def _nothing_of(instance: str) -> ProblemError:
    return ProblemError(Kind.NOT_FOUND, f"nothing is stored of {instance!r}")
