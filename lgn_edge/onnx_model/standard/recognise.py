"""A standard file read back: its data make a network, and that network must give exactly this graph again."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from lgn_edge.errors import InputError, UnsupportedError
from lgn_edge.network import Layer, LogicDense, Network, Threshold
from lgn_edge.network.layers import Int32Array
from lgn_edge.onnx_model import interface, metadata
from lgn_edge.onnx_model.form import BOOL, PACKED, STANDARD, Form
from lgn_edge.onnx_model.metadata import Metadata
from lgn_edge.onnx_model.regenerated import check_nodes
from lgn_edge.onnx_model.standard.gates import KINDS
from lgn_edge.onnx_model.standard.model import VERSION, VERSION_KEY, lowered
from lgn_edge.onnx_model.tensors import Initializers
from lgn_edge.passes.layered import last_layer


def recognises(model: ModelProto) -> bool:
    """Whether the model says that it is a standard file."""
    return any(entry.key == VERSION_KEY for entry in model.metadata_props)


def network(model: ModelProto, initializers: Initializers, about: Metadata) -> Network:
    """The network of a standard file: simplified, one layer a level, and a layer of wires before the group sum.

    Raises:
        InputError: a node differs from what its data and metadata give; the message names it.
        UnsupportedError: another version of the standard graph.
    """
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if properties[VERSION_KEY] != VERSION:
        raise UnsupportedError(
            f"the standard graph has version {properties[VERSION_KEY]!r}; this lgn-edge reads {VERSION}: export the"
            " model again from its custom form"
        )
    chosen, width = interface.source(model.graph)
    encoder = Threshold.bits(width) if chosen in (BOOL, PACKED) else _encoder(initializers, chosen, width)
    layers: list[Layer] = []
    width = encoder.n_outputs
    while layer := _level(initializers, len(layers), width):
        layers.append(layer)
        width = layer.n_outputs
    counted = _counted(initializers)
    head = metadata.head(properties, len(counted))
    layers.append(last_layer(counted.reshape(-1, head.n_outputs), width))
    form = Form(STANDARD, chosen, interface.outputs(model.graph, head))
    inside = Network(encoder, tuple(layers), head, about.name, about.class_names, about.provenance)
    check_nodes(model.graph.node, lowered(inside, form).nodes)
    if chosen in (BOOL, PACKED):
        encoder = interface.outside(chosen, encoder.n_outputs, about.encoder)
    return Network(encoder, inside.layers, head, about.name, about.class_names, about.provenance)


def _encoder(initializers: Initializers, chosen: str, features: int) -> Threshold:
    threshold = initializers.array("threshold.threshold", np.float32)
    feature = np.arange(features, dtype=np.int32)
    if "threshold.feature" in initializers.by_name:
        feature = initializers.array("threshold.feature", np.int32)
    minus = initializers.array("threshold.minus", np.int32) if "threshold.minus" in initializers.by_name else None
    return Threshold(features, feature, threshold, chosen, minus)


def _level(initializers: Initializers, number: int, width: int) -> LogicDense | None:
    """The gates of a level by their kinds, or None when there is no such level."""
    tables, firsts, seconds = [], [], []
    for table, kind in KINDS.items():
        name = f"layer{number}.{kind.name}"
        if f"{name}.a" in initializers.by_name:
            firsts.append(initializers.array(f"{name}.a", np.int32))
            seconds.append(initializers.array(f"{name}.b", np.int32) if kind.both else firsts[-1])
            tables.append(np.full(len(firsts[-1]), table, np.uint8))
    if not tables:
        return None
    try:
        return LogicDense(width, np.concatenate(firsts), np.concatenate(seconds), np.concatenate(tables))
    except InputError as error:
        raise InputError(f"the gates of level {number}: {error}") from error


def _counted(initializers: Initializers) -> Int32Array:
    """The signals that the first adders read, in order: [rows, outputs of the head], flat."""
    names = [*(f"count0.take{i}.rows" for i in range(7)), "count0.rest.rows"]
    found = [initializers.array(name, np.int32) for name in names if name in initializers.by_name]
    return np.concatenate([np.zeros(0, np.int32), *found])
