import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.network import flatten
from lgn_edge.network.truth_table import AND, NAND, OR, TRUE, XOR
from lgn_edge.passes import ScheduleOptions, schedule, simplify
from tests.passes.claims import all_inputs, circuit
from tests.strategies import circuits, random_network


def test_small():
    """Input 1 is dead; the two ANDs are one run; each result goes to the slot freed last."""
    p = schedule(circuit(4, [(AND, 0, 2), (AND, 2, 3), (NAND, 4, 5)], [6, ~0]))
    assert p.input_bit.tolist() == [0, 2, 3]
    assert (p.op.tolist(), p.length.tolist()) == ([0], [3])
    assert p.n_slots == 4
    assert p.output_slot.tolist()[1] == 0
    assert p.output_inverted.tolist() == [True, True]


def test_constant_output():
    p = schedule(circuit(3, [(TRUE, 2, 1)], [3]))
    assert (p.input_bit.tolist(), p.n_slots, p.n_gates) == ([0], 1, 1)
    np.testing.assert_array_equal(p.evaluate(np.zeros((3, 1), np.uint8)), [[255]])


def test_no_gates():
    p = schedule(circuit(3, [(AND, 0, 1)], [2, ~2]))
    assert (p.n_gates, p.input_bit.tolist(), p.output_slot.tolist()) == (0, [2], [0, 0])


def test_no_outputs():
    p = schedule(circuit(3, [(AND, 0, 1)], []))
    assert (p.n_gates, p.input_bit.tolist(), p.n_outputs) == (0, [0], 0)


def test_runs_continue_over_tiles_and_levels():
    rows = [(table, i, i + 1) for i in range(0, 12, 2) for table in (AND, OR, XOR)]
    p = schedule(circuit(13, rows, list(range(13, 31))), ScheduleOptions(tile=6))
    assert p.n_gates == 18
    assert (np.diff(p.op.astype(int)) != 0).all()
    assert len(p.op) < 3 * 3


def test_options():
    with pytest.raises(InputError, match="tile is 0; it needs at least one gate"):
        ScheduleOptions(tile=0)


@given(circuits(), st.sampled_from([1, 2, 5, 256]), st.booleans())
def test_random(c, tile, simplified):
    c = simplify(c)[0] if simplified else c
    p = schedule(c, ScheduleOptions(tile))
    words = all_inputs(c.n_inputs)
    np.testing.assert_array_equal(p.evaluate(words), c.evaluate(words))
    assert p == schedule(c, ScheduleOptions(tile))
    assert p.n_gates <= c.n_gates
    assert set(range(p.n_slots)) == {*range(p.n_live_inputs), *p.dst.tolist()}


@pytest.mark.parametrize("tables", [tuple(range(16)), (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)])
def test_large_layers(tables):
    c = flatten(random_network(5, bits=700, widths=(6000,) * 4 + (3000,), classes=10, tables=tables))
    simple, _ = simplify(c)
    words = np.random.default_rng(0).integers(0, 2**64, (c.n_inputs, 2), dtype=np.uint64)
    np.testing.assert_array_equal(schedule(simple).evaluate(words), c.evaluate(words))


def test_fanout_two_needs_hardly_more_slots_than_a_layer():
    """Every signal is read twice, so a trail frees one slot a gate."""
    n, rng = 4000, np.random.default_rng(0)
    layers = [np.stack([rng.permutation(n), rng.permutation(n)]) + n * layer for layer in range(4)]
    a, b = np.concatenate(layers, axis=1)
    c = circuit(n, list(zip(rng.choice([AND, OR, XOR], 4 * n), a, b, strict=True)), list(range(4 * n, 5 * n)))
    assert n <= schedule(c, ScheduleOptions(tile=1)).n_slots <= n + 20
    assert schedule(c).n_slots <= n + 300


def test_deep_chain():
    n, rng = 20_000, np.random.default_rng(1)
    rows = list(zip(rng.choice([AND, OR, XOR], n), 2 + np.arange(n) - 1, rng.integers(0, 2, n), strict=True))
    c = circuit(2, rows, [n + 1])
    p = schedule(c)
    assert p.n_slots <= 4
    np.testing.assert_array_equal(p.evaluate(all_inputs(2)), c.evaluate(all_inputs(2)))
