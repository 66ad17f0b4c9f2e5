"""A foreign graph of bitwise or logical ops as a circuit, when it is one.

An element of a value is one signal: a bit of each sample. Axes of no fixed size hold samples, and nothing mixes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, defs, numpy_helper

from lgn_edge.errors import InputError
from lgn_edge.network import Circuit
from lgn_edge.network.layers import MAX_SIGNALS
from lgn_edge.network.truth_table import AND, COMPLEMENT_A, COMPLEMENT_B, FALSE, OR, XOR, UInt8Array
from lgn_edge.onnx_model.domain import STANDARD_DOMAINS
from lgn_edge.onnx_model.interface import short
from lgn_edge.onnx_model.literals import SIGNALS, IntArray, Literals, broadcast, check_rank, concatenated, type_name
from lgn_edge.onnx_model.qonnx import DOMAIN as QONNX
from lgn_edge.onnx_model.qonnx import OP as LOOKUP
from lgn_edge.onnx_model.qonnx import ids

_MOST: Final = 1 << 27  # signals of one value, twice the largest network there is: a small file may name huge ones
_ALL: Final = 4 * _MOST  # signals of all values, for the same reason: nodes that double a list are soon many
_INTEGERS: Final = frozenset(getattr(TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64))
_FLOATS: Final = frozenset((TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16))
_ELEMENTS: Final = frozenset({TensorProto.BOOL, *_INTEGERS, *_FLOATS})
_SPLITS_UNEVENLY: Final = 18  # before it, parts that are not named are equal
_OLDEST: Final = 7  # before it And, Or and Xor broadcast in another way
_OPEN_END: Final = 2**31 - 1  # or more: what exporters write for "to the end"
_BINARY: Final = {"And": AND, "Or": OR, "Xor": XOR}
_LOGICAL: Final = (*_BINARY, "Not")
_BITWISE: Final = tuple(f"Bitwise{op}" for op in _LOGICAL)


def circuit(model: ModelProto) -> Circuit:
    """The circuit of a graph of BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot (integers), And, Or, Xor, Not (bool).

    QONNX LookupTable nodes of two 1-bit inputs are gates too. Signals are moved by the ops of `_MOVES`. An integer
    holds a bit of as many samples as it has bits. But in a graph with Cast or LookupTable, it holds one bit, 0 or 1; so
    does a float anywhere. The inputs of the circuit are the elements of one sample of the graph's inputs, one after the
    other; so are its outputs. A node means what it means in the version that the model imports. No gate is simplified.

    Raises:
        InputError: the graph is something else; the message names the node.
    """
    return _Reading(model.graph, _opset(model)).circuit()


def _opset(model: ModelProto) -> int:
    """The version of the standard domain that the model imports."""
    versions = [entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS]
    if len(versions) != 1 or not _OLDEST <= versions[0] <= defs.onnx_opset_version():
        raise InputError(
            f"the model imports the versions {versions} of the standard domain; a circuit is read in one of"
            f" {_OLDEST}..{defs.onnx_opset_version()}"
        )
    return int(versions[0])


class _Reading:
    """A graph followed node by node: the literals of each value, and the gates made so far."""

    def __init__(self, graph: GraphProto, opset: int) -> None:
        self.graph = graph
        self.opset = opset
        self.values: dict[str, Literals] = {}
        self.constants: dict[str, TensorProto] = {}
        self.tables: list[UInt8Array] = []
        self.wires: list[tuple[IntArray, IntArray]] = []
        self.size = 0  # of all values
        self.looks_up = any(_is_lookup(node) for node in graph.node)
        self.words = not self.looks_up and all(node.op_type != "Cast" for node in graph.node)  # of samples
        self._find_inputs()
        self._find_constants()

    def circuit(self) -> Circuit:
        for node in self.graph.node:
            try:
                self._node(node)
            except InputError as error:
                raise InputError(f"node {node.name!r} ({node.op_type}): {error}") from error
        if missing := [output.name for output in self.graph.output if output.name not in self.values]:
            raise InputError(f"the outputs {short(missing)} are no values; each must be a list of signals")
        empty = np.zeros(0, np.int64)
        found = np.concatenate([self.values[output.name].array.ravel() for output in self.graph.output])
        return Circuit(
            self.n_inputs,
            np.concatenate([np.zeros(0, np.uint8), *self.tables]),
            np.concatenate([empty, *(a >> 1 for a, _ in self.wires)]),
            np.concatenate([empty, *(b >> 1 for _, b in self.wires)]),
            found >> 1,
            (found & 1).astype(np.bool_),
        )

    def _find_inputs(self) -> None:
        constants = {tensor.name for tensor in self.graph.initializer}  # which old files list as inputs, too
        inputs = [value for value in self.graph.input if value.name not in constants]
        if not inputs or not self.graph.output:
            raise InputError(
                f"the inputs are {short(i.name for i in inputs)}; a circuit has one at least, and an output"
            )
        source, kind = inputs[0], inputs[0].type.tensor_type
        self.element, rank = kind.elem_type, len(kind.shape.dim)
        if self.element not in _ELEMENTS or not kind.HasField("shape"):
            raise InputError(
                f"the input {source.name!r} is of type {type_name(self.element)}; a circuit takes bool or integers,"
                " or floats that are 0 or 1, of a known rank"
            )
        check_rank(rank)
        self.n_inputs = 0
        for value in inputs:
            other = value.type.tensor_type
            if other.elem_type != self.element or len(other.shape.dim) != rank or value.name in self.values:
                raise InputError(
                    f"the inputs {source.name!r} and {value.name!r} must have one type and rank, two names"
                )
            dims = [max(dim.dim_value, 0) for dim in other.shape.dim]
            if rank and not any(dims):
                raise InputError(
                    f"the input {value.name!r} has no fixed number of signals; a circuit has at least one axis of"
                    " signals, of a fixed size"
                )
            count = prod(size for size in dims if size)
            if count > _MOST - self.n_inputs:
                raise InputError(f"the inputs have more than {_MOST} signals, {count} of them in {value.name!r}")
            numbers = 2 * (self.n_inputs + np.arange(count))
            samples = tuple(SIGNALS if size else axis for axis, size in enumerate(dims))
            self.values[value.name] = Literals(numbers.reshape([size or 1 for size in dims]), samples, self.element)
            self.n_inputs += count
        self.n_signals = self.n_inputs

    def _find_constants(self) -> None:
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant" and node.output and (found := _tensor(node)) is not None:
                self.constants[node.output[0]] = found

    def _node(self, node: NodeProto) -> None:
        name = node.op_type
        standard = node.domain in STANDARD_DOMAINS
        gates, why = self._standard_gates(node)
        moves = standard and name in _MOVES
        if not moves and not _is_lookup(node) and not (standard and name in gates):
            legal = ", ".join((LOOKUP,) * self.looks_up + gates) or LOOKUP
            raise InputError(f"a circuit of this input is made of {legal}{why}, moved by {', '.join(_MOVES)}")
        if not _is_lookup(node):
            self._check_version(node)
        if name == "Constant":
            return
        if len(node.output) != 1 and name != "Split":
            raise InputError(f"it has {len(node.output)} outputs, not one")
        if not node.input or (not moves and len(node.input) != _inputs(node)):
            raise InputError(f"it has {len(node.input)} inputs")
        results = _MOVES[name](self, node) if moves else [self._gate(node)]
        for output, result in zip(node.output, results, strict=True):
            if output in self.values or output in self.constants:
                raise InputError(f"its output {output!r} is the name of another value")
            self._check_room(result.array.size)
            self.size += result.array.size
            self.values[output] = result

    def _standard_gates(self, node: NodeProto) -> tuple[tuple[str, ...], str]:
        """The gates of the standard domain for the type that a node reads, and why there are no others."""
        known = self.values.get(node.input[0]) if node.input else None
        element = self.element if known is None else known.element
        if element == TensorProto.BOOL:
            return _LOGICAL, ""
        if element in _FLOATS:
            return (), " (a float is read as 0 or 1; other gates take bool or integers)"
        if self.words:
            return _BITWISE, ""
        return _BITWISE[:-1], " (with Cast or LookupTable an integer is read as 0 or 1; its complement is not)"

    def _check_version(self, node: NodeProto) -> None:
        """Check that the op exists in the version that the model imports, and has the node's attributes there."""
        if not defs.has(node.op_type, self.opset, ""):
            raise InputError(f"version {self.opset} of the standard domain, which the model imports, has no such op")
        legal = defs.get_schema(node.op_type, self.opset, "").attributes
        if unknown := [attribute.name for attribute in node.attribute if attribute.name not in legal]:
            raise InputError(f"the op has no attribute {unknown[0]!r} in version {self.opset}, which the model imports")

    def _check_room(self, size: int) -> None:
        """Check a result before it takes memory."""
        total = self.size + size
        if size > _MOST or total > _ALL:
            raise InputError(
                f"its result has {size} of at most {_MOST} signals, all so far {total}; the most are {_ALL}"
            )

    def _gate(self, node: NodeProto) -> Literals:
        value = self._value(node.input[0])
        if _is_lookup(node):
            return self._looked_up(node, value)
        operation = node.op_type.removeprefix("Bitwise")
        if operation == "Not":
            return replace(value, array=np.asarray(value.array ^ 1))
        a, b = broadcast(value, self._value(node.input[1]))
        return self._gates(_BINARY[operation], a, b)

    def _looked_up(self, node: NodeProto, value: Literals) -> Literals:
        """The gates of a LookupTable: inputs [M, 2], entries [M, 4] by address a + 2 * b."""
        wires = self._integers(node, 1)
        entry = self._array(node.input[2]) if node.input[2] in self.constants else None
        axis = value.signal_axis(-1)
        n = value.array.shape[axis]
        if _attribute(node, "input_bits", 1) != 1 or wires.ndim != 2 or wires.shape[1] != 2:
            shape, bits = list(wires.shape), _attribute(node, "input_bits", 1)
            raise InputError(f"its indices are {shape} of {bits} bits; only two inputs of one bit are gates")
        if ((wires < 0) | (wires >= n)).any():
            raise InputError(f"its indices must be numbers in the {n} signals it reads")
        if entry is None or entry.shape != (len(wires), 4) or not ((entry == 0) | (entry == 1)).all():
            raise InputError(f"its table must be a constant [{len(wires)}, 4] of single bits")
        element = self.constants[node.input[2]].data_type
        if element not in _ELEMENTS:
            raise InputError(f"its table is of type {type_name(element)}; entries are bool, integers or floats")
        self._check_room(prod(value.array.shape[:axis]) * len(wires))
        a, b = (value.taken(wires[:, side], axis) for side in range(2))
        return replace(self._gates(ids(entry.astype(np.uint8)), a, b), element=element)

    def _gates(self, table: int | UInt8Array, a: Literals, b: Literals) -> Literals:
        """A gate for each element of two values of one shape; the tables broadcast to it."""
        self._check_room(a.array.size)
        if self.n_signals + a.array.size > MAX_SIGNALS:
            raise InputError(f"a circuit has at most {MAX_SIGNALS} signals")
        tables = np.broadcast_to(np.asarray(table, np.uint8), a.array.shape)
        tables = np.where(a.array & 1, COMPLEMENT_A[tables], tables)
        tables = np.where(b.array & 1, COMPLEMENT_B[tables], tables)
        made = self.n_signals + np.arange(a.array.size, dtype=np.int64)
        self.tables.append(tables.ravel())
        self.wires.append((a.array.ravel(), b.array.ravel()))
        self.n_signals += a.array.size
        return replace(a, array=np.asarray(2 * made).reshape(a.array.shape))

    def _identity(self, node: NodeProto) -> list[Literals]:
        return [self._value(node.input[0])]

    def _cast(self, node: NodeProto) -> list[Literals]:
        to = _attribute(node, "to", TensorProto.UNDEFINED)
        if to not in _ELEMENTS:
            raise InputError(f"it makes the type {type_name(to)}; bits are held by bool, integers and floats")
        return [replace(self._value(node.input[0]), element=to)]

    def _concat(self, node: NodeProto) -> list[Literals]:
        parts = [self._value(name) for name in node.input]
        self._check_room(sum(part.array.size for part in parts))
        return [concatenated(parts, _attribute(node, "axis", 0))]

    def _gather(self, node: NodeProto) -> list[Literals]:
        value, index = self._value(node.input[0]), self._integers(node, 1)
        axis = value.signal_axis(_attribute(node, "axis", 0))
        n = value.array.shape[axis]
        if index.ndim > 1 or ((index < -n) | (index >= n)).any():
            raise InputError(f"its indices must be a list of numbers in the {n} signals it reads")
        self._check_room(prod(value.array.shape[:axis] + value.array.shape[axis + 1 :]) * index.size)
        return [value.taken(index, axis)]

    def _transpose(self, node: NodeProto) -> list[Literals]:
        value = self._value(node.input[0])
        order = self._listed(node, "perm", len(node.input))
        return [value.transposed(range(len(value.samples))[::-1] if order is None else order)]

    def _reshape(self, node: NodeProto) -> list[Literals]:
        sizes = self._listed(node, "shape", 1)
        if sizes is None:
            raise InputError("it must have a constant shape")
        return [self._value(node.input[0]).reshaped(sizes, zero_copies=not _attribute(node, "allowzero", 0))]

    def _squeeze(self, node: NodeProto) -> list[Literals]:
        return [self._value(node.input[0]).squeezed(self._listed(node, "axes", 1))]

    def _unsqueeze(self, node: NodeProto) -> list[Literals]:
        axes = self._listed(node, "axes", 1)
        if axes is None:
            raise InputError("it must name its axes")
        return [self._value(node.input[0]).unsqueezed(axes)]

    def _slice(self, node: NodeProto) -> list[Literals]:
        value = self._value(node.input[0])
        starts, stops, axes, steps = (
            self._listed(node, name, i) for i, name in enumerate(("starts", "ends", "axes", "steps"), 1)
        )
        if starts is None or stops is None:
            raise InputError("it must have constant starts and ends")
        axes = list(range(len(starts))) if axes is None else axes
        steps = [1] * len(starts) if steps is None else steps
        if not len(starts) == len(stops) == len(axes) == len(steps) or 0 in steps:
            raise InputError(f"it cuts from {starts} to {stops} by {steps} along the axes {axes}; a step is not 0")
        rank = len(value.samples)
        if len({axis % max(rank, 1) for axis in axes}) != len(axes):
            raise InputError(f"it cuts along the axes {axes}; each must be named once")
        for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
            if (
                (start, step) != (0, 1) or stop < _OPEN_END or not -rank <= axis < rank
            ):  # else all of it, of samples too
                value = value.sliced(value.signal_axis(axis), start, stop, step)
        return [value]

    def _split(self, node: NodeProto) -> list[Literals]:
        value, parts = self._value(node.input[0]), len(node.output)
        axis = value.signal_axis(_attribute(node, "axis", 0))
        n = value.array.shape[axis]
        sizes = self._listed(node, "split", 1)
        if _attribute(node, "num_outputs", parts) != parts:
            raise InputError(f"it says another number of outputs than the {parts} that it has")
        if sizes is None:
            size = -(-n // max(parts, 1))
            sizes = [size] * (parts - 1)
            sizes.append(n - sum(sizes))
            if self.opset < _SPLITS_UNEVENLY and n % max(parts, 1):
                raise InputError(f"it splits {n} signals into {parts} equal parts, which cannot be")
        if len(sizes) != parts or min(sizes, default=-1) < 0 or sum(sizes) != n:
            raise InputError(f"it splits {n} signals into {sizes} for {parts} outputs")
        return value.split(sizes, axis)

    def _listed(self, node: NodeProto, name: str, index: int) -> list[int] | None:
        """Integers that are an attribute in old versions of an op, an input in new ones; None where there are none."""
        for attribute in node.attribute:
            if attribute.name == name:
                return list(attribute.ints)
        if len(node.input) <= index or not node.input[index]:
            return None
        array = self._integers(node, index)
        if array.ndim != 1:
            raise InputError(f"its input {node.input[index]!r} must be a list of numbers")
        return [int(number) for number in array]

    def _value(self, name: str) -> Literals:
        if name not in self.values and name in self.constants:
            self.values[name] = self._constant(name)
        if name not in self.values:
            raise InputError(f"it reads {name!r}, which is no value before it")
        return self.values[name]

    def _constant(self, name: str) -> Literals:
        """A constant of zeros and ones, as the complement or not of a gate that is 0."""
        array, element = self._array(name), self.constants[name].data_type
        if element not in _ELEMENTS:
            raise InputError(
                f"the constant {name!r} is of type {type_name(element)}; bits are bool, integers or floats"
            )
        words = self.words and element in _INTEGERS
        one = ~np.zeros((), array.dtype) if words else np.ones((), array.dtype)
        if not ((array == 0) | (array == one)).all():
            held = "all zeros or all ones in each number" if words else "0 or 1 in each element"
            raise InputError(f"the constant {name!r} must be {held}")
        self._check_room(array.size)
        self.tables.append(np.array([FALSE], np.uint8))
        self.wires.append((np.zeros(1, np.int64), np.zeros(1, np.int64)))
        self.n_signals += 1
        return Literals(np.asarray(2 * (self.n_signals - 1) + (array == one)), (SIGNALS,) * array.ndim, element)

    def _integers(self, node: NodeProto, index: int) -> IntArray:
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


def _nothing(reading: _Reading, node: NodeProto) -> list[Literals]:
    """A Constant node, which is found before all others."""
    return []


_MOVES: Final[dict[str, Callable[[_Reading, NodeProto], list[Literals]]]] = {
    "Cast": _Reading._cast,
    "Concat": _Reading._concat,
    "Constant": _nothing,
    "Gather": _Reading._gather,
    "Identity": _Reading._identity,
    "Reshape": _Reading._reshape,
    "Slice": _Reading._slice,
    "Split": _Reading._split,
    "Squeeze": _Reading._squeeze,
    "Transpose": _Reading._transpose,
    "Unsqueeze": _Reading._unsqueeze,
}


def _is_lookup(node: NodeProto) -> bool:
    return node.domain == QONNX and node.op_type == LOOKUP


def _inputs(node: NodeProto) -> int:
    """The number of inputs of a gate."""
    return 3 if node.op_type == LOOKUP else 1 if node.op_type.endswith("Not") else 2


def _tensor(node: NodeProto) -> TensorProto | None:
    """The value of a Constant node, as far as a circuit can use it."""
    read: dict[str, Callable[..., TensorProto]] = {
        "value": lambda attribute: attribute.t,
        "value_int": lambda attribute: numpy_helper.from_array(np.array(attribute.i, np.int64)),
        "value_ints": lambda attribute: numpy_helper.from_array(np.array(attribute.ints, np.int64)),
        "value_float": lambda attribute: numpy_helper.from_array(np.array(attribute.f, np.float32)),
        "value_floats": lambda attribute: numpy_helper.from_array(np.array(attribute.floats, np.float32)),
    }
    found = [read[attribute.name](attribute) for attribute in node.attribute if attribute.name in read]
    return found[0] if found else None


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)
