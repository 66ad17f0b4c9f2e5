"""An ONNX model as a network. The model is data: nothing is executed, and everything is checked."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from lgn_edge.errors import InputError, LgnError, UnsupportedError
from lgn_edge.network import Layer, Network
from lgn_edge.network.layers import MAX_SIGNALS
from lgn_edge.onnx_model import external, metadata
from lgn_edge.onnx_model.domain import CLASS, DOMAIN, LOGITS, SAMPLES, SCORES, VERSION
from lgn_edge.onnx_model.ops import group_sum, logic_layer, threshold
from lgn_edge.onnx_model.schemas import OPS
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.onnx_model.text import check_text
from lgn_edge.onnx_model.view import NodeView

_LAYER_OF_OP: Final = {logic_layer.OP.name: logic_layer.layer}
_STANDARD: Final = ("", "ai.onnx")
_COUNT: Final = {"start": 0, "end": 1}
_FIRST_MAXIMUM: Final = {"axis": 1, "keepdims": 0}
_OUTPUTS: Final = ((SCORES, TensorProto.INT32, 2), (LOGITS, TensorProto.FLOAT, 2), (CLASS, TensorProto.INT64, 1))


def read(path: str | os.PathLike[str]) -> Network:
    """Read a network from an ONNX file; its external data, if any, must lie beside it.

    Raises:
        InputError: the file is missing, truncated, not ONNX, or not a legal network.
        UnsupportedError: a newer domain or format version.
    """
    source = Path(path)
    model = _load(source)
    try:
        return _from_model(model, source.parent)
    except LgnError as error:
        raise type(error)(f"{source}: {error}") from error


def from_model(model: ModelProto) -> Network:
    """The network of an ONNX model that is in memory with all its constants.

    Raises:
        InputError: the model is not a legal network; the message names the node.
        UnsupportedError: a newer domain or format version.
    """
    return _from_model(model, None)


def _load(path: Path) -> ModelProto:
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the name of an ONNX file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    if not data:
        raise InputError(f"{path} is empty; write the model again")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InputError(f"{path} is not an ONNX file, or a part of it is missing; copy or write it again") from error
    return model


def _from_model(model: ModelProto, folder: Path | None) -> Network:
    check_text(model)
    _check_header(model)
    _check_names(model.graph)
    external.check(model.graph.initializer, folder)
    return _network(model, Initializers({tensor.name: tensor for tensor in model.graph.initializer}, folder))


def _check_header(model: ModelProto) -> None:
    """Check what surrounds the graph: versions, and a function body for every op the graph uses."""
    imports = Counter(entry.domain for entry in model.opset_import)
    if not model.HasField("graph") or not imports:
        raise InputError("this is not an ONNX model, or a part of it is missing; copy or write it again")
    if imports[DOMAIN] != 1:
        raise InputError(f"the model imports the domain {DOMAIN} {imports[DOMAIN]} times, not once; is it an LGN?")
    if sum(imports[domain] for domain in _STANDARD) != 1:
        raise InputError("the model must import the standard ONNX domain once; write the model again")
    version = next(entry.version for entry in model.opset_import if entry.domain == DOMAIN)
    if version != VERSION:
        raise UnsupportedError(
            f"the model uses version {version} of the domain {DOMAIN}; this lgn-edge reads {VERSION}: use a newer one"
        )
    if model.graph.sparse_initializer:
        raise InputError("the model has sparse initializers; store wiring and tables dense")
    bodies = Counter(function.name for function in model.functions if function.domain == DOMAIN and function.node)
    for name in sorted({node.op_type for node in model.graph.node if node.domain == DOMAIN} & {op.name for op in OPS}):
        if bodies[name] != 1:
            raise InputError(
                f"the model has {bodies[name]} function bodies for {name}, and needs one; copy or write it again"
            )


def _check_names(graph: GraphProto) -> None:
    """Check that every value has one name and one origin."""
    names = Counter(value.name for value in graph.input)
    names.update(tensor.name for tensor in graph.initializer)
    names.update(name for node in graph.node for name in node.output)
    name, times = max(names.items(), key=lambda item: item[1], default=("", 0))
    if times > 1:
        raise InputError(f"{times} values of the model are named {name!r}; names must differ")
    if "" in names:
        raise InputError("a value of the model has no name; name every input, initializer and node output")


def _network(model: ModelProto, initializers: Initializers) -> Network:
    graph = model.graph
    views = [NodeView(node, initializers) for node in _chain(graph)]
    element, n_features = _samples(graph)
    encoder = threshold.layer(views[0], element, n_features)
    layers: list[Layer] = []
    width = encoder.n_outputs
    for view in views[1:-1]:
        layers.append(_LAYER_OF_OP[view.node.op_type](view, width))
        width = layers[-1].n_outputs
    head = group_sum.head(views[-1], width)
    _check_interface(graph, views)
    about = metadata.parse(model)
    return Network(encoder, tuple(layers), head, about.name, about.class_names, about.provenance)


def _chain(graph: GraphProto) -> list[NodeProto]:
    """The nodes of the domain, Threshold first and GroupSum last, each reading the one before."""
    known = {op.name for op in OPS}
    for node in graph.node:
        if node.domain != DOMAIN and (node.domain not in _STANDARD or node.op_type not in ("Shape", "ArgMax")):
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
    legal = len(kinds) > 2 and kinds[0] == threshold.OP.name and kinds[-1] == group_sum.OP.name
    if not legal or not all(kind in _LAYER_OF_OP for kind in kinds[1:-1]):
        raise InputError(
            f"the nodes of {DOMAIN} are {_short(kinds)}; they must be one {threshold.OP.name}, at least one layer"
            f" ({', '.join(_LAYER_OF_OP)}), one {group_sum.OP.name}, in this order"
        )
    value = SAMPLES
    for node in nodes:
        if not node.input or node.input[0] != value:
            found = node.input[0] if node.input else ""
            raise InputError(f"node {node.name!r} ({node.op_type}) reads {found!r}; it must read {value!r} before it")
        if not node.output:
            raise InputError(f"node {node.name!r} ({node.op_type}) has no output; name one")
        value = node.output[0]
    return nodes


def _samples(graph: GraphProto) -> tuple[int, int]:
    """Element type and features of the one input."""
    if [value.name for value in graph.input] != [SAMPLES]:
        found = _short([value.name for value in graph.input])
        raise InputError(f"the inputs of the model are {found}; it must have one, {SAMPLES!r}")
    kind = graph.input[0].type.tensor_type
    if len(kind.shape.dim) != 2 or not 1 <= kind.shape.dim[1].dim_value <= MAX_SIGNALS:
        raise InputError(f"the input {SAMPLES!r} must have the shape [N, features] with a positive number of features")
    if kind.shape.dim[0].HasField("dim_value"):
        raise InputError(f"the input {SAMPLES!r} has a fixed number of samples; make its first dimension a name")
    return kind.elem_type, kind.shape.dim[1].dim_value


def _check_interface(graph: GraphProto, views: list[NodeView]) -> None:
    """Check the outputs, and the two standard nodes: the count of samples and the class."""
    head = views[-1].node
    _check_node(graph, "Shape", [SAMPLES], [head.input[1]], _COUNT)
    _check_node(graph, "ArgMax", [SCORES], [CLASS], _FIRST_MAXIMUM)
    if list(head.output) != [SCORES, LOGITS]:
        raise views[-1].error(f"its outputs are {list(head.output)}; they must be {[SCORES, LOGITS]}")
    order = [node.op_type for node in graph.node]
    if not order.index("Shape") < order.index(head.op_type) < order.index("ArgMax"):
        raise InputError("the nodes Shape and ArgMax must be before and after GroupSum; write the model again")
    found = [(value.name, value.type.tensor_type.elem_type, _rank(value)) for value in graph.output]
    if found != list(_OUTPUTS):
        raise InputError(
            f"the outputs of the model are {_short([name for name, _, _ in found])}; they must be {SCORES} int32"
            f" [N, classes], {LOGITS} float32 [N, classes] and {CLASS} int64 [N]"
        )


def _check_node(graph: GraphProto, op: str, inputs: list[str], outputs: list[str], attributes: dict[str, int]) -> None:
    nodes = [node for node in graph.node if node.op_type == op]
    if len(nodes) != 1:
        raise InputError(f"the model has {len(nodes)} {op} nodes, and needs one; write the model again")
    node = nodes[0]
    found = {a.name: a.i for a in node.attribute if a.type == AttributeProto.INT and not a.ref_attr_name}
    found = {name: value for name, value in found.items() if (name, value) != ("select_last_index", 0)}
    if list(node.input) != inputs or list(node.output) != outputs or found != attributes or node.overload:
        raise InputError(
            f"node {node.name!r} ({op}) must compute {outputs} from {inputs} with the attributes {attributes}"
        )


def _rank(value: ValueInfoProto) -> int:
    return len(value.type.tensor_type.shape.dim)


def _short(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:6])
    return f"[{shown}{', ...' if len(names) > 6 else ''}]"
