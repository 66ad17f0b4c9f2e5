"""A model of the domain's ops as a network: a chain of nodes, every one checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import ModuleType
from typing import Final

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Layer, Network, Threshold
from lgn_edge.onnx_model import interface
from lgn_edge.onnx_model.domain import CLASS, DOMAIN, SCORES, STANDARD_DOMAINS, VERSION
from lgn_edge.onnx_model.form import BOOL, ELEMENT, PACKED
from lgn_edge.onnx_model.interface import short
from lgn_edge.onnx_model.metadata import Metadata
from lgn_edge.onnx_model.ops import bits, group_sum, logic_layer, threshold
from lgn_edge.onnx_model.schemas import OPS
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.view import NodeView

_LAYER_OF_OP: Final = {logic_layer.OP.name: logic_layer.layer}
_HEAD_OF_OP: Final[dict[str, ModuleType]] = {op.OP.name: op for op in (group_sum, bits)}
_STANDARD_OPS: Final = ("Shape", "Mul", "ArgMax")


def network(model: ModelProto, initializers: Initializers, about: Metadata) -> Network:
    """The network of a model whose header is checked.

    Raises:
        InputError: the model is not a legal network; the message names the node.
        UnsupportedError: a newer domain.
    """
    check_version(model)
    _check_bodies(model)
    graph = model.graph
    chosen, width = interface.source(graph)
    value = graph.input[0].name
    views = [NodeView(node, initializers) for node in _chain(graph, value, encoded=chosen == PACKED)]
    encoder = _encoder(views, chosen, width, about.encoder)
    layers: list[Layer] = []
    width = encoder.n_outputs
    for view in views[chosen != PACKED : -1]:
        layers.append(_LAYER_OF_OP[view.node.op_type](view, width))
        width = layers[-1].n_outputs
    head = _HEAD_OF_OP[views[-1].node.op_type].head(views[-1], width)
    names = interface.outputs(graph, head)
    classified = CLASS in names or any(node.op_type == "ArgMax" for node in graph.node)
    _check_rest(graph, views[-1], chosen, value, initializers, classified)
    return Network(encoder, tuple(layers), head, about.name, about.class_names, about.provenance)


def check_version(model: ModelProto) -> None:
    """Check that the model imports the domain once, in the version that is known.

    Raises:
        InputError: it does not import the domain once.
        UnsupportedError: another version.
    """
    imported = [entry.version for entry in model.opset_import if entry.domain == DOMAIN]
    if len(imported) != 1:
        raise InputError(
            f"the model imports the domain {DOMAIN} {len(imported)} times, not once; is it an LGN? Graphs of"
            " bitwise ops are read by read_circuit"
        )
    if imported[0] != VERSION:
        raise UnsupportedError(
            f"the model uses version {imported[0]} of the domain {DOMAIN}; this lgn-edge reads {VERSION}: use a newer"
            " one"
        )


def _check_bodies(model: ModelProto) -> None:
    """Check that there is one function body for every op the graph uses."""
    bodies = Counter(function.name for function in model.functions if function.domain == DOMAIN and function.node)
    for name in sorted({node.op_type for node in model.graph.node if node.domain == DOMAIN} & {op.name for op in OPS}):
        if bodies[name] != 1:
            raise InputError(
                f"the model has {bodies[name]} function bodies for {name}, and needs one; copy or write it again"
            )


def _chain(graph: GraphProto, value: str, *, encoded: bool) -> list[NodeProto]:
    """The nodes of the domain, Threshold first (unless `encoded`) and a head last, each reading the one before."""
    known = {op.name for op in OPS}
    for node in graph.node:
        if node.domain != DOMAIN and (node.domain not in STANDARD_DOMAINS or node.op_type not in _STANDARD_OPS):
            raise InputError(
                f"node {node.name!r} is a {node.op_type!r} of domain {node.domain!r};"
                f" a network is built from {', '.join(sorted(known))} of {DOMAIN}, one Shape and one ArgMax"
            )
        if node.domain == DOMAIN and node.op_type not in known:
            raise InputError(
                f"node {node.name!r} is a {node.op_type!r}, which {DOMAIN} {VERSION} does not have;"
                f" known are {', '.join(sorted(known))}"
            )
    nodes = [node for node in graph.node if node.domain == DOMAIN]
    kinds = [node.op_type for node in nodes]
    first = [] if encoded else [threshold.OP.name]
    layers = kinds[len(first) : -1]
    legal = layers and all(kind in _LAYER_OF_OP for kind in layers)
    if not legal or kinds[: len(first)] != first or kinds[-1] not in _HEAD_OF_OP:
        raise InputError(
            f"the nodes of {DOMAIN} are {short(kinds)}; they must be {'' if encoded else f'one {first[0]}, '}at least"
            f" one layer ({', '.join(_LAYER_OF_OP)}), one head ({', '.join(_HEAD_OF_OP)}), in this order"
        )
    for node in nodes:
        if not node.input or node.input[0] != value:
            found = node.input[0] if node.input else ""
            raise InputError(f"node {node.name!r} ({node.op_type}) reads {found!r}; it must read {value!r} before it")
        if not node.output:
            raise InputError(f"node {node.name!r} ({node.op_type}) has no output; name one")
        value = node.output[0]
    return nodes


def _encoder(views: list[NodeView], chosen: str, width: int, about: Threshold | None) -> Threshold:
    if chosen == PACKED:
        return interface.outside(chosen, width, about)
    encoder = threshold.layer(views[0], ELEMENT["uint8" if chosen == BOOL else chosen], width)
    if chosen != BOOL:
        return encoder
    if encoder != Threshold.bits(width):
        raise views[0].error("it must take every bit as it is: feature 0, 1, ... and threshold 0.5")
    return interface.outside(chosen, width, about)


def _check_rest(
    graph: GraphProto, head: NodeView, chosen: str, value: str, initializers: Initializers, classified: bool
) -> None:
    """Check the standard nodes: the count of samples before the head, the class behind it, and nothing else."""
    n = head.node.input[1]
    outputs = list(_HEAD_OF_OP[head.node.op_type].OUTPUTS)
    if list(head.node.output) != outputs:
        raise head.error(f"its outputs are {list(head.node.output)}; they must be {outputs}")
    if chosen == PACKED:
        product = _only(graph, "Mul")
        words, bits = (*product.input, "", "")[:2]
        _check_node(graph, "Shape", [value], [words], {"start": 1, "end": 2})
        _check_node(graph, "Mul", [words, bits], [n], {})
        if not np.array_equal(NodeView(product, initializers).constant(1, np.int64), [64]):
            raise InputError(f"node {product.name!r} (Mul) must multiply the number of words by 64")
        before = ["Shape", "Mul"]
    else:
        _check_node(graph, "Shape", [value], [n], {"start": 0, "end": 1})
        before = ["Shape"]
    if classified:
        _check_node(graph, "ArgMax", [SCORES], [CLASS], {"axis": 1, "keepdims": 0})
    order = [node.op_type for node in graph.node if node.domain != DOMAIN or node is head.node]
    wanted = [*before, head.node.op_type, *(["ArgMax"] if classified else [])]
    if sorted(order) != sorted(wanted):
        raise InputError(f"the standard nodes of the model are {short(order)}; they must be {short(wanted)}")
    if order != wanted:
        raise InputError("the nodes Shape and ArgMax must be before and after the head; write the model again")


def _only(graph: GraphProto, op: str) -> NodeProto:
    nodes: list[NodeProto] = [node for node in graph.node if node.op_type == op]
    if len(nodes) != 1:
        raise InputError(f"the model has {len(nodes)} {op} nodes, and needs one; write the model again")
    return nodes[0]


def _check_node(
    graph: GraphProto, op: str, inputs: list[str], outputs: list[str], attributes: Mapping[str, int]
) -> None:
    node = _only(graph, op)
    found = {a.name: a.i for a in node.attribute if a.type == AttributeProto.INT and not a.ref_attr_name}
    found = {name: value for name, value in found.items() if (name, value) != ("select_last_index", 0)}
    if list(node.input) != inputs or list(node.output) != outputs or found != attributes or node.overload:
        raise InputError(
            f"node {node.name!r} ({op}) must compute {outputs} from {inputs} with the attributes {dict(attributes)}"
        )
