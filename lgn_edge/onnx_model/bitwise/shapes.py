"""Numbers that a graph computes from the sizes of its values."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.constants import decoded
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import SIGNALS, Samples, Value


def shape(node: Node) -> list[Value]:
    """Shape: sizes of signals are numbers, those of samples stand for themselves."""
    value = node.value(0)
    axes = range(len(value.samples))[slice(node.attribute("start", 0), node.attribute("end", len(value.samples)))]
    sizes = [
        value.array.shape[axis] if value.samples[axis] == SIGNALS else Samples(value.samples[axis]) for axis in axes
    ]
    is_fixed = all(isinstance(size, int) for size in sizes)
    return [Value.of(np.array(sizes, np.int64 if is_fixed else np.object_), TensorProto.INT64)]


def constant_of_shape(node: Node) -> list[Value]:
    """ConstantOfShape: one number everywhere."""
    tensors = [attribute.t for attribute in node.proto.attribute if attribute.name == "value"]
    number = decoded(tensors[0]) if tensors else Value.of(np.zeros(1, np.float32), TensorProto.FLOAT)
    if number.array.size != 1:
        raise InputError(f"its value has {number.array.size} elements, not one")
    return [node.spread(number.array.reshape(()), number.element, 0)]
