"""Constants: gates that cannot but be 0 or 1, and what follows for the gates that read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lgn_edge.network import Circuit
from lgn_edge.network.truth_table import DEPENDS_ON_A, DEPENDS_ON_B, FALSE, FIX_A, FIX_B, SAME_INPUT, TRUE
from lgn_edge.passes.rewrite import Readers, distinct

_FIX_A, _FIX_B = np.stack(FIX_A), np.stack(FIX_B)


def fold(circuit: Circuit) -> Circuit:
    """Replace what is known: constants, and functions of one signal.

    Rule:
        f(x, x)       -> 0, x, ~x or 1
        f(0, b)       -> 0, b, ~b or 1, the same for f(1, b), f(a, 0), f(a, 1); as far as the constants reach
        f that ignores an input -> reads the other one twice; a constant reads input 0 twice

    Kept: every gate stays in its place (`forward` and `prune` remove); f(x, ~x) stays until `forward` has absorbed the
    inverter, or `push_complements` and `dedupe` have merged the two signals.

    Promise: the same outputs for all inputs; the same number of gates; no gate with a constant or with two equal inputs
    depends on two signals.

    Cost: O(gates) and a few array operations a level that constants travel; without constants no level at all.
    """
    table, a, b = circuit.table.copy(), circuit.a.copy(), circuit.b.copy()
    same = a == b
    table[same] = SAME_INPUT[table[same]]
    constant = (table == FALSE) | (table == TRUE)
    wave = np.flatnonzero(constant)
    readers = Readers(circuit) if len(wave) else None
    while readers is not None and len(wave):
        readings, position = readers.of(circuit.n_inputs + wave)
        value = (table[wave] == TRUE).astype(np.intp)[position]
        of_a = readings < circuit.n_gates
        by_a, by_b = readings[of_a], readings[~of_a] - circuit.n_gates
        table[by_a] = _FIX_A[value[of_a], table[by_a]]
        table[by_b] = _FIX_B[value[~of_a], table[by_b]]
        reached = np.concatenate([by_a, by_b])
        wave = distinct(reached[~constant[reached] & ((table[reached] == FALSE) | (table[reached] == TRUE))])
        constant[wave] = True
    a, b = np.where(DEPENDS_ON_A[table], a, b), np.where(DEPENDS_ON_B[table], b, a)
    a[constant] = b[constant] = 0
    table = np.where(a == b, SAME_INPUT[table], table)  # a wire is written as a wire of its first input
    folded = replace(circuit, table=table, a=a, b=b)
    return circuit if folded == circuit else folded
