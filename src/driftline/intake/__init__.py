"""The first hop: a source's batch becomes messages of the events log, and rejects."""

from driftline.intake.reading import Reading, Refused, SourceRange, TopicReader

__all__ = ["Reading", "Refused", "SourceRange", "TopicReader"]
