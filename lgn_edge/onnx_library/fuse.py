"""Chains of the domain's nodes become one node for a whole network, in memory, when a session is made.

A node a layer is what files are made of, and what every runtime can run; but then every layer writes all its bits to
memory for the next one. The one node keeps a block of samples in the cache from the first layer to the last.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from onnx import GraphProto, ModelProto, NodeProto, TensorShapeProto, helper

from lgn_edge.onnx_model.domain import DOMAIN
from lgn_edge.onnx_model.ops import (
    bits,
    group_sum,
    logic_circuit,
    logic_layer,
    logic_network,
    threshold,
    threshold_difference,
)

_ENCODERS: Final = (threshold.OP.name, threshold_difference.OP.name)
_HEADS: Final = (group_sum.OP.name, bits.OP.name)
_INPUTS: Final = {
    op.name: len(op.inputs) for op in (threshold.OP, threshold_difference.OP, logic_layer.OP, group_sum.OP, bits.OP)
}
_WHOLE: Final = {
    (encoder, head): op.name
    for head, of in zip(_HEADS, (logic_network, logic_circuit), strict=True)
    for encoder, op in zip(_ENCODERS, (of.OP, of.DIFFERENCE), strict=True)
}


def fuse(model: ModelProto) -> int:
    """Replace every chain Threshold, LogicLayer, ..., GroupSum or Bits by one node, and return how many there were.

    A chain may begin with ThresholdDifference instead. Kept: a chain with another layer in it, of which an inner value
    is read by somebody else, whose constants are no initializers, or whose number of samples is not that of its
    samples; what is wrong with such a node is for ONNX Runtime to say. The nodes that count the samples stay, and ONNX
    Runtime removes them when nobody reads them.
    """
    graph = model.graph
    values = _Values.of(graph)
    fused = [(node, chain) for node in graph.node if (chain := _chain(node, values)) is not None]
    for head, chain in fused:
        index = list(graph.node).index(head)
        graph.node.insert(index, _node(head, chain, values))
        _declare(graph, head, chain, values)
        for node in (*chain, head):
            graph.node.remove(node)
    return len(fused)


@dataclass(frozen=True)
class _Values:
    """Who makes and reads the values of a graph.

    Attributes:
        maker: the node of each value that a node makes.
        readers: how often each is read, as an output of the graph too.
        lengths: the length of each initializer of one dimension.
    """

    maker: dict[str, NodeProto]
    readers: Counter[str]
    lengths: dict[str, int]

    @classmethod
    def of(cls, graph: GraphProto) -> _Values:
        readers = Counter(name for node in graph.node for name in node.input)
        readers.update(output.name for output in graph.output)
        for node in graph.node:  # a subgraph may read anything around it
            for attribute in node.attribute:
                for inner in (attribute.g, *attribute.graphs):
                    readers.update(2 * [name for other in inner.node for name in other.input])
        return cls(
            {name: node for node in graph.node for name in node.output},
            readers,
            {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 1},
        )


def _chain(head: NodeProto, values: _Values) -> list[NodeProto] | None:
    """The nodes before a head, the encoder first; None when they are no chain."""
    if not any(_is(head, op) for op in _HEADS):
        return None
    chain: list[NodeProto] = []
    value = head.input[0]
    while not chain or chain[0].op_type not in _ENCODERS:
        node = values.maker.get(value)
        ops = (logic_layer.OP.name, *_ENCODERS) if chain else (logic_layer.OP.name,)
        if node is None or not any(_is(node, op) for op in ops) or values.readers[value] != 1:
            return None
        if any(name not in values.lengths for name in node.input[1:]):
            return None
        chain.insert(0, node)
        value = node.input[0]
    return chain if _counts(values.maker.get(head.input[1]), value) else None


def _is(node: NodeProto, op: str) -> bool:
    return node.domain == DOMAIN and node.op_type == op and len(node.input) == _INPUTS[op]


def _counts(node: NodeProto | None, samples: str) -> bool:
    """Whether a node gives the number of samples."""
    if node is None or node.op_type != "Shape" or node.domain or list(node.input) != [samples]:
        return False
    return {attribute.name: attribute.i for attribute in node.attribute} == {"start": 0, "end": 1}


def _declare(graph: GraphProto, head: NodeProto, chain: list[NodeProto], values: _Values) -> None:
    """Say what shapes the outputs have that tell none: ONNX Runtime cannot infer them from the one node."""
    known = {value.name: value.type.tensor_type.shape.dim for value in (*graph.value_info, *graph.input)}
    samples, last = chain[0].input[0], chain[-1]
    rows = list(known.get(samples, ()))[:1] or [TensorShapeProto.Dimension()]
    numbers = [a.i for a in head.attribute if a.name == "classes"] or [values.lengths[last.input[-1]]]
    width = TensorShapeProto.Dimension(dim_value=numbers[0])
    for output in graph.output:
        if output.name in head.output and not output.type.tensor_type.HasField("shape"):
            output.type.tensor_type.shape.dim.extend([*rows, width])


def _node(head: NodeProto, chain: list[NodeProto], values: _Values) -> NodeProto:
    encoder, *layers = chain
    node = helper.make_node(
        _WHOLE[encoder.op_type, head.op_type],
        [*encoder.input, *(name for layer in layers for name in layer.input[1:])],
        list(head.output),
        head.name,
        domain=DOMAIN,
        bits=values.lengths[encoder.input[1]],
    )
    node.attribute.extend(head.attribute)
    return node
