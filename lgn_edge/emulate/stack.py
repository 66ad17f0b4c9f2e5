"""How deep the stack went: paint it, run, look for the lowest word that lost its colour.

A function that reserves stack without writing to it is not seen; neither is one that writes the very colour.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lgn_edge.emulate.cpu import Region

_COLOUR = 0xC5AA5A3C  # no address of the emulated memory, no small number


def paint(uc: Any, stack: Region, size: int) -> None:
    """Paint the upper `size` bytes of the stack."""
    words = -(-size // 4)
    uc.mem_write(stack.address + stack.size - 4 * words, np.full(words, _COLOUR, "<u4").tobytes())


def high_water(uc: Any, stack: Region, top: int) -> int:
    """Bytes from the lowest written word up to `top`; 0 when nothing below `top` was written."""
    words = np.frombuffer(bytes(uc.mem_read(stack.address, top - stack.address)), "<u4")
    written = words != _COLOUR
    return top - stack.address - 4 * int(written.argmax()) if written.any() else 0
