"""Models of networks with one thing changed, for tests of what a reader refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from lgn_edge.network import GroupSum, LogicConv2d, LogicDense, Network, OrPool2d, Threshold

Change = Callable[[ModelProto], object]


def node(model: ModelProto, op: str) -> NodeProto:
    return next(n for n in model.graph.node if n.op_type == op)


def initializer(model: ModelProto, name: str) -> TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def set_array(name: str, values: object, dtype: type) -> Change:
    return lambda m: initializer(m, name).CopyFrom(numpy_helper.from_array(np.array(values, dtype), name))


def set_props(key: str, value: str) -> Change:
    return lambda m: next(e for e in m.metadata_props if e.key == key).__setattr__("value", value)


def attribute(op: str, name: str, **fields: object) -> Change:
    def change(model: ModelProto) -> None:
        found = next(a for a in node(model, op).attribute if a.name == name)
        for key, value in fields.items():
            if isinstance(value, list):
                getattr(found, key)[:] = value
            else:
                setattr(found, key, value)

    return change


def swap(i: int, j: int) -> Change:
    def change(model: ModelProto) -> None:
        nodes = [NodeProto.FromString(n.SerializeToString()) for n in model.graph.node]
        nodes[i], nodes[j] = nodes[j], nodes[i]
        del model.graph.node[:]
        model.graph.node.extend(nodes)

    return change


def without(op: str) -> Change:
    return lambda m: m.graph.node.remove(node(m, op))


# 18 bits, layer0 conv to [2, 4, 4], layer1 pool to [2, 2, 2], layer2 dense of layer1 and the bits
IMAGES = Network(
    Threshold.bits(18),
    (
        LogicConv2d(2, 3, 3, 2, np.zeros((2, 4, 3), int), np.full((2, 3), 7), padding=1),
        OrPool2d(2, 4, 4, 2),
        LogicDense(26, np.arange(12), np.arange(14, 26), np.full(12, 6)),
    ),
    GroupSum(12, 3),
    reads=((0,), (1,), (2, 0)),
)
