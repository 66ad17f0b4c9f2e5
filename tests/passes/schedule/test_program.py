from dataclasses import replace

import numpy as np
import pytest

from lgn_edge.errors import InputError
from lgn_edge.network.truth_table import evaluate_gates
from lgn_edge.passes.schedule.program import OPERATIONS, Program
from tests.passes.claims import all_inputs


def program(**changes):
    """Slot 2 = i1 & i3; slot 0 = i1 ^ slot 2 in place of i1; outputs ~(that), i3."""
    fields = {
        "n_inputs": 5,
        "input_bit": [1, 3],
        "op": [0, 3],
        "length": [1, 1],
        "dst": [2, 0],
        "a": [0, 0],
        "b": [1, 2],
        "n_slots": 3,
        "output_slot": [0, 1],
        "output_inverted": [True, False],
    }
    return Program(**(fields | changes))


def test_evaluate():
    words = all_inputs(5)
    expected = [~(words[1] ^ (words[1] & words[3])), words[3]]
    np.testing.assert_array_equal(program().evaluate(words), expected)
    assert (program().n_gates, program().n_live_inputs, program().n_outputs) == (2, 2, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("op", range(4))
def test_operations(op, dtype):
    words = np.array([[0b0011], [0b0101]], dtype)
    one = Program(2, [0, 1], [op], [1], [1], [0], [1], 2, [1], [False])
    expected = evaluate_gates(np.array([OPERATIONS[op]], np.uint8), words[:1], words[1:])
    np.testing.assert_array_equal(one.evaluate(words), expected)


def test_equality_and_immutability():
    assert program() == program()
    assert program() != program(dst=[2, 1])
    with pytest.raises(ValueError, match="read-only"):
        program().dst[0] = 1


def test_no_gates():
    bare = Program(1, [0], [], [], [], [], [], 1, [0], [True])
    np.testing.assert_array_equal(bare.evaluate(np.zeros((1, 2), np.uint8)), [[255, 255]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_bit": [1, 5]}, r"input_bit\[1\] is 5, outside the 5 inputs 0..4"),
        ({"input_bit": [3, 1]}, "2 live inputs in 3 slots; it needs at least one, ascending"),
        ({"input_bit": []}, "0 live inputs in 3 slots"),
        ({"n_slots": 1}, "2 live inputs in 1 slots"),
        ({"op": [0, 4]}, "operations 0..3"),
        ({"op": [0]}, "1 operations and 2 lengths"),
        ({"length": [2, 0]}, "lengths from 1"),
        ({"length": [1, 2]}, "runs of 3 gates, but 2 dst, 2 a and 2 b"),
        ({"a": [0]}, "but 2 dst, 1 a and 2 b"),
        ({"output_slot": [0]}, "1 outputs but 2 inversions"),
        ({"dst": [2, 3]}, r"dst names a slot outside 0..2"),
        ({"b": [-1, 2]}, r"b names a slot outside 0..2"),
        ({"output_slot": [0, 3]}, r"output_slot names a slot outside 0..2"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(InputError, match=message):
        program(**changes)


def test_refused_words():
    with pytest.raises(
        InputError, match=r"packed inputs are uint8 \[4, 1\]; the program takes unsigned words \[5, words\]"
    ):
        program().evaluate(np.zeros((4, 1), np.uint8))
    assert replace(program(), n_inputs=4).evaluate(np.zeros((4, 1), np.uint8)).shape == (2, 1)
