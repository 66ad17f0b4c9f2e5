from __future__ import annotations

import numpy as np

from lgn_edge.forms.straight.register_order import register_order
from lgn_edge.network import Circuit, flatten
from lgn_edge.passes import simplify
from tests.strategies import random_network


def circuit(seed: int, **shape: object) -> Circuit:
    return simplify(flatten(random_network(seed, **shape)))[0]  # type: ignore[arg-type]


def one_turn(of: Circuit) -> np.ndarray:
    return np.zeros(of.n_gates, np.int64)


def memory_reads(of: Circuit, order: np.ndarray, registers: int = 8) -> int:
    """Operands that are not among the values used last."""
    recent: list[int] = []
    reads = 0
    for gate in order.tolist():
        for wire in (int(of.a[gate]), int(of.b[gate]), of.n_inputs + gate):
            if wire in recent:
                recent.remove(wire)
            elif wire != of.n_inputs + gate:
                reads += 1
            recent = [*recent, wire][-registers:]
    return reads


def test_operands_come_before_their_readers() -> None:
    for seed in range(20):
        given = circuit(seed, bits=20, widths=(60, 50, 40), classes=4)
        order = register_order(given, one_turn(given))
        assert sorted(order) == list(range(given.n_gates))
        time = np.full(given.n_signals, -1)
        time[given.n_inputs + order] = np.arange(len(order))
        assert (time[given.a] < time[given.n_inputs :]).all()
        assert (time[given.b] < time[given.n_inputs :]).all()


def test_most_of_what_is_read_is_in_a_register() -> None:
    given = circuit(1, bits=64, widths=(300, 200), classes=4, tables=(1, 2, 6, 7))
    layers = memory_reads(given, np.arange(given.n_gates))
    assert memory_reads(given, register_order(given, one_turn(given))) < 0.6 * layers


def test_gates_of_a_later_turn_come_later() -> None:
    given = circuit(2, bits=20, widths=(60, 50, 40), classes=4)
    turn = (given.levels()[given.n_inputs :] > 2).astype(np.int64)
    order = register_order(given, turn)
    assert sorted(order) == list(range(given.n_gates))
    assert (np.diff(turn[order]) >= 0).all()
    assert turn.any()
