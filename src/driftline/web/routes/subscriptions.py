"""Subscriptions: a token sees and changes its own, one with scope admin everybody's."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import SecretStr

from driftline.model import to_micros
from driftline.notify.refusals import NotFoundError
from driftline.notify.subscriptions import Subscription
from driftline.web.access import Reader, Served, Writer
from driftline.web.models.common import Page, PageQuery
from driftline.web.models.subscriptions import (
    MadeSubscription,
    NewSubscription,
    SubscriptionAnswer,
    TestSent,
)
from driftline.web.problems import Kind, ProblemError
from driftline.web.services import Services
from driftline.web.tokens import Scope, Token

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

SubscriptionId = Annotated[
    str, Path(pattern="^[0-9a-f]{16}$", description="The subscription's id.")
]


@router.get("")
async def list_subscriptions(
    services: Served, token: Reader, query: Annotated[PageQuery, Query()]
) -> Page[SubscriptionAnswer]:
    """List the token's subscriptions, oldest first; with scope admin everybody's."""
    known = await services.backend.subscriptions(None if _sees_all(token) else token.name)
    rest = [one for one in known if query.cursor is None or _order(one) > query.cursor]
    page = rest[: query.limit]
    return Page(
        items=tuple(map(SubscriptionAnswer.of, page)),
        next=_order(page[-1]) if len(rest) > len(page) else None,
    )


@router.post("", status_code=201)
async def add_subscription(
    services: Served, token: Writer, body: NewSubscription, response: Response
) -> MadeSubscription:
    """Subscribe: alerts that match are sent to the target from now on.

    URL and secret are kept, as whoever sends needs them, and are never shown again.
    """
    owner = body.owner or token.name
    if owner != token.name and not _sees_all(token):
        msg = "a subscription for somebody else needs a token with scope admin"
        raise ProblemError(Kind.FORBIDDEN, msg)
    made = await services.backend.add_subscription(
        owner, body.filter.to_matchers("filter"), body.target, to_micros(services.now())
    )
    response.headers["Location"] = f"/v1/subscriptions/{made.id}"
    fresh = made.target.secret if body.target.secret is None else None
    secret = fresh.get_secret_value() if isinstance(fresh, SecretStr) else None
    return MadeSubscription(**SubscriptionAnswer.of(made).model_dump(), secret=secret)


@router.get("/{subscription_id}")
async def show_subscription(
    services: Served, token: Reader, subscription_id: SubscriptionId
) -> SubscriptionAnswer:
    """Show a subscription."""
    return SubscriptionAnswer.of(await _own(services, token, subscription_id))


@router.delete("/{subscription_id}", status_code=204)
async def remove_subscription(
    services: Served, token: Writer, subscription_id: SubscriptionId
) -> None:
    """Remove a subscription with its secrets."""
    await _own(services, token, subscription_id)
    await services.backend.remove_subscription(subscription_id)


@router.post("/{subscription_id}/pause")
async def pause_subscription(
    services: Served, token: Writer, subscription_id: SubscriptionId
) -> SubscriptionAnswer:
    """Send nothing for now. One that was disabled stays so."""
    await _own(services, token, subscription_id)
    return SubscriptionAnswer.of(await services.backend.pause_subscription(subscription_id))


@router.post("/{subscription_id}/resume")
async def resume_subscription(
    services: Served, token: Writer, subscription_id: SubscriptionId
) -> SubscriptionAnswer:
    """Send again, with what comes from now on; also one that was disabled."""
    await _own(services, token, subscription_id)
    return SubscriptionAnswer.of(await services.backend.resume_subscription(subscription_id))


@router.post("/{subscription_id}/test")
async def try_subscription(
    services: Served, token: Writer, subscription_id: SubscriptionId
) -> TestSent:
    """Send a test message now. 502 says why it did not arrive."""
    subscription = await _own(services, token, subscription_id)
    sent = await services.backend.test_subscription(subscription)
    return TestSent(receiver=subscription.receiver, notification_id=sent)


def _sees_all(token: Token) -> bool:
    return token.scope.includes(Scope.ADMIN)


async def _own(services: Services, token: Token, subscription_id: str) -> Subscription:
    """The subscription, if the token may see it: for others there is none of this id."""
    found = await services.backend.subscription(subscription_id)
    if found.owner != token.name and not _sees_all(token):
        msg = f"no subscription {subscription_id!r}"
        raise NotFoundError(msg)
    return found


def _order(subscription: Subscription) -> str:
    """What the list is sorted by, as text."""
    return f"{subscription.created_at:020d}.{subscription.id}"
