from __future__ import annotations

import numpy as np
import pytest

from lgn_edge.network import Circuit, flatten
from lgn_edge.network.bits import pack, unpack
from lgn_edge.network.truth_table import A_AND_NOT_B, AND, OR, XOR
from lgn_edge.passes import simplify
from lgn_edge.passes.polarity import input_polarity
from lgn_edge.passes.push_complements import OPERATIONS, push_complements
from tests.strategies import random_network


def single(table: int, inverted: bool = False) -> Circuit:
    return Circuit(2, [table], [0], [1], [2], [inverted])


@pytest.mark.parametrize(
    ("table", "inverted", "polarity"),
    [
        (AND, False, [False, False]),
        (A_AND_NOT_B, False, [False, True]),
        (OR, True, [True, True]),
        (XOR, False, [False, False]),
    ],
)
def test_an_output_becomes_what_is_counted_in_one(table: int, inverted: bool, polarity: list[bool]) -> None:
    given = single(table, inverted)
    assert input_polarity(given).tolist() == polarity
    assert push_complements(given, np.array(polarity)).table[0] == (XOR if table == XOR else AND)


def test_a_subtracted_xor_is_added() -> None:
    given = single(XOR, inverted=True)
    polarity = input_polarity(given)
    assert polarity.sum() == 1
    assert not push_complements(given, polarity).inverted[0]


def test_complemented_inputs_give_the_same_outputs() -> None:
    for seed in range(10):
        given, _ = simplify(flatten(random_network(seed, bits=20, widths=(60, 40, 24), classes=4)))
        bits = np.random.default_rng(seed).random((200, given.n_inputs)) < 0.5
        polarity = input_polarity(given)
        pushed = push_complements(given, polarity)
        assert np.isin(pushed.table, OPERATIONS).all()
        assert pushed.n_gates == given.n_gates
        want = unpack(given.evaluate(pack(bits)), 200)
        assert np.array_equal(unpack(pushed.evaluate(pack(bits ^ polarity)), 200), want)


def test_more_outputs_are_counted_in_one() -> None:
    given, _ = simplify(flatten(random_network(3, bits=60, widths=(150, 300), classes=3, tables=(1, 2, 4, 6, 7, 8))))

    def products(circuit: Circuit) -> int:
        uses = np.bincount(np.concatenate([circuit.a, circuit.b, circuit.outputs]), minlength=circuit.n_signals)
        return int(((uses[circuit.n_inputs :] == 1) & (circuit.table == AND)).sum())

    assert products(push_complements(given, input_polarity(given))) > 1.5 * products(given)


def gates_of_two(n_inputs: int, n: int) -> Circuit:
    """Gate i is `i & ~(i + 1)`, and an output."""
    a = np.arange(n, dtype=np.int32)
    outputs = np.arange(n_inputs, n_inputs + n, dtype=np.int32)
    return Circuit(n_inputs, np.full(n, A_AND_NOT_B, np.uint8), a, a + 1, outputs, np.zeros(n, np.bool_))


def test_inputs_that_nothing_reads_take_no_work() -> None:
    assert np.flatnonzero(input_polarity(gates_of_two(200_000, 1))).tolist() == [1]  # an AND of the complement


def test_a_circuit_that_takes_too_long_is_left_as_it_is() -> None:
    assert not input_polarity(gates_of_two(4_001, 4_000)).any()
