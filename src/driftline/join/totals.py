"""What became of all predictions and labels, counted; and what is stored beside the entries."""

from __future__ import annotations

import msgspec

from driftline.errors import StateError
from driftline.join.group import GroupsState  # noqa: TC001 - msgspec reads it
from driftline.model import Micros  # noqa: TC001 - msgspec reads it


class JoinTotals(msgspec.Struct):
    """What became of every prediction and label so far.

    predictions = joined + expired + evicted + waiting now, and labels = joined + duplicates +
    corrected + orphaned + evicted labels + early now; a duplicate or late prediction is in neither
    sum.
    """

    predictions: int = 0
    """Predictions taken in; duplicates and late ones apart."""
    labels: int = 0
    """Labels taken in, duplicates and corrections among them."""
    joined: int = 0
    delay: Micros = 0
    """The label delays of all that were joined, added up."""
    early: int = 0
    """Labels that came before their prediction, whatever became of them."""
    duplicate_predictions: int = 0
    duplicate_labels: int = 0
    corrected: int = 0
    expired: int = 0
    """Predictions that were never labelled within the horizon."""
    orphaned: int = 0
    """Labels whose prediction never came, or had passed its horizon."""
    evicted: int = 0
    """Predictions dropped because more than `max_waiting` entries were held."""
    evicted_labels: int = 0
    """Early labels dropped for the same reason."""
    late: int = 0
    """Predictions whose horizon was over when they came: new ones, or some that are sent again."""

    @property
    def duplicates(self) -> int:
        """Predictions and labels that had come before."""
        return self.duplicate_predictions + self.duplicate_labels


class JoinState(msgspec.Struct, array_like=True):
    """What is stored of a join apart from its entries."""

    now: Micros
    totals: JoinTotals
    groups: GroupsState

    def encode(self) -> bytes:
        """The state as it is stored."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, blob: bytes) -> JoinState:
        """The inverse of `encode`.

        Raises:
            StateError: the blob does not decode.
        """
        try:
            return msgspec.msgpack.decode(blob, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"the stored join does not decode: {error}"
            raise StateError(msg) from error
