"""What the passes share: putting one signal in the place of another, dropping gates, sorting stably."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Circuit
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import COMPLEMENT_A, COMPLEMENT_B

IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]


def substitute(circuit: Circuit, target: Int32Array, keep: BoolArray, inverted: BoolArray | None = None) -> Circuit:
    """The circuit of the gates where `keep` is true; every reader of signal s reads `target[s]` instead.

    Args:
        circuit: the gates.
        target: int32[n_signals], an input or a kept gate that is not behind s.
        keep: bool[G].
        inverted: bool[n_signals], signals whose readers read the complement of their target; absorbed by the tables of
            the readers and by `inverted` of the outputs.
    """
    table, a, b, flip = circuit.table[keep], circuit.a[keep], circuit.b[keep], circuit.inverted
    if inverted is not None:
        table = np.where(inverted[a], COMPLEMENT_A[table], table)
        table = np.where(inverted[b], COMPLEMENT_B[table], table)
        flip = flip ^ inverted[circuit.outputs]
    number = _numbers(circuit, keep)[target]
    return Circuit(circuit.n_inputs, table, number[a], number[b], number[circuit.outputs], flip)


def keep_gates(circuit: Circuit, keep: BoolArray) -> Circuit:
    """The circuit of the gates where `keep` (bool[G]) is true; no kept gate and no output may read another."""
    number = _numbers(circuit, keep)
    return replace(
        circuit,
        table=circuit.table[keep],
        a=number[circuit.a[keep]],
        b=number[circuit.b[keep]],
        outputs=number[circuit.outputs],
    )


def _numbers(circuit: Circuit, keep: BoolArray) -> Int32Array:
    """What each signal is called among the inputs and the gates where `keep` is true."""
    number = np.arange(circuit.n_signals, dtype=np.int32)
    number[circuit.n_inputs :] = circuit.n_inputs + np.cumsum(keep, dtype=np.int32) - keep
    return number


def distinct(numbers: IntArray) -> NDArray[np.signedinteger[Any]]:
    """The different ones of some numbers from 0, ascending.

    By sorting, which numpy does with vector instructions: several times as fast as the hashing of `np.unique`.
    """
    ordered = np.sort(numbers)
    different: NDArray[np.signedinteger[Any]] = ordered[np.diff(ordered, prepend=-1) != 0]
    return different


def stable_order(key: IntArray) -> NDArray[np.int64]:
    """The permutation that sorts `key` (integers 0 <= key < 2**31), equal keys in the order they stand.

    Key and position share one 64-bit integer, because numpy sorts those with vector instructions: several times as fast
    as a stable argsort.
    """
    packed = key.astype(np.int64) << 32
    packed |= np.arange(len(key))
    packed.sort()
    packed &= 0xFFFF_FFFF
    return packed


class Readers:
    """The gates that read each signal, for walking a circuit forwards.

    Reading g of `a` is the number g, reading g of `b` is n_gates + g.
    """

    def __init__(self, circuit: Circuit) -> None:
        source = np.concatenate([circuit.a, circuit.b])
        self._readings = stable_order(source)
        self._stop = np.cumsum(np.bincount(source, minlength=circuit.n_signals))

    def of(self, signals: IntArray) -> tuple[IntArray, IntArray]:
        """The readings of some signals, and for each the position in `signals` of the one it reads."""
        stop = self._stop[signals]
        count = stop - np.where(signals > 0, self._stop[signals - 1], 0)
        position = np.repeat(np.arange(len(signals)), count)
        end = np.cumsum(count)
        return self._readings[np.arange(len(position)) + np.repeat(stop - end, count)], position
