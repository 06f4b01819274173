"""The routes of the API, by what they are about."""

from typing import Final

from driftline.web.routes import health

ROUTERS: Final = (health.router,)
"""In the order of the document."""
