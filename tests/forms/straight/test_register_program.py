from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_edge.errors import InputError
from lgn_edge.forms.straight.register_program import Lanes, RegisterProgram, Step, lanes, register_program
from lgn_edge.network import Circuit, GroupSum, Network, flatten
from lgn_edge.network.bits import unpack
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes import simplify
from lgn_edge.passes.push_complements import push_complements
from tests.strategies import networks, random_network, random_samples


def live(circuit: Circuit) -> Int32Array:
    return np.unique(
        np.concatenate([wires[wires < circuit.n_inputs] for wires in (circuit.a, circuit.b, circuit.outputs)])
    )


def program_of(network: Network, values: int, totals: int, fused: bool) -> tuple[Circuit, RegisterProgram]:
    circuit = push_complements(simplify(flatten(network))[0])
    return circuit, register_program(circuit, network.head, live(circuit), values=values, totals=totals, fused=fused)


@given(networks(), st.sampled_from([0, 3, 8]), st.sampled_from([1, 2, 5]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_scores_are_the_networks(network: Network, values: int, totals: int, fused: bool) -> None:
    circuit, program = program_of(network, values, totals, fused)
    samples = random_samples(network, 9)
    bits = unpack(network.encoder.evaluate(samples), 9)
    assert (program.evaluate(circuit, network.head, bits) == network.evaluate(samples).scores).all()


@pytest.mark.parametrize("values", [3, 8])
def test_no_more_values_than_registers(values: int) -> None:
    """Between a value's step and the last that reads it, or its way back to memory, it is in a register."""
    network = random_network(1, bits=40, widths=(120, 90), classes=6, tables=(1, 2, 6, 7))
    circuit, program = program_of(network, values, 3, fused=True)
    since: dict[int, int] = {}
    intervals: list[tuple[int, int]] = []
    until: dict[int, int] = {}
    for time, (step, of) in enumerate(zip(program.step.tolist(), program.of.tolist(), strict=True)):
        if step in (Step.GATE, Step.FUSED):
            gate = of if step == Step.GATE else int(circuit.outputs[of]) - circuit.n_inputs
            until |= {int(circuit.a[gate]): time, int(circuit.b[gate]): time}
        made = of if step == Step.READ else circuit.n_inputs + of if step == Step.GATE else None
        if made is not None:
            if made in until:
                intervals.append((since[made], until.pop(made)))
            since[made] = time
    intervals += [(since[signal], end) for signal, end in until.items()]
    alive = np.zeros(len(program.step) + 1, np.int64)
    for start, end in intervals:
        alive[start] += 1
        alive[end] -= 1
    assert np.cumsum(alive).max() == values
    assert program.count(Step.WRITE) > 0


def test_every_output_is_counted_once_and_gates_of_a_lane_in_its_turn() -> None:
    network = random_network(2, bits=40, widths=(120, 90), classes=6, tables=(1, 2, 6, 7))
    circuit, program = program_of(network, 8, 3, fused=True)
    assert program.lanes.turns == 2
    assert program.count(Step.TURN) == 1
    counted = program.of[np.isin(program.step, (Step.COUNT, Step.FUSED))]
    gate = np.maximum(circuit.outputs - circuit.n_inputs, 0)
    zero = (circuit.outputs >= circuit.n_inputs) & (circuit.a == circuit.b)[gate]
    assert zero.any(), "the network has an output that is constant, and nothing is counted for it"
    assert sorted(counted) == np.flatnonzero(~zero).tolist()
    turn = np.cumsum(program.step == Step.TURN)
    for time in np.flatnonzero(program.step == Step.FUSED):
        assert program.lanes.lane(int(program.of[time]) // 15) == turn[time]


def test_a_compiler_that_decides_gets_each_input_once() -> None:
    network = random_network(2, bits=40, widths=(120, 90), classes=6, tables=(1, 2, 6, 7))
    circuit, program = program_of(network, 0, 1, fused=False)
    assert program.count(Step.READ) == len(live(circuit)) == program.n_slots
    assert program.count(Step.WRITE) == program.count(Step.TURN) == program.count(Step.FUSED) == 0


@pytest.mark.parametrize(
    ("classes", "group", "totals", "bits"),
    [(4, 1, 5, 32), (10, 100, 5, 16), (10, 100, 3, 8), (10, 100, 2, 8), (10, 256, 2, 16), (2, 70_000, 1, 32)],
)
def test_lanes_are_wide_where_registers_allow(classes: int, group: int, totals: int, bits: int) -> None:
    chosen = lanes(GroupSum(classes * group, classes, 1.0, 0.0), totals)
    assert chosen.bits == bits
    assert chosen.words == -(-classes * bits // 32)
    assert {(chosen.word(c), chosen.lane(c)) for c in range(classes)} == {divmod(c, 32 // bits) for c in range(classes)}


def test_words_hold_all_classes() -> None:
    assert Lanes(16, (0, 1, 2)).words == 2


def test_bad_arrays_and_bits() -> None:
    circuit, program = program_of(random_network(4, bits=9, widths=(12,), classes=3), 8, 5, fused=True)
    with pytest.raises(InputError, match=r"register program: .* steps"):
        dataclasses.replace(program, of=program.of[1:])
    with pytest.raises(InputError, match=r"the program takes \[n, 9\]"):
        program.evaluate(circuit, GroupSum(12, 3, 1.0, 0.0), np.zeros((1, 8), np.uint8))
