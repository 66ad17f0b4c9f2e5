"""A foreign graph of bitwise or logical ops as a circuit, when it is one.

Every value of such a graph is a list of signals along one axis; the other axes are samples, and nothing mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from lgn_edge.errors import InputError
from lgn_edge.network import Circuit
from lgn_edge.network.layers import MAX_SIGNALS
from lgn_edge.network.truth_table import AND, COMPLEMENT_A, COMPLEMENT_B, FALSE, OR, XOR, UInt8Array
from lgn_edge.onnx_model.domain import STANDARD_DOMAINS
from lgn_edge.onnx_model.interface import short
from lgn_edge.onnx_model.qonnx import DOMAIN as QONNX
from lgn_edge.onnx_model.qonnx import OP as LOOKUP
from lgn_edge.onnx_model.qonnx import ids

# A literal is 2 * signal, plus 1 for its complement; a value is a list of literals, or one literal without the axis.
Literals = NDArray[np.int64]

_MOST: Final = 1 << 27  # signals of one value, twice the largest network there is: a small file may name huge ones
_ALL: Final = 4 * _MOST  # signals of all values, for the same reason: nodes that double a list are soon many
_INTEGERS: Final = frozenset(getattr(TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64))
_BINARY: Final = {"And": AND, "Or": OR, "Xor": XOR}
_MOVING: Final = ("Gather", "Concat", "Split", "Unsqueeze", "Identity", "Constant")


def circuit(model: ModelProto) -> Circuit:
    """The circuit of a graph of BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot (integers) or And, Or, Xor, Not (bool).

    A graph of QONNX LookupTable nodes of two 1-bit inputs is one too, its elements being single bits. Signals are
    moved by Gather, Concat, Split, Unsqueeze and Identity; constants are rows of all zeros or all ones.
    Input and output i of the circuit are signal i of the graph's only input and output. No gate is simplified.

    Raises:
        InputError: the graph is something else; the message names the node.
    """
    return _Reading(model.graph).circuit()


class _Reading:
    """A graph followed node by node: the literals of each value, and the gates made so far."""

    def __init__(self, graph: GraphProto) -> None:
        self.graph = graph
        self.values: dict[str, Literals] = {}
        self.constants: dict[str, TensorProto] = {}
        self.tables: list[UInt8Array] = []
        self.wires: list[tuple[Literals, Literals]] = []
        self.size = 0  # of all values
        self._find_input()
        self._find_constants()

    def circuit(self) -> Circuit:
        for node in self.graph.node:
            try:
                self._node(node)
            except InputError as error:
                raise InputError(f"node {node.name!r} ({node.op_type}): {error}") from error
        found = self.values.get(self.graph.output[0].name)
        if len(self.graph.output) != 1 or found is None or found.ndim != 1:
            raise InputError(
                f"the outputs are {short(o.name for o in self.graph.output)}; a circuit has one, of signals"
            )
        empty = np.zeros(0, np.int64)
        return Circuit(
            self.n_inputs,
            np.concatenate([np.zeros(0, np.uint8), *self.tables]),
            np.concatenate([empty, *(a >> 1 for a, _ in self.wires)]),
            np.concatenate([empty, *(b >> 1 for _, b in self.wires)]),
            found >> 1,
            (found & 1).astype(np.bool_),
        )

    def _find_input(self) -> None:
        """Find the input, the axis of its signals, and the ops that belong to it."""
        if len(self.graph.input) != 1 or not self.graph.output:
            raise InputError(
                f"the inputs are {short(i.name for i in self.graph.input)}; a circuit has one, and an output"
            )
        source = self.graph.input[0]
        kind = source.type.tensor_type
        self.logical = kind.elem_type == TensorProto.BOOL
        if not self.logical and kind.elem_type not in _INTEGERS:
            raise InputError(f"the input {source.name!r} is of type {kind.elem_type}; a circuit takes bool or integers")
        self.rank = len(kind.shape.dim)
        self.operations = {("" if self.logical else "Bitwise") + op: op for op in (*_BINARY, "Not")}
        if any(_is_lookup(node) for node in self.graph.node):
            self.operations = {}  # elements are single bits, of which a bitwise complement is none
        self.axis = self._axis([i for i, dim in enumerate(kind.shape.dim) if dim.dim_value > 0])
        self.n_inputs = self.n_signals = kind.shape.dim[self.axis].dim_value
        if not 1 <= self.n_inputs <= _MOST:
            raise InputError(f"the input {source.name!r} has no fixed number of signals along axis {self.axis}")
        self.values[source.name] = 2 * np.arange(self.n_inputs)

    def _find_constants(self) -> None:
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.output and (found := _tensor(node)) is not None:
                self.constants[node.output[0]] = found

    def _axis(self, fixed: Sequence[int]) -> int:
        """The axis of signals: the one that Gather, Concat and Split work along, or the only one of a fixed size."""
        named = {
            axis % self.rank if -self.rank <= (axis := _attribute(node, "axis", 0)) < self.rank else axis
            for node in self.graph.node
            if node.op_type in ("Gather", "Concat", "Split")
        } | {self.rank - 1 for node in self.graph.node if _is_lookup(node)}
        candidates = named or set(fixed)
        if len(candidates) != 1 or not candidates <= set(fixed):
            raise InputError(
                f"signals lie along the axes {sorted(candidates)} of the input; a circuit has one axis of signals, of a"
                " fixed size"
            )
        return candidates.pop()

    def _node(self, node: NodeProto) -> None:
        name = node.op_type
        standard = node.domain in STANDARD_DOMAINS
        operation = self.operations.get(name, "") if standard else ""
        if not operation and not _is_lookup(node) and not (standard and name in _MOVING):
            legal = ", ".join(self.operations) or LOOKUP
            raise InputError(f"a circuit of this input is made of {legal}, moved by {', '.join(_MOVING)}")
        if name == "Constant":
            return
        if len(node.output) != 1 and name != "Split":
            raise InputError(f"it has {len(node.output)} outputs, not one")
        if operation in _BINARY and len(node.input) == 2:
            results = [self._gates(_BINARY[operation], *map(self._value, node.input))]
        elif operation == "Not" and len(node.input) == 1:
            results = [self._value(node.input[0]) ^ 1]
        elif _is_lookup(node) and len(node.input) == 3:
            results = [self._looked_up(node)]
        elif not operation and not _is_lookup(node) and node.input:
            results = self._moved(node)
        else:
            raise InputError(f"it has {len(node.input)} inputs")
        for output, result in zip(node.output, results, strict=True):
            if output in self.values or output in self.constants:
                raise InputError(f"its output {output!r} is the name of another value")
            self.size += result.size
            if result.size > _MOST or self.size > _ALL:
                raise InputError(
                    f"its result has {result.size} signals, all so far {self.size}; the most are {_MOST} and {_ALL}"
                )
            self.values[output] = result

    def _looked_up(self, node: NodeProto) -> Literals:
        """The gates of a LookupTable: inputs [M, 2], entries [M, 4] by address a + 2 * b."""
        value, wires = self._value(node.input[0]), self._integers(node, 1)
        entry = self._array(node.input[2]) if node.input[2] in self.constants else None
        if value.ndim != 1 or self.axis != self.rank - 1:
            raise InputError("it looks up the last axis; that must be the one of signals")
        if _attribute(node, "input_bits", 1) != 1 or wires.ndim != 2 or wires.shape[1] != 2:
            shape, bits = list(wires.shape), _attribute(node, "input_bits", 1)
            raise InputError(f"its indices are {shape} of {bits} bits; only two inputs of one bit are gates")
        if ((wires < 0) | (wires >= len(value))).any():
            raise InputError(f"its indices must be numbers in the {len(value)} signals it reads")
        if entry is None or entry.shape != (len(wires), 4) or not np.isin(entry, (0, 1)).all():
            raise InputError(f"its table must be a constant [{len(wires)}, 4] of single bits")
        return self._gates(ids(entry.astype(np.uint8)), value[wires[:, 0]], value[wires[:, 1]])

    def _gates(self, table: int | UInt8Array, a: Literals, b: Literals) -> Literals:
        if a.ndim != b.ndim or (a.ndim and len(a) != len(b) and 1 not in (len(a), len(b))):
            raise InputError(f"its inputs have the shapes {list(a.shape)} and {list(b.shape)} of signals")
        a, b = np.broadcast_arrays(a, b)
        if self.n_signals + a.size > MAX_SIGNALS:
            raise InputError(f"a circuit has at most {MAX_SIGNALS} signals")
        made = self.n_signals + np.arange(a.size, dtype=np.int64)
        tables = np.full(a.size, table, np.uint8)
        tables = np.where(a.ravel() & 1, COMPLEMENT_A[tables], tables)
        tables = np.where(b.ravel() & 1, COMPLEMENT_B[tables], tables)
        self.tables.append(tables)
        self.wires.append((a.ravel(), b.ravel()))
        self.n_signals += a.size
        return np.asarray(2 * made).reshape(a.shape)

    def _moved(self, node: NodeProto) -> list[Literals]:
        if node.op_type == "Identity":
            return [self._value(node.input[0])]
        if node.op_type == "Concat":
            parts = [self._value(name) for name in node.input]
            if any(part.ndim != 1 for part in parts) or sum(map(len, parts)) > _MOST:
                raise InputError(f"it joins {len(parts)} values that are not lists of at most {_MOST} signals")
            return [np.concatenate(parts)]
        value = self._value(node.input[0])
        if node.op_type == "Unsqueeze":
            axes = self._integers(node, 1)
            if value.ndim or axes.size != 1 or int(axes.ravel()[0]) % self.rank != self.axis:
                raise InputError(f"it must give one signal the axis {self.axis}")
            return [value[None]]
        if value.ndim != 1:
            raise InputError("it must read a list of signals")
        if node.op_type == "Gather":
            index = self._integers(node, 1)
            if index.ndim > 1 or ((index < -len(value)) | (index >= len(value))).any():
                raise InputError(f"its indices must be a list of numbers in the {len(value)} signals it reads")
            return [value[index]]
        return self._split(node, value)

    def _split(self, node: NodeProto, value: Literals) -> list[Literals]:
        parts = len(node.output)
        size = -(-len(value) // max(parts, 1))
        sizes = self._integers(node, 1) if len(node.input) > 1 else np.full(max(parts - 1, 0), size)
        sizes = sizes if len(node.input) > 1 else np.append(sizes, len(value) - sizes.sum())
        if sizes.ndim != 1 or len(sizes) != parts or (sizes < 0).any() or sizes.sum() != len(value):
            raise InputError(f"it splits {len(value)} signals into {sizes.tolist()} for {parts} outputs")
        return np.split(value, np.cumsum(sizes)[:-1])

    def _value(self, name: str) -> Literals:
        if name not in self.values and name in self.constants:
            self.values[name] = self._constant(name)
        if name not in self.values:
            raise InputError(f"it reads {name!r}, which is no value before it")
        return self.values[name]

    def _constant(self, name: str) -> Literals:
        """A constant of all zeros or all ones in each row, as the complement or not of a gate that is 0."""
        array = self._array(name)
        one = np.array(True) if self.logical else ~np.zeros((), array.dtype) if array.dtype.kind in "iu" else None
        if one is None or (array.dtype.kind == "b") != self.logical or not np.isin(array, (one, ~one)).all():
            raise InputError(f"the constant {name!r} must be all zeros or all ones in each row")
        dims = array.shape if array.ndim else (1,) * self.rank
        if len(dims) != self.rank or any(size != 1 for i, size in enumerate(dims) if i != self.axis):
            raise InputError(f"the constant {name!r} has the shape {list(dims)}; one number a signal, or one for all")
        self.tables.append(np.array([FALSE], np.uint8))
        self.wires.append((np.zeros(1, np.int64), np.zeros(1, np.int64)))
        self.n_signals += 1
        return np.asarray(2 * (self.n_signals - 1) + (array.ravel() == one))

    def _integers(self, node: NodeProto, index: int) -> Literals:
        name = node.input[index] if len(node.input) > index else ""
        if name not in self.constants:
            raise InputError(f"its input {name!r} must be a constant")
        array = self._array(name)
        if array.dtype not in (np.int32, np.int64):
            raise InputError(f"its input {name!r} must be int32 or int64")
        return array.astype(np.int64)

    def _array(self, name: str) -> NDArray[np.generic]:
        tensor = self.constants[name]
        if tensor.data_location == TensorProto.EXTERNAL:
            raise InputError(
                f"the constant {name!r} is external data; a foreign circuit must have its constants inside"
            )
        try:
            return numpy_helper.to_array(tensor)
        except Exception as error:  # onnx raises what its parts raise
            raise InputError(f"the constant {name!r} is not a whole tensor") from error


def _is_lookup(node: NodeProto) -> bool:
    return node.domain == QONNX and node.op_type == LOOKUP


def _tensor(node: NodeProto) -> TensorProto | None:
    """The value of a Constant node, as far as a circuit can use it."""
    read: dict[str, Callable[..., TensorProto]] = {
        "value": lambda attribute: attribute.t,
        "value_int": lambda attribute: numpy_helper.from_array(np.array(attribute.i, np.int64)),
        "value_ints": lambda attribute: numpy_helper.from_array(np.array(attribute.ints, np.int64)),
    }
    found = [read[attribute.name](attribute) for attribute in node.attribute if attribute.name in read]
    return found[0] if found else None


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)
