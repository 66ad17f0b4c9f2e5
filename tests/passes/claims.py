"""What every pass promises, and circuits written by hand."""

from __future__ import annotations

import numpy as np

from lgn_edge.network import Circuit, pack


def circuit(n_inputs: int, gates: list[tuple[int, int, int]], outputs: list[int]) -> Circuit:
    """A circuit from (table, a, b) rows and output signals, `~signal` for an inverted one."""
    table, a, b = np.array(gates, np.int64).reshape(-1, 3).T
    signal = np.array(outputs, np.int64)
    return Circuit(n_inputs, table, a, b, np.where(signal < 0, ~signal, signal), signal < 0)


def gates(c: Circuit) -> list[tuple[int, int, int]]:
    """The (table, a, b) rows of a circuit."""
    return list(zip(c.table.tolist(), c.a.tolist(), c.b.tolist(), strict=True))


def outputs(c: Circuit) -> list[int]:
    """The output signals of a circuit, `~signal` for an inverted one."""
    return np.where(c.inverted, ~c.outputs, c.outputs).tolist()


def all_inputs(n_inputs: int) -> np.ndarray:
    """Packed words uint64[n_inputs, words] of all 2**n_inputs patterns (repeated up to a whole word)."""
    pattern = np.arange(max(64, 2**n_inputs))
    return pack(pattern[:, None] >> np.arange(n_inputs) & 1)


def assert_same_function(before: Circuit, after: Circuit) -> None:
    """Equal outputs for all inputs, from as many inputs, with no more gates."""
    assert after.n_inputs == before.n_inputs
    assert after.n_gates <= before.n_gates
    words = all_inputs(before.n_inputs)
    np.testing.assert_array_equal(after.evaluate(words), before.evaluate(words))
