import numpy as np
import pytest
from hypothesis import given

from lgn_edge.network import flatten
from lgn_edge.network.truth_table import A_AND_NOT_B, AND, NAND, NOT_A, OR, PASS_A, TRUE, XNOR, XOR
from lgn_edge.passes import simplify
from lgn_edge.passes.push_complements import OPERATIONS
from lgn_edge.passes.simplify import PASSES
from tests.passes.claims import assert_same_function, circuit, gates, outputs
from tests.strategies import circuits, random_network


def test_stages_help_each_other():
    """not(a) and a: the inverter is absorbed, a & ~a is 0, its reader is a wire; what is left is one gate."""
    c = circuit(2, [(NOT_A, 0, 0), (AND, 0, 2), (OR, 3, 1), (PASS_A, 4, 0), (NAND, 5, 0)], [6])
    simple, stats = simplify(c)
    assert (gates(simple), outputs(simple)) == ([(AND, 1, 0)], [~2])
    assert (stats.gates_before, stats.gates_after) == (5, 1)
    assert stats.rounds == len(stats.passes) / len(PASSES) >= 2
    assert [run.name for run in stats.passes[:5]] == ["fold", "forward", "prune", "push_complements", "dedupe"]
    assert stats.seconds == sum(run.seconds for run in stats.passes)


def test_complement_by_structure():
    """(a ^ b) & ~(a ^ b), the complement built as a gate of its own."""
    simple, _ = simplify(circuit(2, [(XOR, 0, 1), (XNOR, 1, 0), (AND, 2, 3)], [4]))
    assert (gates(simple), outputs(simple)) == ([(XOR, 0, 0)], [2])


def test_constant_outputs_share_a_gate():
    simple, _ = simplify(circuit(3, [(TRUE, 1, 2), (XOR, 2, 2), (A_AND_NOT_B, 1, 1)], [3, 4, ~5, 0]))
    assert (gates(simple), outputs(simple)) == ([(XOR, 0, 0)], [~3, 3, ~3, 0])


def test_nothing_left():
    simple, _ = simplify(circuit(2, [(NOT_A, 1, 0)], [2]))
    assert (gates(simple), outputs(simple)) == ([], [~1])


@given(circuits())
def test_random(c):
    simple, _ = simplify(c)
    assert_same_function(c, simple)
    assert np.isin(simple.table, OPERATIONS).all()
    degenerate = simple.a == simple.b
    assert degenerate.sum() <= 1
    assert np.isin(simple.n_inputs + np.flatnonzero(degenerate), simple.outputs).all()
    assert not np.isin(simple.n_inputs + np.flatnonzero(degenerate), [*simple.a, *simple.b]).any()
    seen = np.concatenate([simple.a, simple.b, simple.outputs])
    assert np.isin(np.arange(c.n_inputs, simple.n_signals), seen).all()
    unordered = [(t, a, b) if t == A_AND_NOT_B else (t, *sorted((a, b))) for t, a, b in gates(simple)]
    assert len(set(unordered)) == simple.n_gates
    again, stats = simplify(simple)
    assert again == simple
    assert stats.rounds == 1


@pytest.mark.parametrize("tables", [tuple(range(16)), (0, 15, 6), (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)])
def test_large_layers(tables):
    c = flatten(random_network(3, bits=300, widths=(8000,) * 5 + (4000,), classes=10, tables=tables))
    simple, _ = simplify(c)
    words = np.random.default_rng(0).integers(0, 2**64, (c.n_inputs, 4), dtype=np.uint64)
    np.testing.assert_array_equal(simple.evaluate(words), c.evaluate(words))


def test_deep_chain():
    n, rng = 20_000, np.random.default_rng(1)
    own = 4 + np.arange(n)
    rows = np.stack([rng.integers(0, 16, n), own - 1, rng.integers(np.maximum(0, own - 9), own)], axis=1)
    c = circuit(4, rows.tolist(), [n + 3, n, 9])
    simple, _ = simplify(c)
    assert_same_function(c, simple)


def test_one_constant_a_round():
    """Each (0 | y) ^ y is seen to be 0 only when the one before it is."""
    rows = [(XOR, 0, 0)]
    for last in range(2, 402, 2):
        rows += [(OR, last, 1), (XOR, 1, last + 1)]
    simple, stats = simplify(circuit(2, rows, [402]))
    assert (gates(simple), outputs(simple)) == ([(XOR, 0, 0)], [2])
    assert stats.rounds == 201
