"""Names of stored arrays: those of a part stand in the whole under a prefix."""

from collections.abc import Mapping
from typing import TypeVar

Stored = TypeVar("Stored")


def under(prefix: str, arrays: Mapping[str, Stored]) -> dict[str, Stored]:
    """The arrays whose names begin so, by the rest of their names.

    >>> under("view.", {"view.mean": 1, "points": 2})
    {'mean': 1}
    """
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
