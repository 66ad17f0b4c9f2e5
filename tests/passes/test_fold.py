import numpy as np
import pytest
from hypothesis import given

from lgn_edge.network.truth_table import AND, FALSE, NAND, NOT_A, OR, PASS_A, PASS_B, TRUE, XNOR, XOR
from lgn_edge.passes.fold import fold
from tests.passes.claims import assert_same_function, circuit, gates, outputs
from tests.strategies import circuits


@pytest.mark.parametrize(
    ("table", "expected"),
    [(AND, PASS_A), (OR, PASS_A), (XOR, FALSE), (XNOR, TRUE), (NAND, NOT_A), (TRUE, TRUE), (FALSE, FALSE)],
)
def test_equal_inputs(table, expected):
    folded = fold(circuit(2, [(table, 1, 1)], [2]))
    wire = 0 if expected in (FALSE, TRUE) else 1
    assert gates(folded) == [(expected, wire, wire)]


@pytest.mark.parametrize("constant", [FALSE, TRUE])
@pytest.mark.parametrize("table", range(16))
def test_constant_input(table, constant):
    """Any gate of a constant and a signal is a constant or a wire of that signal, on either side."""
    first, second = (
        circuit(2, [(constant, 0, 0), (table, 2, 1)], [3]),
        circuit(2, [(constant, 0, 0), (table, 1, 2)], [3]),
    )
    for c in (first, second):
        folded = fold(c)
        assert_same_function(c, folded)
        kind, a, b = gates(folded)[1]
        assert (kind in (FALSE, TRUE) and (a, b) == (0, 0)) or (kind not in (FALSE, TRUE) and (a, b) == (1, 1))


def test_constants_travel():
    c = circuit(3, [(XNOR, 0, 0), (AND, 1, 3), (NAND, 3, 3), (AND, 2, 5), (OR, 6, 4)], [7])
    assert gates(fold(c)) == [(TRUE, 0, 0), (PASS_A, 1, 1), (FALSE, 0, 0), (FALSE, 0, 0), (PASS_A, 4, 4)]


def test_both_inputs_constant():
    c = circuit(1, [(TRUE, 0, 0), (FALSE, 0, 0), (XOR, 1, 2), (XOR, 1, 1)], [3, ~4])
    assert gates(fold(c)) == [(TRUE, 0, 0), (FALSE, 0, 0), (TRUE, 0, 0), (FALSE, 0, 0)]


def test_ignored_input_is_let_go():
    assert gates(fold(circuit(2, [(PASS_B, 0, 1), (NOT_A, 0, 1)], [2, 3]))) == [(PASS_A, 1, 1), (NOT_A, 0, 0)]


def test_kept():
    """Complementary inputs are not seen here; a circuit with nothing to fold is returned as it is."""
    c = circuit(2, [(NOT_A, 0, 0), (AND, 0, 2)], [3])
    assert fold(c) is c
    empty = circuit(2, [], [~1, 0])
    assert fold(empty) is empty


def test_long_chain_of_constants():
    n = 5000
    c = circuit(1, [(TRUE, 0, 0), *((AND, g, g) for g in range(1, n))], [n])
    assert set(fold(c).table.tolist()) == {TRUE}


@given(circuits())
def test_random(c):
    folded = fold(c)
    assert_same_function(c, folded)
    assert folded.n_gates == c.n_gates
    assert outputs(folded) == outputs(c)
    constant = np.concatenate([np.zeros(c.n_inputs, np.bool_), np.isin(folded.table, (FALSE, TRUE))])
    two = ~np.isin(folded.table, (FALSE, TRUE, PASS_A, NOT_A))
    assert not (constant[folded.a] | constant[folded.b] | (folded.a == folded.b))[two].any()
    assert fold(folded) is folded
