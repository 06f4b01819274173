"""Many places of a container at once."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Found = TypeVar("Found")


@overload
def look_up(container: Mapping[Any, Found], places: Sequence[Any]) -> tuple[Found, ...]: ...
@overload
def look_up(container: Sequence[Found], places: Sequence[int]) -> tuple[Found, ...]: ...
def look_up(
    container: Mapping[Any, Found] | Sequence[Found], places: Sequence[Any]
) -> tuple[Found, ...]:
    """What the container has at each place: half the time of mapping `__getitem__`."""
    if len(places) < 2:  # noqa: PLR2004 - only for more is what comes a tuple
        return tuple(container[place] for place in places)
    found: tuple[Found, ...] = itemgetter(*places)(container)
    return found
