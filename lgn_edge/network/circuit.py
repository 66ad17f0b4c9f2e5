"""A network as one flat netlist of gates in arrays: what passes rewrite and targets schedule."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.network.layers import ArrayRecord, Int32Array, frozen_array, keep_whole_numbers, signal_index
from lgn_edge.network.network import Network
from lgn_edge.network.truth_table import UInt8Array, Words, evaluate_gates


@dataclass(frozen=True, eq=False)
class Circuit(ArrayRecord):
    """Gates over signals: signal i < n_inputs is input i, signal n_inputs + g is the output of gate g.

    A gate reads only signals before its own, so the arrays are in topological order. Constants are the gates 0 and 15,
    whatever their inputs.

    Attributes:
        n_inputs: input bits.
        table: uint8[G], truth table ids.
        a, b: int32[G], input signals.
        outputs: int32[O], the signal of each output; several outputs may share one.
        inverted: bool[O], whether the output is the complement of its signal.
    """

    n_inputs: int
    table: UInt8Array
    a: Int32Array
    b: Int32Array
    outputs: Int32Array
    inverted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        keep_whole_numbers(self, "circuit", "n_inputs")
        object.__setattr__(self, "table", frozen_array(self.table, np.uint8, "circuit: table"))
        for name in ("a", "b", "outputs"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32, f"circuit: {name}"))
        object.__setattr__(self, "inverted", frozen_array(self.inverted, np.bool_, "circuit: inverted"))
        if self.n_inputs < 1:
            raise InputError(f"circuit: n_inputs is {self.n_inputs}; it needs at least one")
        if not len(self.table) == len(self.a) == len(self.b):
            raise InputError(f"circuit: {len(self.table)} tables, {len(self.a)} a and {len(self.b)} b; one each a gate")
        if len(self.outputs) != len(self.inverted):
            raise InputError(f"circuit: {len(self.outputs)} outputs but {len(self.inverted)} inversions")
        if self.n_gates and self.table.max() > 15:
            raise InputError(f"circuit: a table is {int(self.table.max())}; a 2-input gate is 0..15")
        own = np.arange(self.n_inputs, self.n_signals, dtype=np.uint32)
        for name in ("a", "b"):
            wires = getattr(self, name)
            bad = wires.view(np.uint32) >= own  # a negative wire is a large number then
            if bad.any():
                at = int(np.argmax(bad))
                raise InputError(f"circuit: {name}[{at}] is {int(wires[at])}; gate {at} may read 0..{int(own[at]) - 1}")
        bad = (self.outputs < 0) | (self.outputs >= self.n_signals)
        if bad.any():
            at = int(np.argmax(bad))
            raise InputError(f"circuit: output {at} is signal {int(self.outputs[at])} of {self.n_signals}")

    @property
    def n_gates(self) -> int:
        """Gates, constants included."""
        return len(self.table)

    @property
    def n_signals(self) -> int:
        """Inputs and gates."""
        return self.n_inputs + len(self.table)

    def levels(self) -> Int32Array:
        """Depth of each signal, int32[n_signals]: 0 for inputs, one more than the deeper input for gates.

        Costs a few array operations a level, O(gates) in all.
        """
        level = np.zeros(self.n_signals, np.int32)
        # the readers of each signal, one after the other: edges sorted by (source, sink) as one integer
        source = np.concatenate([self.a, self.b])
        sinks = np.sort(source.astype(np.int64) << 32 | np.arange(len(source))) & 0xFFFF_FFFF
        sinks[sinks >= self.n_gates] -= self.n_gates
        stop = np.cumsum(np.bincount(source, minlength=self.n_signals))
        start = np.concatenate([[0], stop[:-1]])
        waiting = np.full(self.n_gates, 2, np.int8)  # inputs of each gate without a level yet
        ready, depth = np.arange(self.n_inputs), 0
        while len(ready):
            depth += 1
            count = stop[ready] - start[ready]
            edges = np.repeat(stop[ready] - np.cumsum(count), count)
            edges += np.arange(len(edges))
            reached = np.sort(sinks[edges])
            twice = reached[1:] == reached[:-1]
            waiting[reached] -= 1  # once a gate, however often it was reached: those of both inputs count again
            waiting[reached[1:][twice]] -= 1
            done = reached[waiting[reached] == 0]
            done = done[np.diff(done, prepend=-1) != 0]
            ready = self.n_inputs + done
            level[ready] = depth
        return level

    def evaluate(self, words: ArrayLike) -> Words:
        """Packed outputs [O, words] of packed inputs [n_inputs, words]; the reference, level by level."""
        inputs = np.asarray(words)
        if inputs.ndim != 2 or len(inputs) != self.n_inputs or inputs.dtype.kind != "u":
            raise InputError(
                f"packed inputs are {inputs.dtype} {list(inputs.shape)};"
                f" the circuit takes unsigned words [{self.n_inputs}, words]"
            )
        values = np.empty((self.n_signals, inputs.shape[1]), inputs.dtype)
        values[: self.n_inputs] = inputs
        level = self.levels()[self.n_inputs :]
        order = np.argsort(level, kind="stable")
        bounds = np.flatnonzero(np.diff(level[order], prepend=0, append=np.iinfo(np.int32).max))
        for start, stop in pairwise(bounds):
            gates = order[start:stop]
            values[self.n_inputs + gates] = evaluate_gates(
                self.table[gates], values[self.a[gates]], values[self.b[gates]]
            )
        result = values[self.outputs]
        result[self.inverted] ^= np.array(np.iinfo(inputs.dtype).max, inputs.dtype)
        return result


def flatten(network: Network, given: Collection[int] = ()) -> Circuit:
    """The logic layers of a network as one circuit.

    Input i of the circuit is bit i of the encoder; output o is input o of the head. No gate is changed or removed.

    Args:
        network: whose layers.
        given: layers that are not part of the circuit: their outputs are inputs of it, behind the encoder's bits, in
            the order of the layers. What they read is not looked at.
    """
    tables, firsts, seconds = [np.zeros(0, np.uint8)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    total = n_inputs = network.encoder.n_outputs + sum(network.layers[i].n_outputs for i in given)
    written = [signal_index(0, network.encoder.n_outputs)]  # the circuit's signals of the encoder, then of each layer
    start = network.encoder.n_outputs
    for i, (layer, reads) in enumerate(zip(network.layers, network.sources, strict=True)):
        if i in given:
            written.append(signal_index(start, layer.n_outputs))
            start += layer.n_outputs
            continue
        if total + layer.n_applied + 1 > np.iinfo(np.int32).max:  # and a constant at most
            raise InputError(f"circuit: more than {np.iinfo(np.int32).max} signals; wiring is int32")
        table, a, b, outputs = layer.gates()
        signals = np.concatenate([*(written[source] for source in reads), signal_index(total, len(table))])
        tables.append(table)
        firsts.append(signals[a])
        seconds.append(signals[b])
        written.append(signals[outputs])
        total += len(table)
    return Circuit(
        n_inputs,
        np.concatenate(tables),
        np.concatenate(firsts),
        np.concatenate(seconds),
        written[-1],
        np.zeros(len(written[-1]), np.bool_),
    )
