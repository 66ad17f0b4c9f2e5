"""A network as levels of gates sorted by kind: what the standard graph is written from, and read back as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from lgn_edge.network import Circuit, LogicDense, Network, flatten
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import (
    A_OR_NOT_B,
    COMPLEMENT_OUTPUT,
    FALSE,
    NOT_A,
    NOT_A_OR_B,
    PASS_A,
    SAME_INPUT,
    UInt8Array,
)
from lgn_edge.passes import simplify
from lgn_edge.passes.prune import prune
from lgn_edge.passes.rewrite import stable_order


def levelled(network: Network) -> Network:
    """The network simplified, one layer a level of gates, and a last layer of wires that gives each class its signals.

    In every layer but the last, gates are sorted by table, then by inputs, and none is one of ~a&b, b, ~b, ~a|b; a
    signal that a later layer still reads is kept by a wire. Zeros that all classes have in common are left out, so the
    group sum may have fewer inputs. The scores are the same for all samples.
    """
    circuit = _absorb_inversions(simplify(flatten(network))[0])
    layers = []
    row = np.arange(circuit.n_signals, dtype=np.int32)  # of each signal that is live
    width = circuit.n_inputs
    for table, a, b, signals in _levels(circuit):
        order = np.lexsort((row[b], row[a], table))
        layers.append(LogicDense(width, row[a][order], row[b][order], table[order]))
        row[signals[order]] = np.arange(len(order), dtype=np.int32)
        width = len(order)
    classes = network.head.n_outputs
    rows = _counted(circuit, row, classes)
    layers.append(last_layer(rows, width))
    head = replace(network.head, n_inputs=rows.size)
    return replace(network, layers=tuple(layers), head=head)


def counted(network: Network) -> Int32Array:
    """The rows [rows, outputs] that each output of a levelled network counts."""
    last = network.layers[-1]
    assert isinstance(last, LogicDense)
    return np.ascontiguousarray(last.a.reshape(network.head.n_outputs, -1).T)


def last_layer(rows: Int32Array, width: int) -> LogicDense:
    """The last layer of a levelled network: the inverse of `counted`."""
    wires = rows.T.ravel()
    return LogicDense(width, wires, wires, np.full(len(wires), PASS_A, np.uint8))


def _absorb_inversions(circuit: Circuit) -> Circuit:
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


def _counted(circuit: Circuit, row: Int32Array, classes: int) -> Int32Array:
    """The rows of each class [rows, classes], in order, at least one."""
    signals = circuit.outputs.reshape(classes, -1)
    zero = np.zeros(circuit.n_signals, np.bool_)
    zero[circuit.n_inputs :] = circuit.table == FALSE
    zeros = zero[signals]
    surplus = min(int(zeros.sum(axis=1).min()), signals.shape[1] - 1)
    keep = ~(zeros & (np.cumsum(zeros, axis=1) <= surplus))
    return np.sort(row[signals[keep]].reshape(classes, -1), axis=1).T
