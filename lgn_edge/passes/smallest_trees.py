"""Smallest trees: what a kernel does not depend on leaves its tree, and what is left moves to the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import LogicConv2d
from lgn_edge.network.truth_table import (
    COMPLEMENT_A,
    COMPLEMENT_B,
    COMPLEMENT_OUTPUT,
    DEPENDS_ON_A,
    DEPENDS_ON_B,
    FIX_A,
    FIX_B,
    NOT_A,
    PASS_A,
    SWAP_INPUTS,
    TRUE,
    UInt8Array,
)
from lgn_edge.passes.kernel_tables import LEAVES, BoolArray, IntArray, support, truth_tables, values_at

_FIX_A, _FIX_B = np.stack(FIX_A), np.stack(FIX_B)


def smallest_trees(layer: LogicConv2d) -> LogicConv2d:
    """Rewrite each kernel as a tree of the leaves that it depends on.

    Rule:
        a leaf that the kernel's function does not depend on -> is let go, and what its gates become without it
        a function of at most two cells -> one gate
        f(g(a, b), h(c)) and its like, with room in the left half -> the right half moves there
        a gate with one live input -> PASS_A of the left one; an inverter moves into the gate below it
    Of every gate that is left, the live leaves below its left input are no fewer than those below its right one. A tree
    whose right half is free in all kernels is half as large.

    Kept: kernels of more than 8 leaves (`split_trees` makes them smaller), in the same order; a cell that several
    leaves see where it is not the only one left.

    Promise: the same outputs for all inputs; no kernel has more live leaves (`live_leaves`) than before, and rewriting
    again changes nothing.

    Cost: O(kernels).
    """
    kernels, leaves = layer.leaf.shape[:2]
    if leaves > LEAVES:
        return layer
    variable = first_equal(layer.leaf)
    function = truth_tables(variable, layer.table)
    needed = support(function)
    alive = np.take_along_axis(needed, variable, axis=1)
    trees = [_Tree.leaf(np.full(kernels, i), alive[:, i]) for i in range(leaves)]
    gates = iter(layer.table.T)
    while len(trees) > 1:
        trees = [_join(next(gates), *pair) for pair in zip(trees[::2], trees[1::2], strict=True)]
    tree = trees[0].with_small(function, needed)
    while len(tree.levels) > 1 and (tree.levels[-1] == PASS_A).all():
        tree = tree.left_half()
    order = np.where(tree.alive, tree.order, tree.order[:, :1])
    leaf = np.take_along_axis(layer.leaf, order[:, :, None], axis=1)
    return replace(layer, leaf=leaf, table=np.concatenate(tree.levels, axis=1))


def live_leaves(table: UInt8Array) -> BoolArray:
    """Which leaves bool[K, leaves] of trees as `smallest_trees` leaves them are read: a wire reads its left input."""
    kernels, nodes = table.shape
    live = np.ones((kernels, 1), np.bool_)
    stop = nodes
    while stop:
        width = live.shape[1]
        gates = table[:, stop - width : stop]
        stop -= width
        live = np.stack([live & DEPENDS_ON_A[gates], live & DEPENDS_ON_B[gates]], axis=2).reshape(kernels, 2 * width)
    return live


def first_equal(leaf: NDArray[np.int32]) -> IntArray:
    """The first leaf int[K, leaves] that sees the same cell as each."""
    same = (leaf[:, :, None] == leaf[:, None]).all(axis=3)
    return np.asarray(same.argmax(axis=2))


@dataclass(frozen=True)
class _Tree:
    """The part of each kernel above some of its leaves; arrays belong to their tree and are changed by `_join`.

    Attributes:
        order: int[K, n], the kernel's leaf at each place.
        alive: bool[K, n], whether the part depends on it.
        levels: the gates uint8[K, n / 2], uint8[K, n / 4], ..., the root last.
    """

    order: IntArray
    alive: BoolArray
    levels: tuple[UInt8Array, ...]

    @classmethod
    def leaf(cls, number: IntArray, alive: BoolArray) -> _Tree:
        return cls(number[:, None], alive[:, None], ())

    @property
    def size(self) -> IntArray:
        """Leaves that are alive; 0 where the part is constant."""
        return np.asarray(self.alive.sum(axis=1))

    @property
    def one(self) -> BoolArray:
        """Whether a part that is constant is 1; a dead leaf is 0."""
        top = self.levels[-1][:, 0] if self.levels else np.zeros(len(self.order), np.uint8)
        return np.asarray(top == TRUE)

    def left_half(self) -> _Tree:
        """The part below the left input of the root."""
        half = self.order.shape[1] // 2
        levels = tuple(level[:, : level.shape[1] // 2] for level in self.levels[:-1])
        return _Tree(self.order[:, :half], self.alive[:, :half], levels)

    def where(self, chosen: BoolArray, other: _Tree) -> _Tree:
        """This part where `chosen` is true, the other one elsewhere."""
        mask = chosen[:, None]
        levels = [np.where(mask, a, b) for a, b in zip(self.levels, other.levels, strict=True)]
        return _Tree(np.where(mask, self.order, other.order), np.where(mask, self.alive, other.alive), tuple(levels))

    def complement(self, chosen: BoolArray) -> None:
        """Complement the part where `chosen` is true, at the highest gate that is no wire."""
        for i, level in reversed(list(enumerate(self.levels))):
            here = chosen & ((level[:, 0] != PASS_A) | (i == 0))
            level[here, 0] = COMPLEMENT_OUTPUT[level[here, 0]]
            chosen = chosen & ~here

    def clear(self, chosen: BoolArray) -> None:
        """Let the leaves go where `chosen` is true."""
        self.alive[chosen] = False
        for level in self.levels:
            level[chosen] = PASS_A

    def with_small(self, function: NDArray[np.uint64], needed: BoolArray) -> _Tree:
        """The trees of functions of no more than two variables replaced by one gate, and wires above it."""
        small = needed.sum(axis=1) <= 2
        first, second = needed.argmax(axis=1), LEAVES - 1 - needed[:, ::-1].argmax(axis=1)
        a, b = 1 << first, np.where(first < second, 1 << second, 0)  # with one variable the gate ignores b
        bits = [values_at(function, place) for place in (0 * a, b, a, a | b)]
        gate = np.asarray(8 * bits[0] + 4 * bits[1] + 2 * bits[2] + bits[3], np.uint8)
        order, alive, levels = self.order.copy(), self.alive.copy(), [level.copy() for level in self.levels]
        order[small, 0], order[small, 1] = first[small], second[small]
        order[small & ~needed.any(axis=1), :2] = 0
        alive[small] = False
        alive[:, 0] |= small & DEPENDS_ON_A[gate]
        alive[:, 1] |= small & DEPENDS_ON_B[gate]
        for level in levels:
            level[small] = PASS_A
        levels[0][small, 0] = gate[small]
        return _Tree(order, alive, tuple(levels))


def _join(table: UInt8Array, a: _Tree, b: _Tree) -> _Tree:
    """The part that is a gate uint8[K] of two parts of the same size."""
    gate = np.where(a.size == 0, _FIX_A[a.one.astype(np.intp), table], table)
    gate = np.where(b.size == 0, _FIX_B[b.one.astype(np.intp), gate], gate)
    reads_a, reads_b = DEPENDS_ON_A[gate], DEPENDS_ON_B[gate]
    swapped = reads_b & (~reads_a | (b.size > a.size))
    a, b = b.where(swapped, a), a.where(swapped, b)
    gate = np.where(swapped, SWAP_INPUTS[gate], gate)
    both = reads_a & reads_b
    a.clear(~reads_a & ~reads_b)
    b.clear(~both)
    if not a.levels:
        return _joined(gate, a, b)
    a.complement(gate == NOT_A)
    gate[gate == NOT_A] = PASS_A
    half = a.order.shape[1] // 2
    room = both & (a.size <= half) & (b.size <= half)
    gate = _absorbed(gate, room, (a, b))
    a.order[room, half:], a.alive[room, half:] = b.order[room, :half], b.alive[room, :half]
    for of_a, of_b in zip(a.levels[:-1], b.levels[:-1], strict=True):
        middle = of_a.shape[1] // 2
        of_a[room, middle:] = of_b[room, :middle]
    a.levels[-1][room, 0] = gate[room]
    gate[room] = PASS_A
    b.clear(room)
    return _joined(gate, a, b)


def _absorbed(gate: UInt8Array, room: BoolArray, parts: Sequence[_Tree]) -> UInt8Array:
    """The gates uint8[K] that read the leaf of a part without the inverter that is its gate."""
    for part, complemented in zip(parts, (COMPLEMENT_A, COMPLEMENT_B), strict=True):
        gate = np.where(room & (part.levels[-1][:, 0] == NOT_A), complemented[gate], gate)
    return gate


def _joined(gate: UInt8Array, a: _Tree, b: _Tree) -> _Tree:
    levels = [np.concatenate(pair, axis=1) for pair in zip(a.levels, b.levels, strict=True)]
    order, alive = np.concatenate([a.order, b.order], axis=1), np.concatenate([a.alive, b.alive], axis=1)
    return _Tree(order, alive, (*levels, gate[:, None].copy()))
