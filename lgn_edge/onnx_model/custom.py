"""The lowering to the ops of the domain: one node a layer, wiring and tables as constants."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from lgn_edge.errors import UnsupportedError
from lgn_edge.network import Bits, GroupSum, Layer, LogicConv2d, LogicDense, Network, OrPool2d
from lgn_edge.onnx_model.domain import CLASS, DOMAIN, SCORES, VERSION, WORD_BITS, WORDS
from lgn_edge.onnx_model.form import PACKED, Form, input_info
from lgn_edge.onnx_model.functions import functions
from lgn_edge.onnx_model.lowering import Lowering
from lgn_edge.onnx_model.ops import (
    bits,
    group_sum,
    logic_conv2d,
    logic_layer,
    or_pool2d,
    threshold,
    threshold_difference,
)

_OP_OF_LAYER: Final[dict[type, ModuleType]] = {
    LogicDense: logic_layer,
    LogicConv2d: logic_conv2d,
    OrPool2d: or_pool2d,
}
_ENCODER: Final = "threshold"
_OP_OF_HEAD: Final[dict[type, tuple[str, ModuleType]]] = {  # with the name of its node
    GroupSum: ("group_sum", group_sum),
    Bits: ("output_bits", bits),
}
COUNT: Final = "n"
WORD_BITS_NAME: Final = "word_bits"


def lower(network: Network, form: Form) -> Lowering:
    """Nodes and data in ops of the domain of a network and a form that are `resolved`.

    Raises:
        UnsupportedError: a layer has no op in the domain.
    """
    constants: dict[str, NDArray[Any]] = {}
    values: list[ValueInfoProto] = []  # a layer's kernel may write where it reads, if its shapes are known to be equal
    nodes: list[NodeProto] = []
    value = input_info(network, form).name
    count = [helper.make_node("Shape", [value], [COUNT], "count", start=0, end=1)]
    if form.input == PACKED:
        constants[WORD_BITS_NAME] = np.array([WORD_BITS], np.int64)
        count = [
            helper.make_node("Shape", [WORDS], ["n_words"], "count_words", start=1, end=2),
            helper.make_node("Mul", ["n_words", WORD_BITS_NAME], [COUNT], "count"),
        ]
    else:
        encode = threshold if network.encoder.minus is None else threshold_difference
        constants |= encode.constants(network.encoder, _ENCODER)
        nodes.append(encode.node(network.encoder, _ENCODER, value))
        value = _ENCODER
        values.append(_words(value, network.encoder.n_outputs))
    written = [value]  # by the encoder, then by each layer
    for i, (layer, reads) in enumerate(zip(network.layers, network.sources, strict=True)):
        op, name = _op(layer), f"layer{i}"
        value = written[reads[0]]
        if len(reads) > 1:
            value = f"{name}.words"
            nodes.append(helper.make_node("Concat", [written[source] for source in reads], [value], value, axis=0))
            values.append(_words(value, layer.n_inputs))
        constants |= op.constants(layer, name)
        nodes.append(op.node(layer, name, value))
        written.append(name)
        values.append(_words(name, layer.n_outputs))
    name, op = _OP_OF_HEAD[type(network.head)]
    nodes += [*count, op.node(network.head, name, written[-1], COUNT)]
    if CLASS in form.outputs:
        nodes.append(helper.make_node("ArgMax", [SCORES], [CLASS], "argmax", axis=1, keepdims=0))
    used = {node.op_type for node in nodes if node.domain == DOMAIN}
    return Lowering(nodes, constants, {}, {DOMAIN: VERSION}, functions(used), values)


def _words(name: str, signals: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64, [signals, "W"])


def _op(layer: Layer) -> ModuleType:
    if type(layer) not in _OP_OF_LAYER:
        known = ", ".join(kind.__name__ for kind in _OP_OF_LAYER)
        raise UnsupportedError(f"a {type(layer).__name__} layer has no op in the domain {DOMAIN}; known are {known}")
    return _OP_OF_LAYER[type(layer)]
