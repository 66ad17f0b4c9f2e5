"""What can go wrong while firmware runs."""

from __future__ import annotations

from lgn_edge.errors import LgnError


class EmulationError(LgnError):
    """The firmware did what a device would not survive: a fault, an overflow, a wrong return code, no end.

    The message names the program counter, the nearest symbol and, where one is involved, the address.
    """
