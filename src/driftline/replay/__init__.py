"""Replay: the same monitor over recorded files, without Kafka and without Redis."""

from driftline.replay.replay import Replay

__all__ = ["Replay"]
