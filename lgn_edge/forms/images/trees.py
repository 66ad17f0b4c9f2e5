"""Kernels as data: two halves of up to four leaves each, of a few kinds, and a root.

Complements are pushed to the root, as `passes.push_complements` does: what a half gives is 0 where its leaves are 0. So
four operations are enough, and halves are of few enough kinds to have a loop each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeVar

import numpy as np

from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import (
    A_AND_NOT_B,
    AND,
    COMPLEMENT_A,
    COMPLEMENT_B,
    COMPLEMENT_OUTPUT,
    DEPENDS_ON_A,
    DEPENDS_ON_B,
    FALSE,
    NOR,
    NOT_A_AND_B,
    PASS_A,
    TRUE,
    XOR,
    UInt8Array,
)
from lgn_edge.passes.kernel_tables import LEAVES, BoolArray, IntArray
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

Value = TypeVar("Value")

_QUARTER: Final = 2  # leaves
_HALF: Final = 4
_ANDN: Final = OPERATIONS.index(A_AND_NOT_B)
_ALL: Final = range(len(OPERATIONS))
# The operations of each kind of half, by their position in OPERATIONS: none, that of the first two leaves, or those of
# the first two, of the last two, and of these. Halves that differ in the order of their leaves are one kind.
HALVES: Final[tuple[tuple[int, ...], ...]] = (
    (),
    *((a,) for a in _ALL),
    *((a, b, above) for a, b, above in product(_ALL, repeat=3) if a <= b or above == _ANDN),
)
SMALL: Final = sum(len(operations) <= 1 for operations in HALVES)  # the first kinds, which are a gate or less
ROOTS: Final[tuple[int, ...]] = (*_ALL, -1)  # -1 where there is one half
_OP_OF_TABLE = np.zeros(16, np.int64)
_OP_OF_TABLE[list(OPERATIONS)] = _ALL
_KIND = np.full((len(OPERATIONS),) * 3, -1)
for _kind, _operations in enumerate(HALVES):
    if len(_operations) == 3:
        _KIND[_operations] = _kind


def half_value(operations: tuple[int, ...], leaf: Callable[[int], Value]) -> Value:
    """What a half of a kind gives, of words of any kind; `leaf` gives one of its leaves."""
    if not operations:
        return leaf(0)
    first: Value = EXECUTE[operations[0]](leaf(0), leaf(1))
    if len(operations) == 1:
        return first
    value: Value = EXECUTE[operations[2]](first, EXECUTE[operations[1]](leaf(2), leaf(3)))
    return value


@dataclass(frozen=True)
class Trees:
    """Kernels.

    Attributes:
        leaf: int32[K, 2, 4], the layer's leaf that each leaf of the halves is; what a half does not read repeats one.
        half: int32[K, 2], the kinds of the halves in HALVES.
        root: int32[K], in ROOTS; where it is none there is only the first half.
        flip: bool[K], whether the kernel is the complement of what its root gives.
        n_gates: gates of all that depend on two inputs.
    """

    leaf: Int32Array
    half: Int32Array
    root: Int32Array
    flip: BoolArray
    n_gates: int


def trees_of(table: UInt8Array) -> Trees:
    """The kernels with the tables uint8[K, leaves - 1], as `smallest_trees` leaves them."""
    kernels, leaves = len(table), table.shape[1] + 1
    levels = np.split(table, np.cumsum([leaves >> i for i in range(1, leaves.bit_length() - 1)]), axis=1)
    wide = [np.full((kernels, n), PASS_A, np.uint8) for n in (4, 2, 1)]
    for given, level in zip(levels, wide, strict=False):
        level[:, : given.shape[1]] = given
    gates, above, root = wide
    parts = [_quarter(gates[:, q], np.arange(_QUARTER) + _QUARTER * q) for q in range(LEAVES // _QUARTER)]
    halves = [_half(above[:, h], *parts[2 * h : 2 * h + 2]) for h in range(2)]
    left, right = halves
    both = DEPENDS_ON_B[root[:, 0]]
    operation, swapped, flip = _pushed(root[:, 0], left.flip, right.flip)
    swapped = swapped & both
    leaf, half = np.stack([left.leaf, right.leaf], axis=1), np.stack([left.kind, right.kind], axis=1)
    leaf[~both, 1] = leaf[~both, 0]
    leaf[swapped], half[swapped] = leaf[swapped, ::-1], half[swapped, ::-1]
    return Trees(
        leaf=leaf.astype(np.int32),
        half=half.astype(np.int32),
        root=np.where(both, operation, len(ROOTS) - 1).astype(np.int32),
        flip=np.where(both, flip, left.flip),
        n_gates=int((DEPENDS_ON_A & DEPENDS_ON_B)[table].sum()),
    )


@dataclass(frozen=True)
class _Part:
    """A quarter or half of each kernel.

    Attributes:
        leaf: int[K, leaves], the layer's.
        kind: int[K], of a quarter its operation, -1 where it has one leaf; of a half its kind.
        flip: bool[K], whether it is stored as its complement.
    """

    leaf: IntArray
    kind: IntArray
    flip: BoolArray


def _pushed(table: UInt8Array, flip_a: BoolArray, flip_b: BoolArray) -> tuple[IntArray, BoolArray, BoolArray]:
    """Gates of stored inputs: the operation, whether its inputs change places, whether it is stored as complement."""
    table = np.where(flip_a, COMPLEMENT_A[table], table)
    table = np.where(flip_b, COMPLEMENT_B[table], table)
    flip = (table & NOR) != 0
    table = np.where(flip, COMPLEMENT_OUTPUT[table], table)
    swapped = table == NOT_A_AND_B
    return _OP_OF_TABLE[np.where(swapped, A_AND_NOT_B, table)], swapped, flip


def _quarter(table: UInt8Array, leaves: IntArray) -> _Part:
    constant = (table == FALSE) | (table == TRUE)
    never = np.zeros(len(table), np.bool_)
    operation, swapped, flip = _pushed(table, never, never)
    leaf = np.where(swapped[:, None], leaves[::-1], leaves)
    one = ~DEPENDS_ON_B[table]
    leaf = np.where(one[:, None], leaves[0], leaf)
    operation[one] = -1
    operation[constant] = OPERATIONS.index(XOR)  # of a leaf and itself
    return _Part(leaf, operation, flip)


def _half(table: UInt8Array, a: _Part, b: _Part) -> _Part:
    both = DEPENDS_ON_B[table]
    operation, swapped, flip = _pushed(table, a.flip, b.flip)
    # a quarter of one leaf beside another quarter is the AND of it and itself
    of_a, of_b = (np.maximum(part.kind, OPERATIONS.index(AND)) for part in (a, b))
    swapped = both & (swapped | ((operation != _ANDN) & (of_a > of_b)))
    leaf = np.concatenate([a.leaf, b.leaf], axis=1)
    leaf = np.where(swapped[:, None], np.roll(leaf, _QUARTER, axis=1), leaf)
    leaf[~both, _QUARTER:] = leaf[~both, :1]
    first, second = np.where(swapped, of_b, of_a), np.where(swapped, of_a, of_b)
    kind = np.where(both, _KIND[first, second, operation], 1 + a.kind)
    return _Part(leaf, kind, np.where(both, flip, a.flip))
