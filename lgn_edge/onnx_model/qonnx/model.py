"""A network as QONNX nodes between an encoder and a sum in standard ops, and back.

A bit is an element: bool of the encoder, uint8 of a layer. Between layers an image lies plane by plane. An OR pool is
trees of OR: of its other form, MaxPool, neither ONNX Runtime nor ONNX's reference evaluator runs every one.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import Final

import numpy as np
from onnx import ModelProto, TensorProto

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Head, Layer, LogicConv2d, LogicDense, Network, OrPool2d, Threshold
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import UInt8Array
from lgn_edge.onnx_model import interface, metadata
from lgn_edge.onnx_model.builder import Builder
from lgn_edge.onnx_model.domain import SCORES
from lgn_edge.onnx_model.form import BOOL, PACKED, QONNX, Form, input_info
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.metadata import HEAD, Metadata
from lgn_edge.onnx_model.qonnx import described, lookup_table, lookup_table_conv
from lgn_edge.onnx_model.qonnx.described import Description
from lgn_edge.onnx_model.qonnx.domain import DOMAIN, DOMAIN_VERSION, OPSET
from lgn_edge.onnx_model.qonnx.lookup_table import entries, ids
from lgn_edge.onnx_model.qonnx.lookup_table_conv import Trees
from lgn_edge.onnx_model.regenerated import check_nodes
from lgn_edge.onnx_model.standard.encode import differences
from lgn_edge.onnx_model.tensors import Initializers

KEY: Final = "ai.lgn.qonnx"
# of the nodes around those of the domain, which a reader checks: of a chain of dense layers, and of any other network
_CHAIN, _ANY = "1", "2"


def lower(network: Network, form: Form) -> Lowering:
    """Nodes of the domain between an encoder and a sum in standard ops.

    Args:
        network: `resolved`.
        form: with its input chosen.

    Raises:
        UnsupportedError: a layer has no form in QONNX, or the input is packed.
    """
    if form.input == PACKED:
        raise UnsupportedError(
            f"{lookup_table.OP} of QONNX takes an element a bit, not packed words; choose bool, uint8 or float32"
        )
    graph = Builder()
    written = [_encode(graph, network.encoder, input_info(network, form).name, form)]
    for i, (layer, reads) in enumerate(zip(network.layers, network.sources, strict=True)):
        name = f"layer{i}"
        values = [written[source] for source in reads]
        if 0 in reads and len(reads) > 1:
            number = graph.node("Cast", written[0], name=f"{name}.encoded", to=TensorProto.UINT8)
            values[reads.index(0)] = number
        signals = values[0] if len(values) == 1 else graph.node("Concat", *values, name=f"{name}.joined", axis=1)
        _layer(graph, layer, name, signals)
        written.append(name)
    _sum(graph, network.head, written[-1], form)
    properties = {KEY: _CHAIN, HEAD: metadata.head_text(network.head)}
    if not described.is_chain(network):
        properties |= {KEY: _ANY, described.KEY: described.text(network)}
    used = {node.op_type for node in graph.nodes if node.domain == DOMAIN}
    functions = [op.function() for op in (lookup_table, lookup_table_conv) if op.OP in used]
    return Lowering(graph.nodes, graph.constants, properties, {DOMAIN: DOMAIN_VERSION}, functions, opset=OPSET)


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
    if properties[KEY] not in (_CHAIN, _ANY):
        raise UnsupportedError(
            f"the QONNX graph has version {properties[KEY]!r}; this lgn-edge reads {_CHAIN} and {_ANY}"
        )
    chosen, width = interface.source(model.graph)
    encoder = Threshold.bits(width)
    if chosen not in (BOOL, PACKED):
        threshold = initializers.array("threshold.threshold", np.float32)
        minus = initializers.array("threshold.minus", np.int32) if "threshold.minus" in initializers.by_name else None
        encoder = Threshold(width, initializers.array("threshold.feature", np.int32), threshold, chosen, minus)
    about_layers = described.described(properties) if properties[KEY] == _ANY else _chain(initializers)
    layers: list[Layer] = []
    widths = [encoder.n_outputs]
    for i, one in enumerate(about_layers):
        try:
            layers.append(_read(initializers, f"layer{i}", sum(widths[source] for source in one.reads), one))
        except InputError as error:
            raise InputError(f"layer{i}: {error}") from error
        widths.append(layers[-1].n_outputs)
    head = metadata.head(properties, widths[-1])
    form = Form(QONNX, chosen, interface.outputs(model.graph, head))
    names = (about.name, about.class_names, about.provenance)
    reads = tuple(one.reads for one in about_layers)
    inside = Network(encoder, tuple(layers), head, *names, reads=reads)
    check_nodes(model.graph.node, lower(inside, form).nodes)
    if chosen == BOOL:
        encoder = interface.outside(chosen, encoder.n_outputs, about.encoder)
    return Network(encoder, inside.layers, head, *names, reads=reads)


def _layer(graph: Builder, layer: Layer, name: str, signals: str) -> None:
    """Add the nodes of a layer; the last one writes `name`.

    Raises:
        UnsupportedError: the layer has no form in QONNX.
    """
    if isinstance(layer, LogicDense):
        indices = graph.data(f"{name}.indices", np.stack([layer.a, layer.b], axis=1))
        table = graph.data(f"{name}.table", entries(layer.table))
        inputs = [signals, indices, table]
        graph.named(lookup_table.OP, inputs, [name], domain=DOMAIN, input_bits=1, out_bits=1)
        return
    if not isinstance(layer, LogicConv2d | OrPool2d):
        raise UnsupportedError(
            f"a {type(layer).__name__} layer has no form in QONNX here; {', '.join(described.KINDS)} have"
        )
    trees = Trees.of_convolution(layer) if isinstance(layer, LogicConv2d) else Trees.of_pool(layer)
    shape = graph.constant([0, layer.channels, layer.height, layer.width], name=f"{name}.image_shape")
    planes = graph.node("Reshape", signals, shape, name=f"{name}.planes")
    image = graph.node("Transpose", planes, name=f"{name}.image", perm=[0, 2, 3, 1])
    indices = graph.data(f"{name}.indices", trees.indices)
    table = graph.data(f"{name}.table", entries(trees.table))
    attributes = lookup_table_conv.attributes(layer.window, trees.table.shape[1] + 1)
    graph.named(lookup_table_conv.OP, [image, indices, table], [f"{name}.trees"], domain=DOMAIN, **attributes)
    by_channel = graph.node("Transpose", f"{name}.trees", name=f"{name}.by_channel", perm=[0, 3, 1, 2])
    shape = graph.constant([0, layer.n_outputs], name=f"{name}.shape")  # 0: as many samples as there are
    graph.named("Reshape", [by_channel, shape], [name])


def _chain(initializers: Initializers) -> list[Description]:
    """Dense layers, each reading the one before, as many as there are data of."""
    dense = takewhile(lambda i: f"layer{i}.indices" in initializers.by_name, count())
    return [Description(LogicDense, (i,), {}) for i in dense]


def _read(initializers: Initializers, name: str, width: int, about: Description) -> Layer:
    """The layer of a description that reads so many signals."""
    if about.kind is LogicDense:
        indices, table = _data(initializers, name, rank=2)
        return LogicDense(width, indices[:, 0], indices[:, 1], ids(table))
    image = OrPool2d(**about.geometry)  # which checks the window
    if image.n_inputs != width:
        raise InputError(f"its image has {image.n_inputs} signals; it reads {width}")
    indices, table = _data(initializers, name, rank=3)
    if about.kind is LogicConv2d:
        leaf = lookup_table_conv.leaf(indices, image.window)
        return LogicConv2d(leaf=leaf, table=ids(table), **about.geometry)
    is_large_enough = table.shape[:2] == (image.channels, lookup_table_conv.leaves_of_pool(image) - 1)
    trees = Trees.of_pool(image) if is_large_enough else None
    if trees is None or not (np.array_equal(indices, trees.indices) and np.array_equal(ids(table), trees.table)):
        raise InputError("its tables are not those of an OR pool with its window; export the model again")
    return image


def _data(initializers: Initializers, name: str, rank: int) -> tuple[Int32Array, UInt8Array]:
    """Indices [..., 2] and entries [..., 4] of a layer."""
    indices = initializers.array(f"{name}.indices", np.int32, rank)
    table = initializers.array(f"{name}.table", np.uint8, rank)
    if indices.shape[-1] != 2 or table.shape[-1] != 4 or table.size == 0 or table.max() > 1:
        raise InputError(f"a gate has 2 inputs and 4 entries of one bit; found {indices.shape}, {table.shape}")
    return indices, table


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
