"""Dead gates: gates that no output can see."""

from __future__ import annotations

import numpy as np

from lgn_edge.network import Circuit
from lgn_edge.passes.rewrite import keep_gates


def prune(circuit: Circuit) -> Circuit:
    """Remove the gates that no output reaches by following inputs backwards.

    Rule:
        gate without a path to an output -> nothing

    Kept: inputs, read or not; both inputs of a live gate, also one that its table ignores (`fold` rewires those).

    Promise: the same outputs for all inputs; every gate left is read or is an output; never more gates.

    Cost: O(gates) and a few array operations a level; no level at all when nothing is dead.
    """
    read = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        read[signals] = True
    if read[circuit.n_inputs :].all():  # the last gate is an output, so the one before it is live, and so on
        return circuit
    live = np.zeros(circuit.n_signals, np.bool_)
    live[: circuit.n_inputs] = True
    wave = circuit.outputs
    while len(wave):
        wave = np.unique(wave[~live[wave]])
        live[wave] = True
        gates = wave - circuit.n_inputs
        wave = np.concatenate([circuit.a[gates], circuit.b[gates]])
    return keep_gates(circuit, live[circuit.n_inputs :])
