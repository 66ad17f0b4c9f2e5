"""The vectors that an artifact carries to test itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Network, Threshold


def selftest_samples(network: Network, count: int) -> NDArray[Any]:
    """Samples [count, features] of the network's input type: one below all thresholds, one above, the rest around them.

    Each feature of the others is drawn from the values just above and just below its thresholds, so every bit of the
    encoder takes both values often.
    """
    encoder = network.encoder
    rng = np.random.default_rng(20250101)
    bit, watched = _drawn(encoder, np.arange(encoder.n_outputs), count, rng)
    around = np.where(watched, encoder.threshold[bit], np.float32(0)).astype(np.float32)
    around[:1] = encoder.threshold.min()
    above = rng.random(around.shape) < 0.5
    above[0], above[1:2] = False, True
    around[1:2] = encoder.threshold.max()
    if encoder.input_dtype == "uint8":
        octets: NDArray[np.uint8] = np.clip(np.floor(around) + above, 0, 255).astype(np.uint8)
        return near_differences(encoder, octets, rng)
    largest = np.finfo(np.float32).max
    floats: NDArray[np.float32] = np.where(above, np.nextafter(around, largest), around).astype(np.float32)
    return floats


def near_differences(encoder: Threshold, samples: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same samples [n, features], but every other one drawn anew where the encoder compares differences.

    Half of their features are what makes a difference equal to its threshold, or one more.
    """
    edges = np.flatnonzero(encoder.is_edge)
    if encoder.minus is None or not len(edges):
        return samples
    bit, watched = _drawn(encoder, edges, len(samples), rng)
    drawn = rng.integers(0, 256, samples.shape)
    near = np.take_along_axis(drawn, np.maximum(encoder.minus[bit], 0), 1) + np.floor(encoder.threshold[bit])
    near = np.clip(near + rng.integers(0, 2, samples.shape), 0, 255)
    drawn = np.where(watched & (rng.random(samples.shape) < 0.5), near, drawn)
    mixed = samples.copy()
    mixed[2::2] = drawn[2::2]
    return mixed


def _drawn(
    encoder: Threshold, bits: NDArray[np.intp], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """One of some bits [count, features] that watch a feature, drawn for each, and which features have any."""
    order = bits[np.argsort(encoder.feature[bits], kind="stable")]
    first = np.searchsorted(encoder.feature[order], np.arange(encoder.n_features))
    number = np.bincount(encoder.feature[bits], minlength=encoder.n_features)
    choice = first + (rng.random((count, encoder.n_features)) * number).astype(np.int64)
    return order[np.minimum(choice, len(order) - 1)], number > 0
