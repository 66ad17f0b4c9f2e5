"""Wires and inverters: gates that only repeat or complement one signal."""

from __future__ import annotations

import numpy as np

from lgn_edge.network import Circuit
from lgn_edge.network.truth_table import NOT_A, NOT_B, PASS_A, PASS_B
from lgn_edge.passes.rewrite import substitute


def forward(circuit: Circuit) -> Circuit:
    """Remove wires and inverters; their readers read the source.

    Rule:
        f(wire(x), b)     -> f(x, b)
        f(inverter(x), b) -> f'(x, b) with f'(a, b) = f(~a, b); the same for the second input
        output = inverter(x) -> output = x, `inverted` flipped

    Kept: a gate that ignores an input but is written as another table, such as AND(x, x), is not a wire until `fold`
    has rewritten it.

    Promise: the same outputs for all inputs; no gate is PASS_A, PASS_B, NOT_A or NOT_B; never more gates.

    Cost: O(gates * log(longest chain of wires)): chains are halved by pointer jumping.
    """
    of_a = np.isin(circuit.table, (PASS_A, NOT_A))
    wire = of_a | np.isin(circuit.table, (PASS_B, NOT_B))
    if not wire.any():
        return circuit
    target = np.arange(circuit.n_signals, dtype=np.int32)
    target[circuit.n_inputs :][wire] = np.where(of_a, circuit.a, circuit.b)[wire]
    inverted = np.zeros(circuit.n_signals, np.bool_)
    inverted[circuit.n_inputs :] = np.isin(circuit.table, (NOT_A, NOT_B))
    moving = circuit.n_inputs + np.flatnonzero(wire)
    while len(moving):
        source = target[moving]
        further = target[source]
        chained = further != source  # what is no wire is its own target
        moving, source, further = moving[chained], source[chained], further[chained]
        inverted[moving] ^= inverted[source]
        target[moving] = further
    return substitute(circuit, target, ~wire, inverted)
