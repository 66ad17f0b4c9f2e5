"""Structural hashing: gates that compute the same function of the same signals become one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lgn_edge.errors import UnsupportedError
from lgn_edge.network import Circuit
from lgn_edge.network.truth_table import SWAP_INPUTS, UInt8Array
from lgn_edge.passes.rewrite import IntArray, stable_order, substitute

_MAX_SIGNALS = 2**30  # table, a and b share one 64-bit key: 4 + 30 + 30 bits


def dedupe(circuit: Circuit) -> Circuit:
    """Merge gates with equal tables and inputs into the first of them, level by level.

    Rule:
        f(x, y) and f(x, y), or f(x, y) and f'(y, x) with f'(b, a) = f(a, b) -> the earlier of the two, read by both's
        readers, which may make those equal in turn

    Kept: equal functions that are built from different signals; f and ~f, unless `push_complements` has made them one
    function before.

    Promise: the same outputs for all inputs; no two gates are equal in this sense; never more gates, and none becomes
    dead (what the removed gate read, the other one reads).

    Cost: one sort of the gates when all differ, else one a level and the levels.

    Raises:
        UnsupportedError: more than 2**30 signals.
    """
    if circuit.n_signals > _MAX_SIGNALS:
        raise UnsupportedError(f"dedupe: {circuit.n_signals} signals; it handles {_MAX_SIGNALS} at most")
    every = np.sort(_key(circuit.table, circuit.a, circuit.b))
    if not (every[1:] == every[:-1]).any():
        return circuit
    # Gates that turn out equal lie on one level: their inputs were equal, or merged and so on one level themselves.
    level = circuit.levels()[circuit.n_inputs :]
    order = stable_order(level)
    bounds = np.flatnonzero(np.diff(level[order], prepend=0, append=np.iinfo(np.int32).max))
    target = np.arange(circuit.n_signals, dtype=np.int32)
    for start, stop in pairwise(bounds):
        if stop - start > 1:
            gates = order[start:stop]
            key = _key(circuit.table[gates], target[circuit.a[gates]], target[circuit.b[gates]])
            _, first, group = np.unique(key, return_index=True, return_inverse=True)
            target[circuit.n_inputs + gates] = circuit.n_inputs + gates[first[group]]
    kept = target[circuit.n_inputs :] == np.arange(circuit.n_inputs, circuit.n_signals)
    return substitute(circuit, target, kept)


def _key(table: UInt8Array, a: IntArray, b: IntArray) -> NDArray[np.uint64]:
    """One number a gate, equal for equal gates: the smaller of the two ways to write it."""
    return np.minimum(_packed(table, a, b), _packed(SWAP_INPUTS[table], b, a))


def _packed(table: UInt8Array, a: IntArray, b: IntArray) -> NDArray[np.uint64]:
    key = table.astype(np.uint64)
    for signals in (a, b):
        key <<= np.uint64(30)
        key |= signals.astype(np.uint64)
    return key
