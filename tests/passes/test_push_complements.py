import numpy as np
import pytest
from hypothesis import given

from lgn_edge.network.truth_table import (
    A_AND_NOT_B,
    AND,
    FALSE,
    NAND,
    NOR,
    NOT_A_AND_B,
    OR,
    PASS_B,
    TRUE,
    XNOR,
    XOR,
    evaluate_gates,
)
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS, push_complements
from tests.passes.claims import assert_same_function, circuit, gates, outputs
from tests.strategies import circuits


def test_operations():
    assert OPERATIONS == (AND, A_AND_NOT_B, OR, XOR) == (1, 2, 7, 6)


@pytest.mark.parametrize(
    ("table", "gate", "output"),
    [
        (NAND, (AND, 0, 1), ~2),
        (NOR, (OR, 0, 1), ~2),
        (XNOR, (XOR, 0, 1), ~2),
        (NOT_A_AND_B, (A_AND_NOT_B, 1, 0), 2),
        (PASS_B, (OR, 1, 1), 2),
        (FALSE, (XOR, 0, 0), 2),
        (TRUE, (XOR, 0, 0), ~2),
    ],
)
def test_one_gate(table, gate, output):
    pushed = push_complements(circuit(2, [(table, 0, 1)], [2]))
    assert (gates(pushed), outputs(pushed)) == ([gate], [output])


def test_complement_goes_to_the_reader():
    """~(a & b) & c is c & ~(a & b)."""
    c = circuit(3, [(NAND, 0, 1), (AND, 3, 2)], [4, ~3])
    pushed = push_complements(c)
    assert (gates(pushed), outputs(pushed)) == ([(AND, 0, 1), (A_AND_NOT_B, 2, 3)], [4, 3])


def test_kept():
    c = circuit(2, [(XOR, 1, 1), (A_AND_NOT_B, 0, 2)], [~3])
    assert push_complements(c) is c


@given(circuits())
def test_random(c):
    pushed = push_complements(c)
    assert_same_function(c, pushed)
    assert pushed.n_gates == c.n_gates
    assert np.isin(pushed.table, OPERATIONS).all()
    assert push_complements(pushed) is pushed


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("op", range(4))
def test_what_operations_do(op, dtype):
    a, b = np.array([[0b0011], [0b0101]], dtype)
    expected = evaluate_gates(np.array([OPERATIONS[op]], np.uint8), a[None], b[None])
    np.testing.assert_array_equal(EXECUTE[op](a, b)[None], expected)
