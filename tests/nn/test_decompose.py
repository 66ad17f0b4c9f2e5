"""Gates of k inputs against the two-input gates made of them: every table, every input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lgn_edge.network import GroupSum, Network, Threshold, flatten
from lgn_edge.nn.decompose import decompose
from lgn_edge.passes import simplify


def every_input(k: int) -> NDArray[np.uint8]:
    """uint8 [2**k, k]; row i is the number i, most significant bit first."""
    return (np.arange(2**k)[:, None] >> np.arange(k - 1, -1, -1) & 1).astype(np.uint8)


def outputs(n_inputs: int, wires: NDArray[np.int32], tables: NDArray[np.bool_]) -> tuple[Network, NDArray[np.bool_]]:
    """The network of a decomposition, and its bits [2**n_inputs, gates] for all inputs."""
    layers = decompose(n_inputs, wires, tables)
    encoder = Threshold(n_inputs, np.arange(n_inputs), np.full(n_inputs, 0.5, np.float32), "uint8")
    network = Network(encoder, layers, GroupSum(len(tables), len(tables)))
    return network, network.evaluate(every_input(n_inputs)).scores.astype(bool)


def expected(n_inputs: int, wires: NDArray[np.int32], tables: NDArray[np.bool_]) -> NDArray[np.bool_]:
    bits = every_input(n_inputs)[:, wires].astype(int)  # [inputs, k, gates]
    k = len(wires)
    number = (bits << np.arange(k - 1, -1, -1)[None, :, None]).sum(1)
    return tables[np.arange(len(tables)), number]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_all_functions(k: int) -> None:
    tables = (np.arange(2**2**k)[:, None] >> np.arange(2**k) & 1).astype(bool)
    wires = np.tile(np.arange(k, dtype=np.int32)[:, None], len(tables))
    assert np.array_equal(outputs(k, wires, tables)[1], expected(k, wires, tables))


@given(st.integers(2, 6), st.integers(1, 12), st.integers(0, 2**31), st.sampled_from([0.5, 0.1, 0.95]))
def test_random_functions(k: int, gates: int, seed: int, ones: float) -> None:
    rng = np.random.default_rng(seed)
    n_inputs = int(rng.integers(k, 9))
    wires = np.array([rng.permutation(n_inputs)[:k] for _ in range(gates)], np.int32).T
    tables = rng.random((gates, 2**k)) < ones
    assert np.array_equal(outputs(n_inputs, wires, tables)[1], expected(n_inputs, wires, tables))


def test_an_input_may_be_read_twice() -> None:
    wires = np.array([[1, 0], [1, 0], [0, 0]], np.int32)
    tables = np.random.default_rng(0).random((2, 8)) < 0.5
    assert np.array_equal(outputs(2, wires, tables)[1], expected(2, wires, tables))


# The least gates of two inputs that these functions have.
@pytest.mark.parametrize(
    ("name", "k", "least"),
    [("and", 6, 5), ("parity", 6, 5), ("majority", 3, 4), ("multiplexer", 3, 3), ("pass", 6, 0), ("and-or", 4, 3)],
)
def test_structure_is_found(name: str, k: int, least: int) -> None:
    x = every_input(k).astype(bool)
    functions = {
        "and": x.all(1),
        "parity": x.sum(1) % 2 == 1,
        "majority": x.sum(1) >= 2,
        "multiplexer": np.where(x[:, 0], x[:, 1], x[:, -1]),
        "pass": x[:, 2 % k],
        "and-or": (x[:, 0] & x[:, 1]) | (x[:, -2] & ~x[:, -1]),
    }
    table = functions[name].reshape(1, -1)
    network, _ = outputs(k, np.arange(k, dtype=np.int32)[:, None], table)
    circuit, _ = simplify(flatten(network))
    assert len(circuit.table) == least


def test_equal_parts_of_gates_are_made_once() -> None:
    rng = np.random.default_rng(1)
    table = rng.random((1, 64)) < 0.5
    wires = np.arange(6, dtype=np.int32)[:, None]
    once = decompose(6, wires, table)
    twice = decompose(6, np.tile(wires, 2), np.vstack([table, ~table]))
    assert [len(layer.table) for layer in twice[:-1]] == [len(layer.table) for layer in once[:-1]]
    assert np.array_equal(twice[-1].table[0] ^ twice[-1].table[1], 15)
