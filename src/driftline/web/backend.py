"""What the API needs of the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from driftline.web.models.health import Health


class Backend(Protocol):
    """The deployment behind the API.

    Every method may raise UnavailableError where a server is away, and does not block the loop.
    """

    async def problem(self) -> str | None:
        """What keeps the API from answering in full; None: nothing."""
        ...

    async def health(self) -> Health:
        """How the deployment is doing."""
        ...
