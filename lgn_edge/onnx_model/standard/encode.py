"""Samples to packed bits in standard ops, for a whole number of words."""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import TensorProto

from lgn_edge.network import Threshold
from lgn_edge.onnx_model.builder import Builder

# A product with the powers of two makes one number of 16 bits of 0 or 1, exactly in float32; four make a word.
_PLACES: Final = np.kron(np.eye(4), 2.0 ** np.arange(16))


def threshold(graph: Builder, encoder: Threshold, samples: str) -> str:
    """Add the nodes of `Threshold` for samples [64 * W, features]; returns packed bits int64 [bits, W]."""
    values = samples
    if not np.array_equal(encoder.feature, np.arange(encoder.n_features)):
        feature = graph.data("threshold.feature", encoder.feature)
        by_feature = graph.node("Transpose", values, name="threshold.by_feature", perm=[1, 0])
        watched = graph.node("Gather", by_feature, feature, name="threshold.watched", axis=0)
        values = graph.node("Transpose", watched, name="threshold.values", perm=[1, 0])
    if encoder.input_dtype != "float32":
        values = graph.node("Cast", values, name="threshold.float", to=TensorProto.FLOAT)
    limits = graph.data("threshold.threshold", encoder.threshold)
    return pack(graph, graph.node("Greater", values, limits, name="threshold.above"), encoder.n_outputs)


def pack(graph: Builder, bits: str, n_bits: int) -> str:
    """Add the nodes that pack bits bool [64 * W, n_bits] to int64 [n_bits, W]."""
    numbers = graph.node("Cast", bits, name="pack.numbers", to=TensorProto.FLOAT)
    shape = graph.constant([-1, 64, n_bits], name="pack.shape")
    by_word = graph.node("Reshape", numbers, shape, name="pack.by_word")
    places = graph.constant(_PLACES, np.float32, name="pack.places")
    quarters = graph.node("MatMul", places, by_word, name="pack.quarters")
    whole = graph.node("Cast", quarters, name="pack.integers", to=TensorProto.INT64)
    shift = graph.constant([[1], [1 << 16], [1 << 32], [1 << 48]], name="pack.shift")
    placed = graph.node("Mul", whole, shift, name="pack.placed")  # wraps into the sign: two's complement
    part = [
        graph.node("Gather", placed, graph.constant(i, name="pack.quarter"), name="pack.part", axis=1) for i in range(4)
    ]
    low = graph.node("BitwiseOr", part[0], part[1], name="pack.low")
    high = graph.node("BitwiseOr", part[2], part[3], name="pack.high")
    words = graph.node("BitwiseOr", low, high, name="pack.words")
    return graph.node("Transpose", words, name="pack.signals", perm=[1, 0])
