"""How a request about silences or subscriptions may fail."""

from __future__ import annotations

from driftline.errors import DriftlineError


class RefusedError(DriftlineError):
    """What is asked for is wrong; the text says what would have been right."""


class TooManyError(DriftlineError):
    """There are as many as there may be."""


class NotFoundError(DriftlineError):
    """There is no such thing."""
