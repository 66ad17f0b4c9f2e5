import numpy as np
from hypothesis import given

from lgn_edge.network.truth_table import AND, OR, PASS_A, XOR
from lgn_edge.passes.prune import prune
from tests.passes.claims import assert_same_function, circuit, gates, outputs
from tests.strategies import circuits


def test_dead_chain():
    """2 -> 3 -> 5 is read by nobody; 4 is."""
    c = circuit(2, [(AND, 0, 1), (OR, 2, 0), (XOR, 0, 1), (AND, 3, 4)], [~4])
    assert (gates(prune(c)), outputs(prune(c))) == ([(XOR, 0, 1)], [~2])


def test_no_gate_is_live():
    c = circuit(2, [(AND, 0, 1)], [1])
    assert (gates(prune(c)), outputs(prune(c))) == ([], [1])


def test_kept():
    """An input that nobody reads, what a wire ignores, and a circuit without dead gates."""
    c = circuit(3, [(AND, 0, 1), (PASS_A, 0, 3)], [4])
    assert prune(c) is c


def test_long_dead_chain():
    n = 5000
    c = circuit(2, [(AND, g, 0) for g in range(1, n + 1)], [2])
    assert gates(prune(c)) == [(AND, 1, 0)]


@given(circuits())
def test_random(c):
    pruned = prune(c)
    assert_same_function(c, pruned)
    seen = np.concatenate([pruned.a, pruned.b, pruned.outputs])
    assert np.isin(np.arange(c.n_inputs, pruned.n_signals), seen).all()
    assert prune(pruned) is pruned
