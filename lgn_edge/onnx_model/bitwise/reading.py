"""A graph followed from node to node.

An element of a value is one signal: a bit of each sample. Axes of no fixed size hold samples, and nothing mixes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, defs

from lgn_edge.errors import InputError
from lgn_edge.network import Circuit
from lgn_edge.onnx_model.bitwise.constants import decoded
from lgn_edge.onnx_model.bitwise.elements import ELEMENTS, FLOATS, type_name
from lgn_edge.onnx_model.bitwise.gates import Gates
from lgn_edge.onnx_model.bitwise.logic import BITWISE, LOGICAL
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.ops import GATES, MOVES
from lgn_edge.onnx_model.bitwise.room import MOST, Room
from lgn_edge.onnx_model.bitwise.value import SIGNALS, IntArray, Value, check_rank
from lgn_edge.onnx_model.domain import STANDARD_DOMAINS
from lgn_edge.onnx_model.interface import short
from lgn_edge.onnx_model.qonnx import CONV_OP as LOOKUP_CONV
from lgn_edge.onnx_model.qonnx import DOMAIN as QONNX
from lgn_edge.onnx_model.qonnx import OP as LOOKUP
from lgn_edge.onnx_model.text import called

_OLDEST: Final = 7  # before it And, Or and Xor broadcast in another way
_LOOKED_UP: Final = 3  # inputs of a LookupTable, and of a LookupTableConv


def circuit(model: ModelProto) -> Circuit:
    """The circuit of a graph of BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot (integers), And, Or, Xor, Not (bool).

    QONNX nodes of tables of two 1-bit inputs are gates too. Signals are moved by the ops of `ops.MOVES`. An integer
    holds a bit of as many samples as it has bits. But in a graph with Cast or LookupTable, it holds one bit, 0 or 1; so
    does a float anywhere. The inputs of the circuit are the elements of one sample of the graph's inputs, one after the
    other; so are its outputs. A node means what it means in the version that the model imports. No gate is simplified.

    Raises:
        InputError: the graph is something else; the message names the node.
    """
    return named_circuit(model)[0]


def named_circuit(model: ModelProto) -> tuple[Circuit, tuple[str, ...], tuple[str, ...]]:
    """The same, with the names of its inputs and of its outputs; none where one value's elements are all of them.

    Raises:
        InputError: as `circuit`.
    """
    reading = _Reading(model.graph, _opset(model))
    return reading.circuit(), reading.names(reading.inputs), reading.names(output.name for output in model.graph.output)


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
    """The values of a graph, and the gates made so far."""

    def __init__(self, graph: GraphProto, opset: int) -> None:
        self.graph = graph
        self.opset = opset
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}  # decoded when a node reads them
        self.values: dict[str, Value] = {}
        self.looks_up = any(_is_lookup(node) for node in graph.node)
        self.words = not self.looks_up and all(node.op_type != "Cast" for node in graph.node)  # of samples
        self.room = Room()
        self.gates = Gates(self._find_inputs(), self.words, self.room)

    def circuit(self) -> Circuit:
        for node in self.graph.node:
            try:
                self._read(node)
            except InputError as error:
                raise InputError(f"{called(node)}: {error}") from error
        if missing := [output.name for output in self.graph.output if output.name not in self.values]:
            raise InputError(f"the outputs {short(missing)} are no values; each must be a list of signals")
        return self.gates.circuit(np.concatenate([self._output(output.name) for output in self.graph.output]))

    def _output(self, name: str) -> IntArray:
        try:
            return self.gates.signals(self.values[name]).array.ravel()
        except InputError as error:
            raise InputError(f"output {name!r}: {error}") from error

    def names(self, values: Iterable[str]) -> tuple[str, ...]:
        """The names of the elements of values, such as `a` where it is one, or `a[0,2]`."""
        names = [
            [f"{name}[{','.join(map(str, place))}]" if array.size > 1 else name for place in np.ndindex(array.shape)]
            for name in values
            for array in [self._signals(self.values[name])]
        ]
        return tuple(chain(*names)) if len(names) > 1 or len(names[0]) == 1 else ()

    def _signals(self, value: Value) -> NDArray[Any]:
        """The elements of one sample, without the axes of samples."""
        return value.array.reshape(
            [size for size, axis in zip(value.array.shape, value.samples, strict=True) if axis == SIGNALS]
        )

    def _find_inputs(self) -> int:
        """Number the signals of the inputs, and return how many there are."""
        inputs = [value for value in self.graph.input if value.name not in self.tensors]  # old files list both
        if not inputs or not self.graph.output:
            raise InputError(
                f"the inputs are {short(i.name for i in inputs)}; a circuit has one at least, and an output"
            )
        source, kind = inputs[0], inputs[0].type.tensor_type
        self.element, rank = kind.elem_type, len(kind.shape.dim)
        if self.element not in ELEMENTS or not kind.HasField("shape"):
            raise InputError(
                f"the input {source.name!r} is of type {type_name(self.element)}; a circuit takes bool or integers,"
                " or floats that are 0 or 1, of a known rank"
            )
        check_rank(rank)
        self.inputs = [value.name for value in inputs]
        n_inputs = 0
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
            if count > MOST - n_inputs:
                raise InputError(f"the inputs have more than {MOST} signals, {count} of them in {value.name!r}")
            numbers = 2 * (n_inputs + np.arange(count))
            samples = tuple(SIGNALS if size else axis for axis, size in enumerate(dims))
            self.values[value.name] = Value(numbers.reshape([size or 1 for size in dims]), samples, self.element)
            n_inputs += count
        return n_inputs

    def _read(self, node: NodeProto) -> None:
        name, standard = node.op_type, node.domain in STANDARD_DOMAINS
        gates, why = self._standard_gates(node)
        moves = standard and name in MOVES
        if not moves and not _is_lookup(node) and not (standard and name in gates):
            legal = ", ".join((LOOKUP,) * self.looks_up + gates) or LOOKUP
            raise InputError(
                f"a circuit of this input is made of {legal}{why}, moved by {', '.join(MOVES)}; write what this node"
                " computes with these"
            )
        self._check_signature(node)
        inputs = [self._value(source) if source else None for source in node.input]
        results = (MOVES if moves else GATES)[name](Node(node, self.opset, inputs, self.gates, self.room))
        for output, result in zip(node.output, results, strict=True):
            if output in self.values or output in self.tensors:
                raise InputError(f"its output {output!r} is the name of another value")
            self.room.take(result.array.size)
            self.values[output] = result

    def _standard_gates(self, node: NodeProto) -> tuple[tuple[str, ...], str]:
        """The gates of the standard domain for the type that a node reads, and why there are no others."""
        known = self.values.get(node.input[0]) if node.input else None
        element = self.element if known is None else known.element
        if element == TensorProto.BOOL:
            return LOGICAL, ""
        if element in FLOATS:
            return (), " (a float is read as 0 or 1; other gates take bool or integers)"
        if self.words:
            return BITWISE, ""
        return BITWISE[:-1], " (with Cast or LookupTable an integer is read as 0 or 1; its complement is not)"

    def _check_signature(self, node: NodeProto) -> None:
        """Check that the op exists in the version that the model imports, and what it has there."""
        least, most, outputs = _LOOKED_UP, _LOOKED_UP, 1
        if not _is_lookup(node):
            if not defs.has(node.op_type, self.opset, ""):
                raise InputError(
                    f"version {self.opset} of the standard domain, which the model imports, has no such op"
                )
            schema = defs.get_schema(node.op_type, self.opset, "")
            if unknown := [entry.name for entry in node.attribute if entry.name not in schema.attributes]:
                raise InputError(
                    f"the op has no attribute {unknown[0]!r} in version {self.opset}, which the model imports"
                )
            least, most, outputs = schema.min_input, schema.max_input, schema.max_output
        if not least <= len(node.input) <= most:
            raise InputError(f"it has {len(node.input)} inputs")
        if not 1 <= len(node.output) <= outputs:
            raise InputError(f"it has {len(node.output)} outputs, not one")

    def _value(self, name: str) -> Value:
        if name not in self.values and name in self.tensors:
            self.values[name] = decoded(self.tensors[name])
        if name not in self.values:
            raise InputError(f"it reads {name!r}, which is no value before it")
        return self.values[name]


def _is_lookup(node: NodeProto) -> bool:
    return node.domain == QONNX and node.op_type in (LOOKUP, LOOKUP_CONV)
