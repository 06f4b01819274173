"""The routes of the API, by what they are about."""

from typing import Final

from driftline.web.routes import alerts, health, receivers, silences, streams, subscriptions

ROUTERS: Final = (
    streams.router,
    alerts.router,
    silences.router,
    subscriptions.router,
    receivers.router,
    health.router,
)
"""In the order of the document."""
