from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.forms.table.tape import N_OPERATIONS, Tape, make_tape
from lgn_edge.network import Circuit, Network, flatten
from lgn_edge.network.bits import unpack
from lgn_edge.passes import simplify
from tests.strategies import random_network, random_samples


def tape_of(network: Network) -> tuple[Circuit, Tape]:
    circuit, _ = simplify(flatten(network))
    return circuit, make_tape(circuit, network.head, network.encoder.feature)


def assert_equal(network: Network, tape: Tape, n: int = 9) -> None:
    samples = random_samples(network, n)
    bits = unpack(network.encoder.evaluate(samples), n)
    assert (tape.evaluate(bits) == network.evaluate(samples).scores).all()


@given(
    st.integers(0, 10**6),
    st.lists(st.sampled_from([6, 12, 60, 240]), min_size=1, max_size=5).map(tuple),
    st.sampled_from([tuple(range(16)), (0, 15), (3, 5, 10, 12), (1, 6, 7, 9, 14)]),
)
@settings(max_examples=60, deadline=None)
def test_scores_are_the_networks(seed: int, widths: tuple[int, ...], tables: tuple[int, ...]) -> None:
    network = random_network(seed, bits=11, widths=widths, tables=tables)
    assert_equal(network, tape_of(network)[1])


def test_steps_of_a_wide_network_fit_a_byte() -> None:
    """Operands further apart than a byte holds are reached by fillers, which change nothing."""
    network = random_network(1, features=40, bits=2000, widths=(3000, 600), classes=3, tables=(1, 2, 6, 7, 8))
    circuit, tape = tape_of(network)
    assert len(tape.step) > circuit.n_gates == tape.n_gates
    assert tape.n_slots > 255
    assert tape.step.max() == 255
    assert (tape.length % 2 == 0).all()
    assert_equal(network, tape)


def test_steps_are_wide_where_fillers_would_be_most_of_it() -> None:
    network = random_network(2, features=40, bits=9000, widths=(8000,), classes=100, tables=(1, 2, 6, 7))
    _, tape = tape_of(network)
    assert tape.step.max() > 255
    assert tape.unit == 4
    assert (tape.length % 4 == 0).all()
    assert_equal(network, tape)


def test_slots_of_dead_signals_are_used_again() -> None:
    """Eight layers of equal width need the slots of about two."""
    network = random_network(3, features=40, bits=400, widths=(400,) * 8, classes=4, tables=(6, 9))
    circuit, tape = tape_of(network)
    assert circuit.n_gates > 2000
    assert tape.n_slots < 1200
    assert_equal(network, tape)


def test_inputs_are_loaded_by_feature() -> None:
    network = random_network(4, features=9, bits=40, widths=(60, 30), classes=3)
    _, tape = tape_of(network)
    assert (np.diff(network.encoder.feature[tape.input_bit]) >= 0).all()


def test_the_same_circuit_gives_the_same_tape() -> None:
    network = random_network(5, bits=30, widths=(60, 30), classes=3)
    assert tape_of(network)[1] == tape_of(network)[1]


def test_runs_must_match_their_entries() -> None:
    tape = tape_of(random_network(6, bits=30, widths=(60, 30), classes=3))[1]
    with pytest.raises(InputError, match="steps"):
        dataclasses.replace(tape, step=tape.step[:-2])
    with pytest.raises(InputError, match="runs have one each"):
        dataclasses.replace(tape, first=tape.first[:-N_OPERATIONS])
    with pytest.raises(InputError, match=r"the tape takes \[n, 30\]"):
        tape.evaluate(np.zeros((1, 29), np.uint8))
