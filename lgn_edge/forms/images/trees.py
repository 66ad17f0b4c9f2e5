"""Kernels as data: trees of a few shapes, whose gates are numbers that masks are looked up by.

Two kinds of gates are enough. A gate that reads a leaf can be any of the sixteen. One that reads gates only has its
inputs complemented for nothing, as those are any gate too; so it is one of four, and takes one instruction less where
there are ternary ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import (
    COMPLEMENT_B,
    COMPLEMENT_OUTPUT,
    DEPENDS_ON_A,
    DEPENDS_ON_B,
    NOT_A,
    PASS_A,
    XNOR,
    XOR,
    UInt8Array,
    algebraic_normal_form,
)
from lgn_edge.passes.kernel_tables import LEAVES, BoolArray
from lgn_edge.passes.smallest_trees import live_leaves

Value = TypeVar("Value")


@dataclass(frozen=True)
class TreeShape:
    """What a loop is made for.

    Attributes:
        leaves: that it reads.
        gates: gates that read a leaf.
        nodes: gates that read gates only.
    """

    leaves: int
    gates: int
    nodes: int


SHAPES: Final = tuple(TreeShape(*sizes) for sizes in ((1, 1, 0), (2, 1, 0), (3, 2, 0), (4, 2, 1), (6, 3, 2), (8, 4, 3)))


def tree_value(
    shape: TreeShape,
    leaf: Callable[[int], Value],
    gate: Callable[[int, Value, Value | None], Value],
    node: Callable[[int, Value, Value], Value],
) -> Value:
    """The value of a tree: `(((l0 l1) (l2 l3)) ((l4 l5) (l6 l7)))`, and what is left of it with fewer leaves.

    Args:
        shape: of the tree; with 3 leaves it is `((l0 l1) l2)`, with 6 `(((l0 l1) (l2 l3)) (l4 l5))`.
        leaf: gives leaf i.
        gate: gives gate i of two values, or of one.
        node: gives node i of two values.
    """
    if shape.leaves == 1:
        return gate(0, leaf(0), None)
    half = gate(0, leaf(0), leaf(1))
    if shape.leaves == 3:
        return gate(1, half, leaf(2))
    if shape.leaves >= 4:
        half = node(0, half, gate(1, leaf(2), leaf(3)))
    if shape.leaves == 6:
        return node(1, half, gate(2, leaf(4), leaf(5)))
    if shape.leaves == 8:
        return node(2, half, node(1, gate(2, leaf(4), leaf(5)), gate(3, leaf(6), leaf(7))))
    return half


def gate_value(a: Any, b: Any, m0: Any, ma: Any, mb: Any, mab: Any) -> Any:
    """A gate of words by the masks of `GATE_MASKS`; of one word where b is None."""
    return m0 ^ (ma & a) if b is None else (m0 ^ (ma & a)) ^ (b & (mb ^ (mab & a)))


def node_value(a: Any, b: Any, m: Any, n: Any) -> Any:
    """A node of words by the masks of `NODE_MASKS`: `~a & b`, or `a ^ b` with m; complemented with n."""
    return (a & (b | m)) ^ (b ^ n)


def _ones(bits: Any) -> UInt8Array:
    return np.where(np.asarray(bits, np.bool_), 255, 0).astype(np.uint8)


# uint8[16, 4], all bits of each mask of each gate, and uint8[4, 2] of each node
GATE_MASKS: Final = _ones(np.stack(algebraic_normal_form(np.arange(16, dtype=np.uint8)), axis=1))
NODE_MASKS: Final = _ones(np.arange(4)[:, None] >> np.arange(2) & 1)


def _nodes() -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """For each table that depends on both inputs: the node, and whether it wants a and b complemented."""
    node, flip_a, flip_b = (np.zeros(16, np.uint8) for _ in range(3))
    node[[XOR, XNOR]] = 1, 3
    for table in range(16):
        ones = [i for i in range(4) if table >> (3 - i) & 1]
        odd = ones if len(ones) == 1 else [i for i in range(4) if i not in ones]
        if len(odd) == 1:  # the one row (a, b) that differs; of ~a & b it is (0, 1)
            node[table] = 2 * (len(ones) == 3)
            flip_a[table], flip_b[table] = odd[0] >> 1, 1 - (odd[0] & 1)
    return node, flip_a, flip_b


_NODE, _FLIP_A, _FLIP_B = _nodes()


@dataclass(frozen=True)
class Trees:
    """Kernels of one shape.

    Attributes:
        kernel: int32[n], which of the layer's each is.
        leaf: int32[n, shape.leaves], the layer's leaf that each leaf is.
        gate: uint8[n, shape.gates], tables.
        node: uint8[n, shape.nodes], rows of NODE_MASKS.
    """

    kernel: Int32Array
    leaf: Int32Array
    gate: UInt8Array
    node: UInt8Array

    @property
    def n_gates(self) -> int:
        """Gates that depend on two inputs."""
        return int((DEPENDS_ON_A & DEPENDS_ON_B)[self.gate].sum()) + self.node.size


def trees_by_shape(table: UInt8Array) -> Mapping[TreeShape, Trees]:
    """Kernels with the tables uint8[K, leaves - 1], as `smallest_trees` leaves them, each in the smallest shape."""
    kernels, leaves = table.shape[0], table.shape[1] + 1
    gates, nodes = _of_eight_leaves(table)
    live = live_leaves(table)
    live = np.concatenate([live, np.zeros((kernels, LEAVES - leaves), np.bool_)], axis=1)
    left, right = live[:, :4].sum(axis=1), live[:, 4:].sum(axis=1)
    fitting = np.where(right > 2, 8, np.where(right > 0, 6, np.maximum(left, 1)))
    return {
        shape: trees
        for shape in SHAPES
        if len((trees := _of_shape(shape, np.flatnonzero(fitting == shape.leaves), gates, nodes, live)).kernel)
    }


def _of_eight_leaves(table: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    """The gates uint8[K, 4] that read the leaves of each quarter, and the three above them, of trees of any size."""
    kernels, leaves = table.shape[0], table.shape[1] + 1
    gates, nodes = (np.full((kernels, n), PASS_A, np.uint8) for n in (4, 3))
    gates[:, : leaves // 2] = table[:, : leaves // 2]
    if leaves >= 4:
        nodes[:, : leaves // 4] = table[:, leaves // 2 : leaves // 2 + leaves // 4]
    if leaves == 8:
        nodes[:, 2] = table[:, 6]
    return gates, nodes


def _of_shape(shape: TreeShape, kernel: Any, gates: UInt8Array, nodes: UInt8Array, live: BoolArray) -> Trees:
    gate, node, live = gates[kernel], nodes[kernel], live[kernel]
    n = len(kernel)
    # a leaf that is not live is read and ignored
    first = np.broadcast_to(2 * np.arange(4).repeat(2), (n, 8))
    leaf = np.where(live, np.arange(8), first)[:, : shape.leaves].astype(np.int32)
    if shape.leaves == 3:
        inverted = gate[:, 1] == NOT_A
        gate = np.stack([gate[:, 0], np.where(inverted, COMPLEMENT_B[node[:, 0]], node[:, 0])], axis=1)
    found = np.zeros((n, 3), np.uint8)
    flipped = np.zeros((n, 7), np.bool_)  # of the four gates, then the three nodes
    above = {4: ((0, 4, 0, 1),), 6: ((2, 6, 4, 2), (0, 4, 0, 1)), 8: ((2, 6, 4, 5), (1, 5, 2, 3), (0, 4, 0, 1))}
    for i, own, a, b in above.get(shape.leaves, ()):
        wanted = np.where(flipped[:, own], COMPLEMENT_OUTPUT[node[:, i]], node[:, i])
        found[:, i] = _NODE[wanted]
        flipped[:, a], flipped[:, b] = _FLIP_A[wanted], _FLIP_B[wanted]
    gate = np.where(flipped[:, : gate.shape[1]], COMPLEMENT_OUTPUT[gate], gate)[:, : shape.gates]
    order = [0, 2] if shape.leaves == 6 else [0, 1, 2]
    return Trees(kernel.astype(np.int32), leaf, gate, found[:, order][:, : shape.nodes])
