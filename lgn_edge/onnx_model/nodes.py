"""A model of the domain's ops as a network: a node a layer, every one checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
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
from lgn_edge.onnx_model.ops import (
    bits,
    group_sum,
    logic_conv2d,
    logic_layer,
    or_pool2d,
    threshold,
    threshold_difference,
)
from lgn_edge.onnx_model.schemas import OPS
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.text import called
from lgn_edge.onnx_model.view import NodeView

_ENCODER_OF_OP: Final[dict[str, ModuleType]] = {op.OP.name: op for op in (threshold, threshold_difference)}
_LAYER_OF_OP: Final[dict[str, ModuleType]] = {op.OP.name: op for op in (logic_layer, logic_conv2d, or_pool2d)}
_HEAD_OF_OP: Final[dict[str, ModuleType]] = {op.OP.name: op for op in (group_sum, bits)}
_JOIN: Final = "Concat"
_STANDARD_OPS: Final = ("Shape", "Mul", "ArgMax", _JOIN)


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
    parts = _parts(graph, value, initializers, encoded=chosen == PACKED)
    encoder = _encoder(parts.encoder, chosen, width, about.encoder)
    layers: list[Layer] = []
    widths = [encoder.n_outputs]
    for view, reads in zip(parts.layers, parts.reads, strict=True):
        layers.append(_LAYER_OF_OP[view.node.op_type].layer(view, sum(widths[source] for source in reads)))
        widths.append(layers[-1].n_outputs)
    head = _HEAD_OF_OP[parts.head.node.op_type].head(parts.head, widths[-1])
    names = interface.outputs(graph, head)
    classified = CLASS in names or any(node.op_type == "ArgMax" for node in graph.node)
    _check_rest(graph, parts.head, chosen, value, initializers, classified)
    return Network(
        encoder, tuple(layers), head, about.name, about.class_names, about.provenance, reads=tuple(parts.reads)
    )


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


@dataclass(frozen=True)
class _Parts:
    """The nodes of the domain by what they are, and what each layer reads (see `Network.reads`)."""

    encoder: NodeView | None
    layers: list[NodeView]
    reads: list[tuple[int, ...]]
    head: NodeView


def _parts(graph: GraphProto, value: str, initializers: Initializers, *, encoded: bool) -> _Parts:
    """The nodes of the domain: an encoder first (unless `encoded`), then layers, and a head last.

    Raises:
        InputError: a node is of another op, or in another place, or reads what it may not.
    """
    _check_ops(graph)
    views = [NodeView(node, initializers) for node in graph.node if node.domain == DOMAIN or node.op_type == _JOIN]
    kinds = [view.node.op_type for view in views]
    first = 0 if encoded else 1
    layers = [kind for kind in kinds[first:-1] if kind != _JOIN]
    legal = layers and all(kind in _LAYER_OF_OP for kind in layers)
    if not legal or any(kind not in _ENCODER_OF_OP for kind in kinds[:first]) or kinds[-1] not in _HEAD_OF_OP:
        encoder_first = "" if encoded else f"one {' or '.join(_ENCODER_OF_OP)}, "
        raise InputError(
            f"the nodes of {DOMAIN} are {short(kinds)}; they must be {encoder_first}at least"
            f" one layer ({', '.join(_LAYER_OF_OP)}), one head ({', '.join(_HEAD_OF_OP)}), in this order"
        )
    encoder = None if encoded else views.pop(0)
    if encoder is not None:
        _check_source(encoder, {value: 0})
        value = _written(encoder)
    own = [view for view in views[:-1] if view.node.op_type != _JOIN]
    return _Parts(encoder, own, _reads(views, value), views[-1])


def _check_ops(graph: GraphProto) -> None:
    """Check that every node is of a known op."""
    known = {op.name for op in OPS}
    for node in graph.node:
        if node.domain != DOMAIN and (node.domain not in STANDARD_DOMAINS or node.op_type not in _STANDARD_OPS):
            raise InputError(
                f"{called(node)} is of domain {node.domain!r};"
                f" a network is built from {', '.join(sorted(known))} of {DOMAIN}, Concat before a layer, one Shape and"
                " one ArgMax"
            )
        if node.domain == DOMAIN and node.op_type not in known:
            raise InputError(
                f"{called(node)} is no op that {DOMAIN} {VERSION} has; known are {', '.join(sorted(known))}"
            )


def _reads(views: list[NodeView], value: str) -> list[tuple[int, ...]]:
    """What each layer reads.

    Args:
        views: layers, Concats and a head at the end, in the order of the file.
        value: the bits that the first layer may read.

    Raises:
        InputError: a node reads what no node before it writes, a Concat is not that of the layer behind it, or the head
            does not read the last layer.
    """
    written, last, found = {value: 0}, value, []
    join: NodeView | None = None
    for view in views:
        if view.node.op_type == _JOIN and join is None:
            join = view
        elif view.node.op_type not in _LAYER_OF_OP and join is not None:
            raise join.error(f"a layer must stand behind it; there is {called(view.node)}")
        elif view.node.op_type not in _LAYER_OF_OP:
            _check_source(view, {last: 0})
        else:
            found.append((_check_source(view, written),) if join is None else _joined(join, view, written))
            last, join = _written(view), None
            written.setdefault(last, len(found))
    return found


def _joined(join: NodeView, layer: NodeView, written: Mapping[str, int]) -> tuple[int, ...]:
    """What a Concat joins for the layer behind it, of the values that were written before, each with its number."""
    join.expect(len(join.node.input), 1, {"axis": AttributeProto.INT})
    if join.attributes()["axis"].i != 0:
        raise join.error(f"its axis is {join.attributes()['axis'].i}; signals are axis 0")
    if len(set(join.node.input)) != len(join.node.input) or len(join.node.input) < 2:
        raise join.error(f"it joins {short(join.node.input)}; name two values or more, and none twice")
    _check_source(layer, {_written(join): 0})
    return tuple(_check_source(join, written, place) for place in range(len(join.node.input)))


def _check_source(view: NodeView, written: Mapping[str, int], place: int = 0) -> int:
    """The number of the value that a node reads at a place, which must be one of those that were written."""
    found = view.node.input[place] if len(view.node.input) > place else ""
    if found not in written:
        raise view.error(f"it reads {found!r}; it may read {short(written)}")
    return written[found]


def _written(view: NodeView) -> str:
    if not view.node.output:
        raise view.error("it has no output; name one")
    output: str = view.node.output[0]
    return output


def _encoder(view: NodeView | None, chosen: str, width: int, about: Threshold | None) -> Threshold:
    if view is None:
        return interface.outside(chosen, width, about)
    op = _ENCODER_OF_OP[view.node.op_type]
    encoder: Threshold = op.layer(view, ELEMENT["uint8" if chosen == BOOL else chosen], width)
    if chosen != BOOL:
        return encoder
    if encoder != Threshold.bits(width):
        raise view.error("it must take every bit as it is: feature 0, 1, ... and threshold 0.5")
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
            raise InputError(f"{called(product)} must multiply the number of words by 64")
        before = ["Shape", "Mul"]
    else:
        _check_node(graph, "Shape", [value], [n], {"start": 0, "end": 1})
        before = ["Shape"]
    if classified:
        _check_node(graph, "ArgMax", [SCORES], [CLASS], {"axis": 1, "keepdims": 0})
    others = [node for node in graph.node if (node.domain != DOMAIN and node.op_type != _JOIN) or node is head.node]
    order = [node.op_type for node in others]
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
        raise InputError(f"{called(node)} must compute {outputs} from {inputs} with the attributes {dict(attributes)}")
