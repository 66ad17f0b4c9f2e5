"""A network as levels of gates sorted by kind: what the standard graph is written from, and read back as."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from lgn_edge.errors import UnsupportedError
from lgn_edge.network import Circuit, LogicDense, Network, flatten
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import FALSE
from lgn_edge.passes import simplify
from lgn_edge.passes.layered import absorb_inversions, last_layer, layers_of

MOST_GATES: Final = 1 << 27  # simplifying takes some 100 bytes of memory for each


def levelled(network: Network) -> Network:
    """The network simplified, one layer a level of gates, and a last layer of wires that gives each class its signals.

    In every layer but the last, gates are sorted by table, then by inputs, and none is one of ~a&b, b, ~b, ~a|b; a
    signal that a later layer still reads is kept by a wire. Zeros that all classes have in common are left out, so the
    group sum may have fewer inputs. The scores are the same for all samples.

    Raises:
        UnsupportedError: there are too many gates, those of a kernel counted at every place.
    """
    if network.n_gates > MOST_GATES:
        raise UnsupportedError(
            f"the network has {network.n_gates:,} gates, those of a kernel counted at every place; a file that writes"
            f" each holds {MOST_GATES:,} at most: use --ops custom, which writes a kernel once"
        )
    circuit = absorb_inversions(simplify(flatten(network))[0])
    layers, row = layers_of(circuit)
    width = layers[-1].n_outputs if layers else circuit.n_inputs
    classes = network.head.n_outputs
    rows = _counted(circuit, row, classes)
    layers.append(last_layer(rows, width))
    head = replace(network.head, n_inputs=rows.size)
    return replace(network, layers=tuple(layers), head=head, reads=())


def counted(network: Network) -> Int32Array:
    """The rows [rows, outputs] that each output of a levelled network counts."""
    last = network.layers[-1]
    assert isinstance(last, LogicDense)
    return np.ascontiguousarray(last.a.reshape(network.head.n_outputs, -1).T)


def _counted(circuit: Circuit, row: Int32Array, classes: int) -> Int32Array:
    """The rows of each class [rows, classes], in order, at least one."""
    signals = circuit.outputs.reshape(classes, -1)
    zero = np.zeros(circuit.n_signals, np.bool_)
    zero[circuit.n_inputs :] = circuit.table == FALSE
    zeros = zero[signals]
    surplus = min(int(zeros.sum(axis=1).min()), signals.shape[1] - 1)
    keep = ~(zeros & (np.cumsum(zeros, axis=1) <= surplus))
    return np.sort(row[signals[keep]].reshape(classes, -1), axis=1).T
