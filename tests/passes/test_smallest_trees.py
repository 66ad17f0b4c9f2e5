"""Kernels with less leaves: equal everywhere, as small as their function lets them, in one form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.network import LogicConv2d
from lgn_edge.network.truth_table import AND, FALSE, NOT_A, OR, PASS_A, PASS_B, TRUE, XNOR, XOR
from lgn_edge.passes.smallest_trees import live_leaves, smallest_trees
from tests.passes.claims import all_inputs

WIRES = (FALSE, TRUE, PASS_A, PASS_B, NOT_A, AND, XOR)


def layer_of(leaf: object, table: object, cells: int = 8) -> LogicConv2d:
    """A layer whose image is one window of one row, so that it has one place."""
    columns = np.array(leaf, np.int32)
    return LogicConv2d(1, 1, cells, (1, cells), np.stack([0 * columns, 0 * columns, columns], axis=2), table)


def drawn(seed: int, kernels: int, depth: int, tables: tuple[int, ...], cells: int = 8) -> LogicConv2d:
    rng = np.random.default_rng(seed)
    leaf = rng.integers(0, cells, (kernels, 2**depth))
    return layer_of(leaf, rng.choice(tables, (kernels, 2**depth - 1)).astype(np.uint8), cells)


def dependences(layer: LogicConv2d) -> np.ndarray:
    """Cells that each kernel depends on, by flipping each of them in all inputs."""
    words = all_inputs(layer.width)
    plain = layer.evaluate(words)
    flipped = []
    for cell in range(layer.width):
        other = words.copy()
        other[cell] ^= np.uint64(2**64 - 1)
        flipped.append((layer.evaluate(other) != plain).any(axis=1))
    return np.sum(flipped, axis=0)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.sampled_from([tuple(range(16)), WIRES, (AND, OR, XOR)]),
    st.integers(1, 8),
)
def test_small_kernels_are_equal_and_small(seed: int, depth: int, tables: tuple[int, ...], cells: int) -> None:
    layer = drawn(seed, 20, depth, tables, cells)
    small = smallest_trees(layer)
    np.testing.assert_array_equal(small.evaluate(all_inputs(cells)), layer.evaluate(all_inputs(cells)))
    size, cells_left = live_leaves(small.table).sum(axis=1), dependences(layer)
    assert (size >= cells_left).all()
    assert (size <= live_leaves(layer.table).sum(axis=1)).all()
    few = cells_left <= 2
    assert (size[few] == cells_left[few]).all(), "a function of two cells has two leaves"
    again = smallest_trees(small)
    assert again == small


@pytest.mark.parametrize("depth", [1, 2])
def test_all_trees_of_different_cells_have_the_leaves_they_depend_on(depth: int) -> None:
    nodes = 2**depth - 1
    table = np.array(list(itertools.product(range(16), repeat=nodes)), np.uint8)
    layer = layer_of(np.tile(np.arange(2**depth), (len(table), 1)), table, 2**depth)
    small = smallest_trees(layer)
    words = all_inputs(2**depth)
    np.testing.assert_array_equal(small.evaluate(words), layer.evaluate(words))
    assert (live_leaves(small.table).sum(axis=1) == dependences(layer)).all()


def test_what_is_left_moves_to_the_front() -> None:
    """0 & .., | of cell 5 and an inverted cell 7, in the right half of eight leaves: one gate."""
    table = [[FALSE, AND, PASS_B, NOT_A, PASS_A, XOR, OR]]
    small = smallest_trees(layer_of([[0, 1, 2, 3, 4, 5, 7, 6]], table))
    assert small.leaf[0, :, 2].tolist() == [5, 7]
    assert small.table.tolist() == [[XNOR]]


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ([AND, AND, AND, AND, AND, AND, OR], [0, 1, 2, 3, 4, 5, 6, 7]),
        ([AND, PASS_A, AND, PASS_A, AND, AND, OR], [0, 1, 2, 4, 5, 6]),
        ([AND, FALSE, AND, FALSE, OR, OR, XOR], [0, 1, 4, 5]),
        ([NOT_A, FALSE, AND, FALSE, OR, OR, XOR], [4, 5, 0]),
        ([PASS_A, FALSE, AND, XOR, OR, OR, XOR], [4, 5, 6, 7, 0]),
    ],
)
def test_larger_halves_stand_left(table: list[int], left: list[int]) -> None:
    small = smallest_trees(layer_of([range(8)], [table]))
    assert small.leaf[0][live_leaves(small.table)[0]][:, 2].tolist() == left
    assert small.leaf.shape[1] == (8 if len(left) > 4 else 4)


def test_a_constant_is_a_gate_of_nothing() -> None:
    small = smallest_trees(layer_of([[3, 3]], [[XOR]]))
    assert small.table.tolist() == [[FALSE]]
    assert not live_leaves(small.table).any()


def test_large_trees_are_kept() -> None:
    layer = drawn(0, 2, 4, (AND,))
    assert smallest_trees(layer) is layer
