"""Waves against the network: any circuit, any number of classes, waves of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgn_edge.errors import InvariantError
from lgn_edge.forms.gpu.waves import wave_program
from lgn_edge.network import Network, flatten
from lgn_edge.passes import simplify
from tests.strategies import networks, random_network


def _check(network: Network, most: int, simplified: bool = True) -> None:
    circuit = flatten(network)
    if simplified:
        circuit, _ = simplify(circuit)
    program = wave_program(circuit, network.head.n_outputs, most)
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**32, (circuit.n_inputs, 3), dtype=np.uint32)
    expected = network.head.evaluate(flatten(network).evaluate(words), 96)
    np.testing.assert_array_equal(program.evaluate(words), expected)


@given(networks(), st.integers(1, 50), st.booleans())
def test_scores_are_the_networks(network: Network, most: int, simplified: bool) -> None:
    _check(network, most, simplified)


@pytest.mark.parametrize("outputs", [8, 9, 31, 33, 35, 36, 62, 300, 1100])
@pytest.mark.parametrize("classes", [1, 3])
def test_trees_of_every_number_of_outputs(outputs: int, classes: int) -> None:
    _check(random_network(outputs, bits=40, widths=(70, outputs * classes), classes=classes), 64)


def test_smaller_waves_need_fewer_slots() -> None:
    circuit, _ = simplify(flatten(random_network(1, bits=300, widths=(400, 400, 400), classes=4)))
    slots = [wave_program(circuit, 4, most).n_slots for most in (16, 400)]
    assert slots[0] < slots[1]


def test_a_wave_that_writes_what_it_reads_is_refused() -> None:
    circuit, _ = simplify(flatten(random_network(2, bits=30, widths=(40, 30), classes=3)))
    program = wave_program(circuit, 3, 8)
    dst = program.dst.copy()
    dst[0] = program.a[1]
    with pytest.raises(InvariantError, match="writes what it reads"):
        replace(program, dst=dst)
