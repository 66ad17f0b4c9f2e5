"""Kernels as two halves and a root: the same functions, in as few kinds and leaves as there may be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.forms.images.trees import HALVES, ROOTS, Trees, half_value, trees_of
from lgn_edge.network import LogicConv2d
from lgn_edge.network.truth_table import AND, FALSE, NOT_A, OR, PASS_A, TRUE, XOR
from lgn_edge.passes.push_complements import EXECUTE
from lgn_edge.passes.smallest_trees import smallest_trees
from tests.passes.claims import all_inputs
from tests.passes.test_smallest_trees import drawn, layer_of


def evaluated(layer: LogicConv2d, trees: Trees, words: np.ndarray) -> np.ndarray:
    """One kernel after the other, of a layer of one place."""
    result = []
    for k, (root, flip) in enumerate(zip(trees.root.tolist(), trees.flip.tolist(), strict=True)):
        cells = layer.leaf[k, :, 2][trees.leaf[k]]
        halves = [
            half_value(HALVES[kind], lambda leaf, seen=seen: words[seen[leaf]])
            for kind, seen in zip(trees.half[k].tolist(), cells, strict=True)
        ]
        value = halves[0] if ROOTS[root] < 0 else EXECUTE[ROOTS[root]](*halves)
        result.append(~value if flip else value)
    return np.array(result)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.sampled_from([tuple(range(16)), (FALSE, TRUE, PASS_A, NOT_A, AND, XOR), (AND, OR, XOR)]),
)
def test_trees_are_the_kernels(seed: int, depth: int, tables: tuple[int, ...]) -> None:
    layer = smallest_trees(drawn(seed, 30, depth, tables))
    words = all_inputs(8)
    trees = trees_of(layer.table)
    np.testing.assert_array_equal(evaluated(layer, trees, words), layer.evaluate(words))
    zeros = np.zeros((8, 1), np.uint64)
    np.testing.assert_array_equal(evaluated(layer, trees, zeros)[:, 0] != 0, trees.flip)


def test_kernels_have_the_halves_that_they_need() -> None:
    table = [
        [AND, FALSE, FALSE, FALSE, OR, OR, OR],
        [AND, PASS_A, FALSE, FALSE, OR, OR, OR],
        [AND, AND, FALSE, FALSE, OR, OR, OR],
        [AND, AND, PASS_A, FALSE, OR, OR, OR],
        [AND, PASS_A, AND, PASS_A, OR, OR, OR],
        [PASS_A, FALSE, FALSE, FALSE, OR, OR, OR],
        [TRUE, TRUE, TRUE, TRUE, OR, OR, OR],
    ]
    trees = trees_of(smallest_trees(layer_of([range(8)] * len(table), table)).table)
    kinds = [[HALVES[half] for half in halves] for halves in trees.half]
    ands, ors, xors = 0, 2, 3
    four = (ands, ands, ors)
    assert [row[0] for row in kinds] == [(ands,), four, four, four, four, (), (xors,)]
    assert [ROOTS[root] for root in trees.root] == [-1, -1, -1, ors, ors, -1, -1]
    assert kinds[3][1] == ()
    assert kinds[4][1] == four
    assert trees.flip.tolist() == [False] * 6 + [True]
    assert trees.n_gates == 1 + 2 + 3 + 4 + 5


def test_every_half_is_of_one_kind() -> None:
    """Four operations each, and half of them again for those that are the same both ways."""
    assert len(set(HALVES)) == len(HALVES) == 1 + 4 + 3 * 10 + 16
