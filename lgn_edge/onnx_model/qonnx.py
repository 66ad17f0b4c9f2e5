"""QONNX: a network as `LookupTable` nodes of the domain `qonnx.custom_op.lnn`, version 3, and back.

A LookupTable looks up, for each of its neurons, the entry whose address is made of the neuron's inputs, the first input
being the least significant bit. Ours have two inputs of one bit, so a table is [f(0,0), f(1,0), f(0,1), f(1,1)]: the
bits of our table id in another order.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import FunctionProto, ModelProto, TensorProto, parser

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Head, Layer, LogicDense, Network, Threshold
from lgn_edge.network.truth_table import UInt8Array
from lgn_edge.onnx_model import interface, metadata
from lgn_edge.onnx_model.builder import Builder
from lgn_edge.onnx_model.domain import SCORES
from lgn_edge.onnx_model.form import BOOL, PACKED, QONNX, Form, input_info
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.metadata import HEAD, Metadata
from lgn_edge.onnx_model.regenerated import check_nodes
from lgn_edge.onnx_model.standard.encode import differences
from lgn_edge.onnx_model.tensors import Initializers

DOMAIN: Final = "qonnx.custom_op.lnn"
DOMAIN_VERSION: Final = 3
OP: Final = "LookupTable"
_OPSET: Final = 15  # the first whose Shape has a start and an end; nothing newer is needed
KEY: Final = "ai.lgn.qonnx"
VERSION: Final = "1"  # of the nodes around the LookupTables; a reader checks a file against them

# bit of a table id at each address a + 2 * b
_SHIFT: Final = np.array([3, 1, 2, 0], np.uint8)

# The last axis is named by its number: ONNX Runtime does not reduce an empty tensor along axis -1.
_BODY: Final = f"""
<domain: "{DOMAIN}", opset_import: ["" : {_OPSET}]>
{OP} <input_bits, out_bits> (X, indices, table) => (Y)
{{
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  two = Constant <value_int = 2> ()
  last = Constant <value_ints = [-1]> ()
  bits = Constant <value_int: int = @input_bits> ()
  neurons_shape = Shape <start = 0, end = 1> (indices)
  fan_in_shape = Shape <start = 1, end = 2> (indices)
  entries = Shape <start = 1, end = 2> (table)
  neurons = Squeeze (neurons_shape)
  fan_in = Squeeze (fan_in_shape)
  slot = Range (zero, fan_in, one)
  place = Mul (slot, bits)
  weight = Pow (two, place)
  gathered = Gather <axis = -1> (X, indices)
  digits = Cast <to = 7> (gathered)
  weighted = Mul (digits, weight)
  shape = Shape (X)
  rank = Shape (shape)
  address = ReduceSum <keepdims = 0> (weighted, rank)
  neuron = Range (zero, neurons, one)
  start = Mul (neuron, entries)
  position = Add (address, start)
  entry = Reshape (table, last)
  Y = Gather <axis = 0> (entry, position)
}}
"""


def function() -> FunctionProto:
    """LookupTable in standard ops, for runtimes without the domain."""
    return parser.parse_function(_BODY)


def lower(network: Network, form: Form) -> Lowering:
    """LookupTable nodes between an encoder and a sum in standard ops.

    Args:
        network: `resolved`.
        form: with its input chosen.

    Raises:
        UnsupportedError: a layer is not of 2-input gates, or the input is packed.
    """
    if form.input == PACKED:
        raise UnsupportedError(f"{OP} of QONNX takes an element a bit, not packed words; choose bool, uint8 or float32")
    if network.reads:
        raise UnsupportedError("a layer that does not read the one before it has no form in QONNX here; choose custom")
    graph = Builder()
    signals = _encode(graph, network.encoder, input_info(network, form).name, form)
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, LogicDense):
            raise UnsupportedError(f"a {type(layer).__name__} layer has no form in QONNX here; LogicDense has")
        name = f"layer{i}"
        indices = graph.data(f"{name}.indices", np.stack([layer.a, layer.b], axis=1))
        table = graph.data(f"{name}.table", entries(layer.table))
        graph.named(OP, [signals, indices, table], [name], domain=DOMAIN, input_bits=1, out_bits=1)
        signals = name
    _sum(graph, network.head, signals, form)
    properties = {KEY: VERSION, HEAD: metadata.head_text(network.head)}
    return Lowering(graph.nodes, graph.constants, properties, {DOMAIN: DOMAIN_VERSION}, [function()], opset=_OPSET)


def entries(table: UInt8Array) -> UInt8Array:
    """LookupTable entries uint8 [gates, 4], by address a + 2 * b, of table ids uint8 [gates]."""
    return np.asarray(table[:, None] >> _SHIFT & 1, np.uint8)


def ids(entry: NDArray[Any]) -> UInt8Array:
    """Table ids uint8 [gates] of entries 0 or 1 [gates, 4]: the inverse of `entries`."""
    return np.asarray((entry.astype(np.uint8) << _SHIFT).sum(axis=1), np.uint8)


def recognises(model: ModelProto) -> bool:
    """Whether the model says that it is a file of `lower`."""
    return any(entry.key == KEY for entry in model.metadata_props)


def network(model: ModelProto, initializers: Initializers, about: Metadata) -> Network:
    """The network of a file of `lower`.

    Raises:
        InputError: a node differs from what its data and metadata give; the message names it.
        UnsupportedError: another version of these nodes.
    """
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if properties[KEY] != VERSION:
        raise UnsupportedError(f"the QONNX graph has version {properties[KEY]!r}; this lgn-edge reads {VERSION}")
    chosen, width = interface.source(model.graph)
    encoder = Threshold.bits(width)
    if chosen not in (BOOL, PACKED):
        threshold = initializers.array("threshold.threshold", np.float32)
        minus = initializers.array("threshold.minus", np.int32) if "threshold.minus" in initializers.by_name else None
        encoder = Threshold(width, initializers.array("threshold.feature", np.int32), threshold, chosen, minus)
    layers: list[Layer] = []
    width = encoder.n_outputs
    while f"layer{len(layers)}.indices" in initializers.by_name:
        layers.append(_layer(initializers, f"layer{len(layers)}", width))
        width = layers[-1].n_outputs
    head = metadata.head(properties, width)
    form = Form(QONNX, chosen, interface.outputs(model.graph, head))
    inside = Network(encoder, tuple(layers), head, about.name, about.class_names, about.provenance)
    check_nodes(model.graph.node, lower(inside, form).nodes)
    if chosen == BOOL:
        encoder = interface.outside(chosen, encoder.n_outputs, about.encoder)
    return Network(encoder, inside.layers, head, about.name, about.class_names, about.provenance)


def _layer(initializers: Initializers, name: str, width: int) -> LogicDense:
    indices = initializers.array(f"{name}.indices", np.int32, rank=2)
    table = initializers.array(f"{name}.table", np.uint8, rank=2)
    if indices.shape[1] != 2 or table.shape[1] != 4 or table.size == 0 or table.max() > 1:
        raise InputError(f"{name}: a gate has 2 inputs and 4 entries of one bit; found {indices.shape}, {table.shape}")
    try:
        return LogicDense(width, indices[:, 0], indices[:, 1], ids(table))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _encode(graph: Builder, encoder: Threshold, source: str, form: Form) -> str:
    """Bits bool [N, bits] of the input."""
    if form.input == BOOL:
        return source
    if encoder.minus is None:
        feature = graph.data("threshold.feature", encoder.feature)
        watched = graph.node("Gather", source, feature, name="threshold.watched", axis=1)
        numbers = graph.node("Cast", watched, name="threshold.float", to=TensorProto.FLOAT)
    else:
        given = graph.node("Cast", source, name="threshold.float", to=TensorProto.FLOAT)
        numbers = differences(graph, encoder, given, axis=1)
    limits = graph.data("threshold.threshold", encoder.threshold)
    return graph.node("Greater", numbers, limits, name="threshold")


def _sum(graph: Builder, head: Head, signals: str, form: Form) -> None:
    numbers = graph.node("Cast", signals, name="count.numbers", to=TensorProto.INT32)
    shape = graph.constant([0, head.n_outputs, head.group], name="count.shape")  # 0: as many samples as there are
    by_class = graph.node("Reshape", numbers, shape, name="count.by_class")
    graph.named("ReduceSum", [by_class, graph.constant([2], name="count.axis")], [SCORES], keepdims=0)
    graph.outputs(form.outputs, head.scale)
