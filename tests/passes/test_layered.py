"""A circuit becomes a network of levels that computes the same for all inputs."""

import numpy as np
from hypothesis import given

from lgn_edge.network import Bits, flatten, pack
from lgn_edge.network.truth_table import AND, XOR
from lgn_edge.passes.layered import as_network
from tests.passes.claims import circuit
from tests.strategies import circuits


def test_levels_and_wires():
    """Gate 3 is a level below gate 2, and reads an input that a wire keeps."""
    network = as_network(circuit(2, [(AND, 0, 1), (XOR, 2, 0)], [3, 2]))
    assert [layer.n_outputs for layer in network.layers] == [2, 2, 2]
    assert network.head == Bits(2)


def test_outputs_that_are_inputs():
    network = as_network(circuit(2, [], [1, 0, 1]))
    assert network.evaluate(np.array([[0, 1]], np.uint8)).scores.tolist() == [[1, 0, 1]]


@given(circuits())
def test_same_function(c):
    bits = (np.arange(2**c.n_inputs)[:, None] >> np.arange(c.n_inputs) & 1).astype(np.uint8)
    network = as_network(c)
    words = pack(bits)
    mask = np.uint64(2 ** min(64, len(bits)) - 1)
    np.testing.assert_array_equal(flatten(network).evaluate(words) & mask, c.evaluate(words) & mask)
    scores = network.evaluate(bits).scores
    assert scores.shape == (len(bits), len(c.outputs))
