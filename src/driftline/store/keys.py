"""The names of the keys in Redis.

    {<deployment>}:format              the version of this layout
    {<deployment>}:deployment          hash: digest, started_at, life
    {<deployment>}:superseded          set of the digests that were replaced
    {<deployment>}:events-partitions   the events log's partition count
    {<deployment>}:partition:<n>       hash: offset, blob
    {<deployment>}:sources             hash: <partition>|<topic> -> the topic's id
    {<deployment>}:attempts            hash: <partition>|<topic> -> reading that has not got on
    {<deployment>}:streams             set of the streams that have instances
    {<deployment>}:instances:<stream>  set of a stream's instances, by name
    {<deployment>}:garbage             set of the instances that have expired groups
    {<deployment>}:workers             set of workers' ids
    {<deployment>}:worker:<id>         what a worker said of itself; lives as long as its heartbeat

    {<deployment>}:notify:silences     hash: id -> silence, as JSON
    {<deployment>}:notify:subscriptions  hash: id -> subscription, as JSON
    {<deployment>}:notify:<records>:owners, :revision  of these two: hash: owner -> how many; a text
                                       that changes whenever one of them does

    {<deployment>:<instance>}:state    hash: offset, name, f:<field> for each part of the state
    {<deployment>:<instance>}:windows  hash: name -> blob
    {<deployment>:<instance>}:entries  hash: prediction id -> entry
    {<deployment>:<instance>}:group:<n>  list of packed ids, up to 500 each
    {<deployment>:<instance>}:groups   set of the groups that have a list
    {<deployment>:<instance>}:expired  set of the groups to collect
    {<deployment>:<instance>}:outbox   hash: event id -> event with its place in the order
    {<deployment>:<instance>}:journal  hash: what is left to apply of a large checkpoint

Text that comes out of records or from people (<stream>, <instance>, <id>) stands in a key as a
hash; it is readable in the sets and in `name`. What stands in braces is the hash tag: all keys of
an instance are in one cluster slot.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from driftline.model import InstanceKey


class Keys:
    """The keys of one deployment."""

    def __init__(self, deployment: str) -> None:
        self._deployment = quote(deployment, safe="")
        self.format = self.own("format")
        self.deployment = self.own("deployment")
        self.superseded = self.own("superseded")
        self.events_partitions = self.own("events-partitions")
        self.sources = self.own("sources")
        self.attempts = self.own("attempts")
        self.streams = self.own("streams")
        self.garbage = self.own("garbage")
        self.workers = self.own("workers")

    def own(self, *names: str) -> str:
        """A key of the deployment itself."""
        return ":".join((f"{{{self._deployment}}}", *names))

    def partition(self, number: int) -> str:
        """What an events partition stored."""
        return self.own("partition", str(number))

    def instances(self, stream: str) -> str:
        """The registry of a stream's instances."""
        return self.own("instances", _tag(stream))

    def worker(self, worker: str) -> str:
        """A worker's heartbeat."""
        return self.own("worker", _tag(worker))

    def of(self, instance: InstanceKey, suffix: str) -> str:
        """A key of an instance."""
        return f"{{{self._deployment}:{_tag(instance.name)}}}:{suffix}"


def _tag(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
