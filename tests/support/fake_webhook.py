"""A webhook's endpoint: takes CloudEvents, and says which it has had."""

from __future__ import annotations

from typing import Any

from support.scripted_server import ScriptedServer


class FakeWebhook(ScriptedServer):
    """Takes everything, unless its script says otherwise."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The CloudEvents that came, repeated ones too."""
        return [request.json() for request in self.requests]

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of each request: a repeated one is a repeated delivery."""
        return [request.headers["webhook-id"] for request in self.requests]
