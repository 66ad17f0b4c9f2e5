"""A foreign graph of bitwise or logical ops as a circuit, when it is one.

Every value of such a graph is a list of signals along one axis; the other axes are samples, and nothing mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from lgn_edge.onnx_model.qonnx import DOMAIN as QONNX
from lgn_edge.onnx_model.qonnx import OP as LOOKUP
from lgn_edge.onnx_model.qonnx import ids

# A literal is 2 * signal, plus 1 for its complement; a value is a list of literals, or one literal without the axis.
Literals = NDArray[np.int64]

_MOST: Final = 1 << 27  # signals of one value, twice the largest network there is: a small file may name huge ones
_ALL: Final = 4 * _MOST  # signals of all values, for the same reason: nodes that double a list are soon many
_INTEGERS: Final = frozenset(getattr(TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64))
_SPLITS_UNEVENLY: Final = 18  # before it, parts that are not named are equal
_OLDEST: Final = 7  # before it And, Or and Xor broadcast in another way
_BINARY: Final = {"And": AND, "Or": OR, "Xor": XOR}
_MOVING: Final = ("Gather", "Slice", "Concat", "Split", "Squeeze", "Unsqueeze", "Identity", "Constant")
_ALONG_AXIS: Final = ("Gather", "Concat", "Split")


def circuit(model: ModelProto) -> Circuit:
    """The circuit of a graph of BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot (integers) or And, Or, Xor, Not (bool).

    A graph of QONNX LookupTable nodes of two 1-bit inputs is one too, its elements being single bits. Signals are
    moved by Gather, Slice, Concat, Split, Squeeze, Unsqueeze and Identity; constants are rows of all zeros or all ones.
    The inputs of the circuit are the signals of the graph's inputs, one after the other; so are its outputs. A node
    means what it means in the version that the model imports. No gate is simplified.

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
        self.wires: list[tuple[Literals, Literals]] = []
        self.size = 0  # of all values
        self._find_inputs()
        self._find_constants()

    def circuit(self) -> Circuit:
        for node in self.graph.node:
            try:
                self._node(node)
            except InputError as error:
                raise InputError(f"node {node.name!r} ({node.op_type}): {error}") from error
        outputs = [self.values.get(output.name) for output in self.graph.output]
        lists = [value for value in outputs if value is not None and value.ndim == 1]
        if len(lists) != len(outputs):
            raise InputError(
                f"the outputs are {short(o.name for o in self.graph.output)}; each must be a list of signals"
            )
        found = np.concatenate(lists)
        empty = np.zeros(0, np.int64)
        return Circuit(
            self.n_inputs,
            np.concatenate([np.zeros(0, np.uint8), *self.tables]),
            np.concatenate([empty, *(a >> 1 for a, _ in self.wires)]),
            np.concatenate([empty, *(b >> 1 for _, b in self.wires)]),
            found >> 1,
            (found & 1).astype(np.bool_),
        )

    def _find_inputs(self) -> None:
        """Find the inputs, the axis of their signals, and the ops that belong to them."""
        constants = {tensor.name for tensor in self.graph.initializer}  # which old files list as inputs, too
        inputs = [value for value in self.graph.input if value.name not in constants]
        if not inputs or not self.graph.output:
            raise InputError(
                f"the inputs are {short(i.name for i in inputs)}; a circuit has one at least, and an output"
            )
        source = inputs[0]
        kind = source.type.tensor_type
        self.logical = kind.elem_type == TensorProto.BOOL
        if not self.logical and kind.elem_type not in _INTEGERS:
            raise InputError(f"the input {source.name!r} is of type {kind.elem_type}; a circuit takes bool or integers")
        self.rank = len(kind.shape.dim)
        self.operations = {("" if self.logical else "Bitwise") + op: op for op in (*_BINARY, "Not")}
        if any(_is_lookup(node) for node in self.graph.node):
            self.operations = {}  # elements are single bits, of which a bitwise complement is none
        self.axis = self._axis([i for i, dim in enumerate(kind.shape.dim) if dim.dim_value > 0])
        self.n_inputs = 0
        for value in inputs:
            other = value.type.tensor_type
            if other.elem_type != kind.elem_type or len(other.shape.dim) != self.rank or value.name in self.values:
                raise InputError(
                    f"the inputs {source.name!r} and {value.name!r} must have one type and rank, two names"
                )
            count = other.shape.dim[self.axis].dim_value
            if not 1 <= count <= _MOST - self.n_inputs:
                raise InputError(f"the input {value.name!r} has no fixed number of signals along axis {self.axis}")
            self.values[value.name] = 2 * (self.n_inputs + np.arange(count))
            self.n_inputs += count
        self.n_signals = self.n_inputs

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
            if node.op_type in _ALONG_AXIS
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
        if standard:
            self._check_version(node)
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

    def _check_version(self, node: NodeProto) -> None:
        """Check that the op exists in the version that the model imports, and has the node's attributes there."""
        if not defs.has(node.op_type, self.opset, ""):
            raise InputError(f"version {self.opset} of the standard domain, which the model imports, has no such op")
        legal = defs.get_schema(node.op_type, self.opset, "").attributes
        if unknown := [attribute.name for attribute in node.attribute if attribute.name not in legal]:
            raise InputError(f"the op has no attribute {unknown[0]!r} in version {self.opset}, which the model imports")

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
            if value.ndim or not self._is_axis(self._listed(node, "axes", 1)):
                raise InputError(f"it must give one signal the axis {self.axis}")
            return [value[None]]
        if node.op_type == "Squeeze":
            if value.shape != (1,) or not self._is_axis(self._listed(node, "axes", 1)):
                raise InputError(f"it must take the axis {self.axis} of one signal")
            return [value[0]]
        if value.ndim != 1:
            raise InputError("it must read a list of signals")
        if node.op_type == "Gather":
            index = self._integers(node, 1)
            if index.ndim > 1 or ((index < -len(value)) | (index >= len(value))).any():
                raise InputError(f"its indices must be a list of numbers in the {len(value)} signals it reads")
            return [value[index]]
        return [self._sliced(node, value)] if node.op_type == "Slice" else self._split(node, value)

    def _sliced(self, node: NodeProto, value: Literals) -> Literals:
        start, stop, axis = (self._listed(node, name, i) for i, name in enumerate(("starts", "ends", "axes"), 1))
        step = self._listed(node, "steps", 4)
        if start is None or stop is None or not (start.size == stop.size == 1 and self._is_axis(axis)):
            raise InputError(f"it must cut along the axis {self.axis} alone, and say so")
        if step is not None and (step.size != 1 or not step.ravel()[0]):
            raise InputError(f"its steps are {step.tolist()}; one number, not 0, is a step")
        by = 1 if step is None else int(step.ravel()[0])
        first, last = int(start.ravel()[0]), int(stop.ravel()[0])
        # as ONNX has it: numbers below 0 count from the end, and then are clamped; -1 behind a step below 0 is the end
        n = len(value)
        first, last = (number + n if number < 0 else number for number in (first, last))
        if by > 0:
            return value[np.arange(min(max(first, 0), n), min(max(last, 0), n), by)]
        return value[np.arange(min(max(first, 0), n - 1), min(max(last, -1), n - 1), by)]

    def _is_axis(self, axes: Literals | None) -> bool:
        """Whether a list of axes is that of the signals alone."""
        return axes is not None and axes.size == 1 and int(axes.ravel()[0]) in (self.axis, self.axis - self.rank)

    def _listed(self, node: NodeProto, name: str, index: int) -> Literals | None:
        """Integers that are an attribute in old versions of an op, an input in new ones; None where there are none."""
        for attribute in node.attribute:
            if attribute.name == name:
                return np.array(attribute.ints, np.int64)
        return self._integers(node, index) if len(node.input) > index and node.input[index] else None

    def _split(self, node: NodeProto, value: Literals) -> list[Literals]:
        parts = len(node.output)
        sizes = self._listed(node, "split", 1)
        if sizes is None:
            size = -(-len(value) // max(parts, 1))
            sizes = np.full(max(parts - 1, 0), size)
            sizes = np.append(sizes, len(value) - sizes.sum())
            if self.opset < _SPLITS_UNEVENLY and len(value) % max(parts, 1):
                raise InputError(f"it splits {len(value)} signals into {parts} equal parts, which cannot be")
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
        dims = (1,) * (self.rank - array.ndim) + array.shape  # a constant of fewer axes broadcasts to the last ones
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
