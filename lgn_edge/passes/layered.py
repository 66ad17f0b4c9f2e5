"""A circuit as layers: one a level of gates, with wires that keep what later levels read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from lgn_edge.network import Bits, Circuit, LogicDense, Network, Threshold
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import (
    A_OR_NOT_B,
    COMPLEMENT_OUTPUT,
    NOT_A,
    NOT_A_OR_B,
    PASS_A,
    SAME_INPUT,
    UInt8Array,
)
from lgn_edge.passes.prune import prune
from lgn_edge.passes.rewrite import stable_order


def as_network(circuit: Circuit, name: str = "circuit") -> Network:
    """The network that computes a circuit: features are its inputs, uint8 0 or 1, and its head hands out its outputs.

    No gate is simplified; those that no output needs are left out. Levels cost a wire for each signal that a later
    level reads, so a deep circuit with many inputs that are read late becomes a large network.
    """
    circuit = absorb_inversions(circuit)
    layers, row = layers_of(circuit)
    width = layers[-1].n_outputs if layers else circuit.n_inputs
    last = last_layer(row[circuit.outputs][None], width)
    return Network(Threshold.bits(circuit.n_inputs), (*layers, last), Bits(len(circuit.outputs)), name)


def layers_of(circuit: Circuit) -> tuple[list[LogicDense], Int32Array]:
    """A layer for each level of a circuit without inverted outputs, and the row of each output's signal in the last.

    Gates of a layer are sorted by table, then by inputs.

    Returns:
        layers, none where outputs are inputs; row int32[n_signals], which means something for outputs only.
    """
    layers = []
    row = np.arange(circuit.n_signals, dtype=np.int32)  # of each signal that is live
    width = circuit.n_inputs
    for table, a, b, signals in _levels(circuit):
        order = np.lexsort((row[b], row[a], table))
        layers.append(LogicDense(width, row[a][order], row[b][order], table[order]))
        row[signals[order]] = np.arange(len(order), dtype=np.int32)
        width = len(order)
    return layers, row


def last_layer(rows: Int32Array, width: int) -> LogicDense:
    """A layer of wires that gives each output its rows [rows, outputs]."""
    wires = rows.T.ravel()
    return LogicDense(width, wires, wires, np.full(len(wires), PASS_A, np.uint8))


def absorb_inversions(circuit: Circuit) -> Circuit:
    """The same outputs, none inverted: complemented gates are gates of their own, constants are constant tables."""
    table = np.where(circuit.a == circuit.b, SAME_INPUT[circuit.table], circuit.table)
    inverted = np.unique(circuit.outputs[circuit.inverted])
    gate = inverted - circuit.n_inputs
    of_gate = gate >= 0
    complement = np.full(len(gate), NOT_A, np.uint8)
    complement[of_gate] = COMPLEMENT_OUTPUT[table[gate[of_gate]]]
    a, b = inverted.copy(), inverted.copy()
    a[of_gate], b[of_gate] = circuit.a[gate[of_gate]], circuit.b[gate[of_gate]]
    swapped = complement == NOT_A_OR_B  # written b|~a
    complement[swapped], a[swapped], b[swapped] = A_OR_NOT_B, b[swapped], a[swapped]
    outputs = circuit.outputs.copy()
    outputs[circuit.inverted] = circuit.n_signals + np.searchsorted(inverted, circuit.outputs[circuit.inverted])
    return prune(
        Circuit(
            circuit.n_inputs,
            np.concatenate([table, complement]),
            np.concatenate([circuit.a, a]),
            np.concatenate([circuit.b, b]),
            outputs,
            np.zeros(len(outputs), np.bool_),
        )
    )


def _levels(circuit: Circuit) -> Iterator[tuple[UInt8Array, Int32Array, Int32Array, Int32Array]]:
    """For each level its gates and the wires that keep older signals: table, a, b and the signal that each makes."""
    level = circuit.levels()
    depth = int(level[circuit.outputs].max(initial=0))
    last_read = np.zeros(circuit.n_signals, np.int32)
    np.maximum.at(last_read, np.concatenate([circuit.a, circuit.b]), np.tile(level[circuit.n_inputs :], 2))
    last_read[circuit.outputs] = depth + 1
    order = stable_order(level[circuit.n_inputs :])
    bounds = np.searchsorted(level[circuit.n_inputs :][order], np.arange(1, depth + 2))
    live = np.arange(circuit.n_inputs, dtype=np.int32)
    for number, (start, stop) in enumerate(pairwise(bounds), 1):
        gates = order[start:stop]
        kept = live[last_read[live] > number]
        made = (circuit.n_inputs + gates).astype(np.int32)
        live = np.concatenate([made, kept])
        yield (
            np.concatenate([circuit.table[gates], np.full(len(kept), PASS_A, np.uint8)]),
            np.concatenate([circuit.a[gates], kept]),
            np.concatenate([circuit.b[gates], kept]),
            live,
        )
