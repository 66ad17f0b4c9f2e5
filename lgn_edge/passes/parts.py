"""Gates split into the functions of straight-line code, and what passes between these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit
from lgn_edge.passes.register_order import register_order

LARGEST_FUNCTION: Final = 2000  # gates; compilers take much longer than twice as long for twice as many


@dataclass(frozen=True)
class Parts:
    """Gates as they stand in functions.

    Attributes:
        gates: int64[...] of each function, in order.
        crossing: signals of gates that a later function reads, ascending.
        reads: operands that are expected in memory, not in a register.
        alive: most values that are known and still read, at any time.
    """

    gates: tuple[NDArray[np.int64], ...]
    crossing: tuple[int, ...]
    reads: int
    alive: int


def parts(circuit: Circuit) -> Parts:
    """How the gates of a simplified circuit become functions."""
    order = register_order(circuit)
    split = np.split(order.gates, range(LARGEST_FUNCTION, len(order.gates), LARGEST_FUNCTION))
    own = np.zeros(circuit.n_signals, np.int64)
    for number, gates in enumerate(split):
        own[circuit.n_inputs + gates] = number
    reader = own[circuit.n_inputs :]
    crossing = [wires[(wires >= circuit.n_inputs) & (own[wires] < reader)] for wires in (circuit.a, circuit.b)]
    return Parts(tuple(split), tuple(np.unique(np.concatenate(crossing)).tolist()), order.reads, order.alive)
