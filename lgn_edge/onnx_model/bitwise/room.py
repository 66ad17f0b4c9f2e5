"""How many signals the values of a graph may have: a small file may name huge ones."""

from __future__ import annotations

from typing import Final

from lgn_edge.errors import InputError

MOST: Final = 1 << 27  # of one value, twice the largest network there is
ALL: Final = 4 * MOST  # of all values: nodes that double a list are soon many


class Room:
    """What is left for values that are still to be made."""

    def __init__(self) -> None:
        self._taken = 0

    def check(self, size: int) -> None:
        """Check a result before it takes memory.

        Raises:
            InputError: it is too large, or all values are.
        """
        total = self._taken + size
        if size > MOST or total > ALL:
            raise InputError(f"its result has {size} of at most {MOST} signals, all so far {total}; the most are {ALL}")

    def take(self, size: int) -> None:
        """The same, and it is there from now on."""
        self.check(size)
        self._taken += size
