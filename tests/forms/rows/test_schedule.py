"""Uniform programs: the order of gates, their slots, and when outputs are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.forms.rows.schedule import TREE, UniformProgram, uniform_gate, uniform_schedule
from lgn_edge.network import unpack
from lgn_edge.passes import simplify
from lgn_edge.passes.push_complements import EXECUTE
from tests.passes.claims import circuit
from tests.strategies import circuits

AND, AND_NOT, XOR, NAND, TRUE = 1, 2, 6, 14, 15


def counts(c, classes, words):
    """What the outputs of a circuit count for each class."""
    samples = words.shape[1] * words.dtype.itemsize * 8
    bits = unpack(c.evaluate(words), samples)
    return bits.reshape(samples, classes, -1).sum(axis=2).T


def program(**changes):
    fields = {
        "n_inputs": 3, "input_bit": [0, 2], "dst": [3], "x": [0], "y": [0], "z": [1], "n_slots": 4, "classes": 1,
        "group": 1, "base": [0], "tree_slot": [3] + [2] * 15, "tree_stop": [1], "tree_class": [0], "tree_inverted": [0],
    }  # fmt: skip
    return UniformProgram(**{**fields, **changes})


def test_the_gate_is_all_four_operations():
    a, b, zero = np.uint8(0b0011), np.uint8(0b0101), np.uint8(0)
    operands = ((a, a, b), (zero, a, b), (a, b, a), (a, b, zero))
    for execute, (x, y, z) in zip(EXECUTE, operands, strict=True):
        assert uniform_gate(x, y, z) == execute(a, b)


def test_evaluate():
    words = np.array([[0b0011], [0b1111], [0b0101]], np.uint8)
    want = np.array([[1, 0, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(program().evaluate(words), want)
    inverted = program(tree_slot=[2] * 15 + [3], tree_inverted=[1])
    np.testing.assert_array_equal(inverted.evaluate(words), 1 - want)


def test_small():
    p = uniform_schedule(circuit(4, [(AND, 0, 2), (AND, 2, 3), (NAND, 4, 5)], [6, ~0]), 2)
    assert list(p.input_bit) == [0, 2, 3]
    assert p.zero_slot == 3
    assert p.n_gates == 3
    assert list(p.tree_stop) == [3, 3], "trees wait for each other"
    assert sorted(zip(p.tree_class, p.tree_inverted, strict=True)) == [(0, 1), (1, 1)]


def test_constant_output():
    p = uniform_schedule(circuit(3, [(TRUE, 2, 1)], [3]), 1)
    assert (p.n_gates, p.n_trees, list(p.base)) == (0, 0, [1])
    assert (p.evaluate(np.zeros((3, 1), np.uint8)) == 1).all()


@pytest.mark.parametrize("swapped", [False, True])
def test_an_and_not_that_only_an_xor_reads_is_a_part_of_it(swapped):
    c = circuit(3, [(AND_NOT, 0, 1), (XOR, 3, 2) if swapped else (XOR, 2, 3)], [4])
    p = uniform_schedule(c, 1)
    assert p.n_gates == 1
    words = np.array([[0b11110000], [0b11001100], [0b10101010]], np.uint8)
    np.testing.assert_array_equal(p.evaluate(words), counts(c, 1, words))


@pytest.mark.parametrize("rows", [[(AND_NOT, 0, 1), (XOR, 2, 3), (AND, 0, 3)], [(AND, 0, 1), (XOR, 2, 3), (AND, 0, 4)]])
def test_what_others_read_stays_a_gate(rows):
    assert uniform_schedule(circuit(3, rows, [4, 5]), 1).n_gates == 3


def test_an_xor_of_two_and_nots_takes_one():
    c = circuit(4, [(AND_NOT, 0, 1), (AND_NOT, 2, 3), (XOR, 4, 5)], [6])
    p = uniform_schedule(c, 1)
    assert p.n_gates == 2
    words = np.random.default_rng(0).integers(0, 256, (4, 8), dtype=np.uint8)
    np.testing.assert_array_equal(p.evaluate(words), counts(c, 1, words))


def test_a_result_waits_for_its_latency_where_it_can():
    # pairs of gates that could run one after the other
    first = [(AND, 2 * i, 2 * i + 1) for i in range(100)]
    second = [(AND, 200 + i, i) for i in range(100)]
    p = uniform_schedule(circuit(200, first + second, list(range(300, 400))), 1)
    written = {}
    for gate in range(150):  # towards the end nothing else is left to do
        for slot in (p.x[gate], p.y[gate], p.z[gate]):
            assert gate - written.get(slot, -100) >= 10
        written[p.dst[gate]] = gate


@given(circuits(), st.integers(1, 5), st.booleans())
def test_random(c, classes, simplified):
    outputs = len(c.outputs) // classes * classes
    if outputs == 0:
        return
    c = type(c)(c.n_inputs, c.table, c.a, c.b, c.outputs[:outputs], c.inverted[:outputs])
    p = uniform_schedule(simplify(c)[0] if simplified else c, classes)
    words = np.random.default_rng(0).integers(0, 256, (c.n_inputs, 3), dtype=np.uint8)
    np.testing.assert_array_equal(p.evaluate(words), counts(c, classes, words))
    assert p == uniform_schedule(simplify(c)[0] if simplified else c, classes)


@pytest.mark.parametrize("classes", [1, 10, 400])
def test_large_layers(classes):
    rng = np.random.default_rng(classes)
    rows, width, n = [], 4000, 300
    for layer in range(4):
        low, high = (0, n) if layer == 0 else (n + (layer - 1) * width, n + layer * width)
        rows += [(int(t), *map(int, rng.integers(low, high, 2))) for t in rng.integers(0, 16, width)]
    c = circuit(n, rows, list(range(n + 3 * width, n + 4 * width)))
    words = rng.integers(0, 2**64, (n, 1), dtype=np.uint64)
    p = uniform_schedule(simplify(c)[0], classes)
    np.testing.assert_array_equal(p.evaluate(words), counts(c, classes, words))
    assert p.n_slots < n + 2 * width
    assert p.n_trees <= classes * -(-width // classes // TREE)
    assert p.base.sum() > 0, "half of the constants are ones"


def test_deep_chain():
    rows = [(AND, 0, 1)] + [(6, 2 + i, i % 2) for i in range(3000)]
    c = circuit(2, rows, [2 + 3000])
    words = np.array([[0b1100], [0b1010]], np.uint8)
    p = uniform_schedule(c, 1)
    np.testing.assert_array_equal(p.evaluate(words), counts(c, 1, words))
    assert p.n_slots <= 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_bit": [2, 0]}, "2 live inputs"),
        ({"input_bit": [0, 3]}, "input_bit"),
        ({"x": [0, 1]}, "1 dst, 2 x"),
        ({"base": [0, 0]}, "base is not one"),
        ({"base": [2]}, "base is not one"),
        ({"dst": [2]}, "holds zeros"),
        ({"z": [4]}, "z names"),
        ({"tree_slot": [0]}, "1 trees with 1 slots"),
        ({"tree_stop": [2]}, "tree_stop names"),
        ({"tree_class": [1]}, "tree_class names"),
        ({"tree_inverted": [17]}, "tree_inverted names"),
        (
            {"tree_slot": [0] * 32, "tree_stop": [1, 0], "tree_class": [0, 0], "tree_inverted": [0, 0]},
            "not ascending",
        ),
    ],
)
def test_refused(changes, message):
    with pytest.raises(InputError, match=message):
        program(**changes)


def test_refused_words():
    with pytest.raises(InputError, match="packed inputs"):
        program().evaluate(np.zeros((2, 1), np.uint8))
