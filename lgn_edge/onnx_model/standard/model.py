"""The whole standard graph: blocks of words, each through encoder, gates and count."""

from __future__ import annotations

from typing import Final

from onnx import TensorProto, helper

from lgn_edge.network import LogicDense, Network
from lgn_edge.onnx_model import metadata
from lgn_edge.onnx_model.builder import Builder
from lgn_edge.onnx_model.domain import SCORES
from lgn_edge.onnx_model.form import BOOL, ELEMENT, PACKED, Form, input_info
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.metadata import HEAD
from lgn_edge.onnx_model.standard import blocks, count, encode, gates
from lgn_edge.onnx_model.standard.level import counted, levelled

VERSION: Final = "2"  # of the graph that `lowered` writes; a reader checks a file against it node by node
VERSION_KEY: Final = "ai.lgn.standard"


def lower(network: Network, form: Form) -> Lowering:
    """The standard graph of a network that is `resolved` with its form."""
    return lowered(levelled(network), form)


def lowered(network: Network, form: Form) -> Lowering:
    """As `lower` for a network that is `levelled` already. Depends on nothing else."""
    rows = counted(network)
    graph = Builder()
    cut, n = blocks.cut(graph, input_info(network, form).name, network.encoder.n_features, packed=form.input == PACKED)

    body = graph.body()
    block = "block"
    words = _encode(body, network, block, form)
    for i, layer in enumerate(network.layers[:-1]):
        assert isinstance(layer, LogicDense)
        words = gates.level(body, layer, f"layer{i}", words)
    counts = count.count(body, rows, words)
    inside = helper.make_graph(
        body.nodes,
        "block",
        [helper.make_value_info(block, helper.make_tensor_type_proto(ELEMENT[form.input], None))],
        [helper.make_tensor_value_info(counts, TensorProto.INT32, [None, network.head.n_outputs])],
    )
    by_block = graph.node("Scan", cut, name="scan", body=inside, num_scan_inputs=1)

    flat = graph.constant([-1, network.head.n_outputs], name="counts.shape")
    padded = graph.node("Reshape", by_block, flat, name="counts.padded")
    zero = graph.constant([0], name="counts.start")
    graph.named("Slice", [padded, zero, n, zero], [SCORES])
    graph.outputs(form.outputs, network.head.scale)
    return Lowering(graph.nodes, graph.constants, {VERSION_KEY: VERSION, HEAD: metadata.head_text(network.head)})


def _encode(graph: Builder, network: Network, block: str, form: Form) -> str:
    if form.input == PACKED:
        return block
    if form.input == BOOL:
        return encode.pack(graph, block, network.encoder.n_outputs)
    return encode.threshold(graph, network.encoder, block)
