"""Receivers that config/alerting.yaml declares, and the audit log."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from driftline.web.access import Admin, Reader, Served
from driftline.web.models.common import Page
from driftline.web.models.subscriptions import AuditAnswer, AuditQuery, ReceiverAnswer, TestSent

router = APIRouter(prefix="/v1", tags=["receivers"])

ReceiverName = Annotated[str, Path(max_length=200, description="The receiver's name.")]


@router.get("/receivers")
async def list_receivers(services: Served, _token: Reader) -> Page[ReceiverAnswer]:
    """List the receivers, all on one page. No address is shown: some are secrets."""
    return Page(items=tuple(await services.backend.receivers()), next=None)


@router.post("/receivers/{name}/test")
async def try_receiver(services: Served, _token: Admin, name: ReceiverName) -> TestSent:
    """Send a test message now. 502 says why it did not arrive. Needs scope admin."""
    return TestSent(receiver=name, notification_id=await services.backend.test_receiver(name))


@router.get("/audit", tags=["audit"])
async def list_audit(
    services: Served, _token: Admin, query: Annotated[AuditQuery, Query()]
) -> Page[AuditAnswer]:
    """List the requests that would change something, newest first. Needs scope admin."""
    found = await services.audit.read(query.limit + 1, query.cursor)
    page = found[: query.limit]
    items = tuple(AuditAnswer(id=one_id, **asdict(entry)) for one_id, entry in page)
    return Page(items=items, next=page[-1][0] if len(found) > len(page) else None)
