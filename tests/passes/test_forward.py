import numpy as np
from hypothesis import given

from lgn_edge.network.truth_table import A_AND_NOT_B, AND, NOR, NOT_A, NOT_A_AND_B, NOT_B, PASS_A, PASS_B
from lgn_edge.passes.forward import forward
from tests.passes.claims import assert_same_function, circuit, gates, outputs
from tests.strategies import circuits


def test_wire():
    c = circuit(3, [(PASS_B, 0, 2), (AND, 1, 3)], [4, 3])
    assert (gates(forward(c)), outputs(forward(c))) == ([(AND, 1, 2)], [3, 2])


def test_inverter_is_absorbed():
    c = circuit(2, [(NOT_A, 0, 0), (NOT_B, 0, 1), (AND, 2, 1), (AND, 0, 3), (AND, 2, 3)], [4, 5, 6])
    assert gates(forward(c)) == [(NOT_A_AND_B, 0, 1), (A_AND_NOT_B, 0, 1), (NOR, 0, 1)]


def test_output_is_inverted():
    c = circuit(2, [(NOT_A, 1, 0)], [2, ~2, 0])
    assert (gates(forward(c)), outputs(forward(c))) == ([], [~1, 1, 0])


def test_chain_of_inverters():
    n = 5001
    c = circuit(2, [(NOT_B, 0, 1), *((NOT_A, g, 0) for g in range(2, n + 1))], [n + 1, n])
    assert (gates(forward(c)), outputs(forward(c))) == ([], [~1, 1])


def test_kept():
    c = circuit(1, [(AND, 0, 0)], [1])
    assert forward(c) is c


@given(circuits())
def test_random(c):
    forwarded = forward(c)
    assert_same_function(c, forwarded)
    assert not np.isin(forwarded.table, (PASS_A, PASS_B, NOT_A, NOT_B)).any()
    assert forward(forwarded) is forwarded
