"""The committed offset is the end of the acknowledged prefix."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftline.transport.watermark import Watermark


@given(
    ends=st.lists(st.integers(1, 50), min_size=1, max_size=30),
    start=st.integers(0, 1000),
    data=st.data(),
)
def test_only_the_acknowledged_prefix_is_done(
    ends: list[int], start: int, data: st.DataObject
) -> None:
    """In whatever order ranges are acknowledged, done is the end of those without a hole."""
    mark = Watermark(start, generation=1, committed=None)
    ranges = []
    for length in ends:
        end = mark.handed + length
        ranges.append((mark.hand_out(end), end))
    acknowledged = set()
    for chosen in data.draw(st.permutations(ranges)):
        mark.ack(*chosen)
        acknowledged.add(chosen)
        expected = start
        for first, end in ranges:
            if (first, end) not in acknowledged:
                break
            expected = end
        assert mark.done == expected
    assert mark.done == ranges[-1][1]


def test_an_acknowledgement_that_is_repeated_changes_nothing() -> None:
    """A range acknowledged twice moves the prefix once."""
    mark = Watermark(10, generation=1, committed=10)
    first = mark.hand_out(20)
    mark.ack(first, 20)
    mark.ack(first, 20)
    assert mark.done == 20


def test_the_start_itself_is_committed_when_nothing_ever_was() -> None:
    """A place chosen by a start policy is kept, so that a restart does not choose again."""
    assert Watermark(10, generation=1, committed=None).to_commit == 10
    assert Watermark(10, generation=1, committed=10).to_commit is None


def test_a_start_below_what_is_committed_is_not_committed_backwards() -> None:
    """Reading again from before the committed offset takes nothing back from Kafka."""
    mark = Watermark(5, generation=1, committed=10)
    mark.ack(mark.hand_out(8), 8)
    assert mark.to_commit is None
    mark.ack(mark.hand_out(12), 12)
    assert mark.to_commit == 12
