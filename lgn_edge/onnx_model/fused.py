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

from lgn_edge.errors import InputError
from lgn_edge.network import Bits, GroupSum, LogicDense, Network, Threshold
from lgn_edge.onnx_model import interface, nodes
from lgn_edge.onnx_model.domain import DOMAIN, VERSION
from lgn_edge.onnx_model.form import BOOL, PACKED, Form, input_info
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.metadata import Metadata
from lgn_edge.onnx_model.ops import logic_circuit, logic_layer, logic_network, threshold, threshold_difference, whole
from lgn_edge.onnx_model.ops.op import Op
from lgn_edge.onnx_model.standard.level import levelled
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.view import NodeView

_NAME: Final = "network"
_OP_OF_HEAD: Final[dict[type, ModuleType]] = {GroupSum: logic_network, Bits: logic_circuit}
_OPS: Final = {op.name: (op, of) for of in _OP_OF_HEAD.values() for op in (of.OP, of.DIFFERENCE)}


def lower(network: Network, form: Form) -> Lowering:
    """One node and the data of a network and a form that are `resolved`.

    Raises:
        UnsupportedError: the network is not one of dense layers, and has too many gates to become one.
    """
    dense = [layer for layer in network.layers if isinstance(layer, LogicDense)]
    if network.reads or len(dense) < len(network.layers):
        return lower(levelled(network), form)
    differences = network.encoder.minus is not None
    encoder: dict[str, NDArray[Any]] = {}
    if form.input != PACKED:
        encoder = (threshold_difference if differences else threshold).constants(network.encoder, "threshold")
    wires: dict[str, NDArray[Any]] = {}
    for i, layer in enumerate(dense):
        wires |= logic_layer.constants(layer, f"layer{i}")
    of = _OP_OF_HEAD[type(network.head)]
    op = of.DIFFERENCE if differences else of.OP
    source, about = input_info(network, form).name, of.attributes(network.head)
    bits = network.encoder.n_outputs
    node = whole.node(op, _NAME, source, list(encoder), list(wires), list(of.OUTPUTS), bits=bits, **about)
    return Lowering([node], encoder | wires, {}, {DOMAIN: VERSION})


def recognises(model: ModelProto) -> bool:
    """Whether the model has such a node."""
    return any(node.domain == DOMAIN and node.op_type in _OPS for node in model.graph.node)


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
    op, of = _OPS[view.node.op_type]
    whole.check(view, op)
    if list(view.node.output) != list(of.OUTPUTS):
        raise view.error(f"its outputs are {list(view.node.output)}; they must be {list(of.OUTPUTS)}")
    if view.node.input[0] != graph.input[0].name:
        raise view.error(f"it reads {view.node.input[0]!r}; it must read {graph.input[0].name!r}")
    encoder = _encoder(view, op, chosen, width, about.encoder)
    layers = whole.layers(view, op, encoder.n_outputs)
    head = of.head(view, layers[-1].n_outputs)
    interface.outputs(graph, head)
    return Network(encoder, layers, head, about.name, about.class_names, about.provenance)


def _encoder(view: NodeView, op: Op, chosen: str, width: int, about: Threshold | None) -> Threshold:
    if whole.compares_differences(op):
        if chosen != "uint8":
            raise view.error(f"it compares differences of uint8 samples; the input is {chosen}")
        return whole.encoder(view, op, chosen, width)
    if chosen == PACKED:
        if any(view.node.input[1:3]):
            raise view.error("packed bits come without feature and threshold")
        return interface.outside(chosen, width, about)
    encoder = whole.encoder(view, op, "uint8" if chosen == BOOL else chosen, width)
    if chosen != BOOL:
        return encoder
    if encoder != Threshold.bits(width):
        raise view.error("it must take every bit as it is: feature 0, 1, ... and threshold 0.5")
    return interface.outside(chosen, width, about)
