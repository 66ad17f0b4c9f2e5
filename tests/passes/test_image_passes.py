"""Passes over image layers: the same predictions of every network, and what each of them promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.network.truth_table import AND, FALSE, OR, PASS_A, TRUE, XOR
from lgn_edge.passes.fold_channels import fold_channels
from lgn_edge.passes.merge_channels import merge_channels
from lgn_edge.passes.simplify_images import PASSES, simplify_images
from lgn_edge.passes.smallest_trees import live_leaves
from lgn_edge.passes.split_trees import split_trees
from tests.strategies import image_networks, random_samples


def image_network(*layers: LogicConv2d | OrPool2d, reads: tuple[tuple[int, ...], ...] = ()) -> Network:
    """Image layers under a dense layer of a wire for each output of the last."""
    width = layers[-1].n_outputs
    wires = np.arange(width)
    head = LogicDense(width, wires, wires, np.full(width, PASS_A))
    chain = reads and (*reads, (len(layers),))
    return Network(Threshold.bits(layers[0].n_inputs), (*layers, head), GroupSum(width, 1), "image", reads=chain)


def assert_same(before: Network, after: Network) -> None:
    x = random_samples(before, 70)
    assert (after.evaluate(x).scores == before.evaluate(x).scores).all()


@given(image_networks(), st.sampled_from([*PASSES, simplify_images]))
def test_every_pass_keeps_the_scores(network: Network, rewrite: object) -> None:
    assert callable(rewrite)
    assert_same(network, rewrite(network))


@given(image_networks())
def test_nothing_is_left_to_split_and_nothing_grows(network: Network) -> None:
    small = simplify_images(network)
    convolutions = [layer for layer in small.layers if isinstance(layer, LogicConv2d)]
    assert all(layer.leaf.shape[1] <= 8 for layer in convolutions)
    assert small.n_distinct <= network.n_distinct
    assert simplify_images(small).n_distinct == small.n_distinct


@pytest.mark.parametrize("depth", [4, 7, 8])
def test_deep_trees_are_layers_of_small_ones(depth: int) -> None:
    rng = np.random.default_rng(depth)
    leaf = rng.integers(0, (2, 3, 3), (3, 2**depth, 3))
    layer = LogicConv2d(2, 5, 4, 3, leaf, rng.integers(0, 16, (3, 2**depth - 1)).astype(np.uint8), (2, 1), 1)
    network = image_network(layer, OrPool2d(*layer.out_shape, 2), reads=((0,), (1,)))
    small = split_trees(network)
    assert len(small.layers) == len(network.layers) + -(-depth // 3) - 1
    assert (small.n_distinct, small.n_gates) == (network.n_distinct, network.n_gates)
    assert_same(network, small)
    assert split_trees(small) is small


CONSTANT = {"0": FALSE, "1": TRUE}


@pytest.mark.parametrize("constant", CONSTANT)
@pytest.mark.parametrize(("padding", "row", "left"), [(0, 0, 1), (1, 1, 1), (1, 0, 2)])
def test_a_constant_channel_is_folded_where_padding_does_not_see_it(
    constant: str, padding: int, row: int, left: int
) -> None:
    """Padding is 0: a channel of ones stays an input of kernels that look over the edge, one of zeros never."""
    first = LogicConv2d(1, 4, 4, 1, [[[0, 0, 0]] * 2] * 2, [[CONSTANT[constant]], [PASS_A]])
    second = LogicConv2d(2, 4, 4, 3, [[[0, row, 1], [1, 1, 1]]], [[XOR]], padding=padding)
    folded = fold_channels(image_network(first, second)).layers[1]
    assert isinstance(folded, LogicConv2d)
    assert live_leaves(folded.table).sum() == (1 if constant == "0" else left)


def test_a_pool_of_ones_is_one_where_it_sees_them() -> None:
    ones = LogicConv2d(1, 2, 2, 1, [[[0, 0, 0]] * 2], [[TRUE]])
    for pool, left in ((OrPool2d(1, 2, 2, 2), 0), (OrPool2d(1, 2, 2, 1, 1, 1), 1)):
        network = image_network(ones, pool)
        folded = fold_channels(network)
        varying = (folded.layers[-1].table != TRUE).any()
        assert varying == bool(left)
        assert_same(network, folded)


def test_equal_kernels_and_what_is_behind_them_become_one() -> None:
    """The second is the first with its leaves in another order; the fourth differs from the third by a cell."""
    leaf = [[[0, 0, 0], [0, 0, 1]], [[0, 0, 1], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]], [[0, 1, 1], [0, 0, 1]]]
    first = LogicConv2d(1, 5, 5, 2, leaf, [[AND], [AND], [OR], [OR]])
    pool = OrPool2d(*first.out_shape, 2)
    second = LogicConv2d(4, 2, 2, 1, [[[0, 0, 0], [2, 0, 0]], [[1, 0, 0], [2, 0, 0]]], [[XOR], [XOR]])
    network = image_network(first, pool, second)
    merged = merge_channels(network)
    assert [layer.out_shape[0] for layer in merged.layers[:-1]] == [3, 3, 1]
    assert_same(network, merged)


def test_the_head_counts_channels_by_their_place() -> None:
    leaf = [[[0, 0, 0], [0, 0, 1]]] * 3
    layer = LogicConv2d(1, 3, 3, 2, leaf, [[AND]] * 3)
    pool = OrPool2d(*layer.out_shape, 2)
    network = Network(Threshold.bits(9), (layer, pool), GroupSum(3, 3))
    merged = merge_channels(network)
    assert merged.layers[0].out_shape == layer.out_shape
    assert_same(network, merged)
