"""Samples to packed bits in standard ops, for a whole number of words."""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import TensorProto

from lgn_edge.network import Threshold
from lgn_edge.onnx_model.builder import Builder

# Eight bits of 0 or 1 times the powers of two are a byte, and eight bytes times the powers of 256 are a word.
_BITS: Final = np.kron(np.eye(8), 2 ** np.arange(8))
_BYTES: Final = 1 << np.arange(0, 64, 8, dtype=np.uint64)


def threshold(graph: Builder, encoder: Threshold, samples: str) -> str:
    """Add the nodes of an encoder for samples [64 * W, features]; returns packed bits int64 [bits, W]."""
    values = samples
    if encoder.minus is not None:
        numbers = graph.node("Cast", samples, name="threshold.numbers", to=TensorProto.FLOAT)
        by_feature = graph.node("Transpose", numbers, name="threshold.by_feature", perm=[1, 0])
        by_bit = differences(graph, encoder, by_feature, axis=0)
        values = graph.node("Transpose", by_bit, name="threshold.values", perm=[1, 0])
    elif not np.array_equal(encoder.feature, np.arange(encoder.n_features)):
        feature = graph.data("threshold.feature", encoder.feature)
        by_feature = graph.node("Transpose", values, name="threshold.by_feature", perm=[1, 0])
        watched = graph.node("Gather", by_feature, feature, name="threshold.watched", axis=0)
        values = graph.node("Transpose", watched, name="threshold.values", perm=[1, 0])
    if encoder.input_dtype == "uint8" and encoder.minus is None:  # ONNX Runtime compares no bytes before 1.18
        values = graph.node("Cast", values, name="threshold.numbers", to=TensorProto.FLOAT)
    limits = graph.data("threshold.threshold", encoder.threshold)
    return pack(graph, graph.node("Greater", values, limits, name="threshold.above"), encoder.n_outputs)


def differences(graph: Builder, encoder: Threshold, numbers: str, axis: int) -> str:
    """Add the nodes that take differences of features, float32 [samples, features] (axis 1) or the other way round."""
    assert encoder.minus is not None
    zeros = graph.constant([0, 0, 1 - axis, axis], name="threshold.zeros")  # behind the last feature, which -1 takes
    with_zeros = graph.node("Pad", numbers, zeros, name="threshold.with_zeros")
    watched, subtracted = (
        graph.node("Gather", with_zeros, graph.data(f"threshold.{name}", index), name=f"threshold.{role}", axis=axis)
        for name, index, role in (("feature", encoder.feature, "watched"), ("minus", encoder.minus, "subtracted"))
    )
    return graph.node("Sub", watched, subtracted, name="threshold.differences")


def pack(graph: Builder, bits: str, n_bits: int) -> str:
    """Add the nodes that pack bits bool [64 * W, n_bits] to int64 [n_bits, W]."""
    numbers = graph.node("Cast", bits, name="pack.numbers", to=TensorProto.UINT8)
    shape = graph.constant([-1, 64, n_bits], name="pack.shape")
    by_word = graph.node("Reshape", numbers, shape, name="pack.by_word")
    places = graph.constant(_BITS, np.uint8, name="pack.places")
    octets = graph.node("MatMulInteger", places, by_word, name="pack.bytes")  # [W, 8, n_bits]
    unsigned = graph.node("Cast", octets, name="pack.unsigned", to=TensorProto.UINT64)
    weights = graph.constant(_BYTES[None], np.uint64, name="pack.weights")
    by_signal = graph.node("Transpose", unsigned, name="pack.by_signal", perm=[1, 2, 0])
    flat = graph.node("Reshape", by_signal, graph.constant([8, -1], name="pack.rows"), name="pack.flat")
    words = graph.node("MatMul", weights, flat, name="pack.words")  # [1, n_bits * W]
    shape = graph.constant([n_bits, -1], name="pack.words_shape")
    whole = graph.node("Reshape", words, shape, name="pack.unsigned_words")
    return graph.node("Cast", whole, name="pack.signals", to=TensorProto.INT64)
