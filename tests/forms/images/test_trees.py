"""Kernels by shape: the same functions, each in the smallest shape that holds it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.forms.images.trees import (
    GATE_MASKS,
    NODE_MASKS,
    SHAPES,
    gate_value,
    node_value,
    tree_value,
    trees_by_shape,
)
from lgn_edge.network.truth_table import AND, FALSE, NOT_A, OR, PASS_A, TRUE, XOR
from lgn_edge.passes.smallest_trees import live_leaves, smallest_trees
from tests.passes.claims import all_inputs
from tests.passes.test_smallest_trees import drawn, layer_of


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.sampled_from([tuple(range(16)), (FALSE, TRUE, PASS_A, NOT_A, AND, XOR), (AND, OR, XOR)]),
)
def test_trees_are_the_kernels(seed: int, depth: int, tables: tuple[int, ...]) -> None:
    layer = smallest_trees(drawn(seed, 30, depth, tables))
    words = all_inputs(8)
    want = layer.evaluate(words)
    gates, nodes = (masks.astype(np.uint64) * np.uint64(0x0101010101010101) for masks in (GATE_MASKS, NODE_MASKS))
    seen = []
    for shape, trees in trees_by_shape(layer.table).items():
        cells = np.take_along_axis(layer.leaf[trees.kernel][:, :, 2], trees.leaf, axis=1)
        value = tree_value(
            shape,
            lambda i, cells=cells: words[cells[:, i]],
            lambda i, a, b, trees=trees: gate_value(a, b, *gates[trees.gate[:, i]].T[..., None]),
            lambda i, a, b, trees=trees: node_value(a, b, *nodes[trees.node[:, i]].T[..., None]),
        )
        np.testing.assert_array_equal(value, want[trees.kernel])
        seen += trees.kernel.tolist()
    assert sorted(seen) == list(range(30))


def test_each_kernel_is_in_the_smallest_shape() -> None:
    table = [
        [AND, FALSE, FALSE, FALSE, OR, OR, OR],
        [AND, PASS_A, FALSE, FALSE, OR, OR, OR],
        [AND, AND, FALSE, FALSE, OR, OR, OR],
        [AND, AND, PASS_A, FALSE, OR, OR, OR],
        [AND, PASS_A, AND, FALSE, OR, OR, OR],
        [AND, PASS_A, AND, PASS_A, OR, OR, OR],
        [PASS_A, FALSE, FALSE, FALSE, OR, OR, OR],
        [TRUE, TRUE, TRUE, TRUE, OR, OR, OR],
    ]
    small = smallest_trees(layer_of([range(8)] * len(table), table))
    shapes = trees_by_shape(small.table)
    assert {s.leaves: t.kernel.tolist() for s, t in shapes.items()} == {
        1: [6, 7], 2: [0], 3: [1], 4: [2], 6: [3, 4], 8: [5],
    }  # fmt: skip
    assert [shape.leaves for shape in SHAPES] == [1, 2, 3, 4, 6, 8]
    assert live_leaves(small.table).sum(axis=1).tolist() == [2, 3, 4, 5, 5, 6, 1, 0]
