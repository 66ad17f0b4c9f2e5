"""The lowering to one node for the whole network, with the constants that the nodes of its layers would have, and back.

The node has no function body: it needs the library of the domain. It holds dense layers, each reading the one before.
Another network is simplified first, and becomes such layers: its kernels are unrolled, which the library does with any
network before it runs it.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from numpy.typing import NDArray
from onnx import ModelProto

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Bits, GroupSum, LogicDense, Network, Threshold
from lgn_edge.onnx_model import interface, nodes
from lgn_edge.onnx_model.domain import DOMAIN, VERSION
from lgn_edge.onnx_model.form import BOOL, PACKED, Form, input_info
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.metadata import Metadata
from lgn_edge.onnx_model.ops import logic_circuit, logic_layer, logic_network, threshold, whole
from lgn_edge.onnx_model.standard.level import levelled
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.view import NodeView

_NAME: Final = "network"
_OP_OF_HEAD: Final[dict[type, ModuleType]] = {GroupSum: logic_network, Bits: logic_circuit}
_HEAD_OF_OP: Final = {op.OP.name: op for op in _OP_OF_HEAD.values()}


def lower(network: Network, form: Form) -> Lowering:
    """One node and the data of a network and a form that are `resolved`.

    Raises:
        UnsupportedError: the network is not one of dense layers, and has too many gates to become one; or its encoder
            compares differences.
    """
    if network.encoder.minus is not None:
        raise UnsupportedError(
            "a node for a whole network compares features, not differences of two; choose custom or standard, or the"
            f" input {BOOL} or {PACKED}, which is encoded outside"
        )
    dense = [layer for layer in network.layers if isinstance(layer, LogicDense)]
    if network.reads or len(dense) < len(network.layers):
        return lower(levelled(network), form)
    encoder: dict[str, NDArray[Any]] = {}
    if form.input != PACKED:
        encoder = threshold.constants(network.encoder, "threshold")
    wires: dict[str, NDArray[Any]] = {}
    for i, layer in enumerate(dense):
        wires |= logic_layer.constants(layer, f"layer{i}")
    op = _OP_OF_HEAD[type(network.head)]
    source, about = input_info(network, form).name, op.attributes(network.head)
    bits = network.encoder.n_outputs
    node = whole.node(op.OP, _NAME, source, list(encoder), list(wires), list(op.OUTPUTS), bits=bits, **about)
    return Lowering([node], encoder | wires, {}, {DOMAIN: VERSION})


def recognises(model: ModelProto) -> bool:
    """Whether the model has such a node."""
    return any(node.domain == DOMAIN and node.op_type in _HEAD_OF_OP for node in model.graph.node)


def network(model: ModelProto, initializers: Initializers, about: Metadata) -> Network:
    """The network of a model whose header is checked.

    Raises:
        InputError: the model is not a legal network; the message names the node.
        UnsupportedError: a newer domain.
    """
    nodes.check_version(model)
    graph = model.graph
    chosen, width = interface.source(graph)
    if len(graph.node) != 1:
        raise InputError(f"the model has {len(graph.node)} nodes; a node for a whole network stands alone")
    view = NodeView(graph.node[0], initializers)
    op = _HEAD_OF_OP[view.node.op_type]
    whole.check(view, op.OP)
    if list(view.node.output) != list(op.OUTPUTS):
        raise view.error(f"its outputs are {list(view.node.output)}; they must be {list(op.OUTPUTS)}")
    if view.node.input[0] != graph.input[0].name:
        raise view.error(f"it reads {view.node.input[0]!r}; it must read {graph.input[0].name!r}")
    encoder = _encoder(view, chosen, width, about.encoder)
    layers = whole.layers(view, encoder.n_outputs)
    head = op.head(view, layers[-1].n_outputs)
    interface.outputs(graph, head)
    return Network(encoder, layers, head, about.name, about.class_names, about.provenance)


def _encoder(view: NodeView, chosen: str, width: int, about: Threshold | None) -> Threshold:
    if chosen == PACKED:
        if any(view.node.input[1:3]):
            raise view.error("packed bits come without feature and threshold")
        return interface.outside(chosen, width, about)
    encoder = whole.encoder(view, "uint8" if chosen == BOOL else chosen, width)
    if chosen != BOOL:
        return encoder
    if encoder != Threshold.bits(width):
        raise view.error("it must take every bit as it is: feature 0, 1, ... and threshold 0.5")
    return interface.outside(chosen, width, about)
