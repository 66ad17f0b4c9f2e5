"""Kernels as functions: the truth table of a tree of up to 8 leaves, 256 bits.

Bit i of a table is the value where variable v is bit v of i. A table is four words, the lowest bits first.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network.truth_table import UInt8Array, evaluate_gates

LEAVES: Final = 8  # variables of a table
Tables = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.signedinteger[Any]]

# the table of each variable by itself, uint64[8, 4]
VARIABLES: Final = np.packbits(
    np.arange(2**LEAVES) >> np.arange(LEAVES)[:, None] & 1, axis=1, bitorder="little"
).view("<u8").astype(np.uint64)  # fmt: skip


def truth_tables(variable: IntArray, table: UInt8Array) -> Tables:
    """The function of each kernel.

    Args:
        variable: int[K, leaves], which of 8 variables each leaf is; leaves may share one, and -1 is a constant 0.
        table: uint8[K, leaves - 1], the gates (see `LogicConv2d`).

    Returns:
        uint64[K, 4].
    """
    known = np.concatenate([VARIABLES, np.zeros((1, VARIABLES.shape[1]), np.uint64)])
    values: list[Any] = [known[variable[:, leaf]] for leaf in range(variable.shape[1])]
    for n in range(table.shape[1]):
        values.append(evaluate_gates(table[:, n], values[2 * n], values[2 * n + 1]))
    return np.asarray(values[-1])


def values_at(tables: Tables, place: IntArray) -> UInt8Array:
    """The bit uint8[K] of each table at one place int[K]."""
    word = np.take_along_axis(tables, place[:, None] >> 6, axis=1)[:, 0]
    bit: UInt8Array = (word >> (place & 63).astype(np.uint64) & np.uint64(1)).astype(np.uint8)
    return bit


def support(tables: Tables) -> BoolArray:
    """Which variables bool[K, 8] each function depends on."""
    bits = np.unpackbits(tables.astype("<u8").view(np.uint8), axis=1, bitorder="little")
    cube = bits.reshape(len(tables), *(2,) * LEAVES)  # variable 7 is the first axis behind the kernels
    every = tuple(range(1, LEAVES))
    return np.stack(
        [(cube.take(0, LEAVES - v) != cube.take(1, LEAVES - v)).any(axis=every) for v in range(LEAVES)], axis=1
    )
