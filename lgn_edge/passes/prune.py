"""Dead gates: gates that no output can see."""

from __future__ import annotations

import numpy as np

from lgn_edge.network import Circuit
from lgn_edge.passes.rewrite import distinct, keep_gates


def prune(circuit: Circuit) -> Circuit:
    """Remove the gates that no output reaches by following inputs backwards.

    Rule:
        gate that nobody reads and that is no output -> nothing, which may leave its inputs unread in turn

    Kept: inputs, read or not; both inputs of a live gate, also one that its table ignores (`fold` rewires those).

    Promise: the same outputs for all inputs; every gate left is read or is an output; never more gates.

    Cost: O(gates) and a few array operations a level of dead gates; no level at all when nothing is dead.
    """
    signals = np.concatenate([circuit.a, circuit.b, circuit.outputs])
    readers = np.bincount(signals, minlength=circuit.n_signals)
    keep = np.ones(circuit.n_gates, np.bool_)
    wave = np.flatnonzero(readers[circuit.n_inputs :] == 0)
    while len(wave):
        keep[wave] = False
        sources = np.concatenate([circuit.a[wave], circuit.b[wave]])
        np.subtract.at(readers, sources, 1)
        unread = sources[(readers[sources] == 0) & (sources >= circuit.n_inputs)]
        wave = distinct(unread) - circuit.n_inputs
    return circuit if keep.all() else keep_gates(circuit, keep)
