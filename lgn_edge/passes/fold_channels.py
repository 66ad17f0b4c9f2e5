"""Constant channels: kernels that are 0 or 1 everywhere, and what follows for the layers that read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lgn_edge.network import Layer, LogicConv2d, LogicDense, Network, OrPool2d
from lgn_edge.network.convolution import Window
from lgn_edge.network.truth_table import FALSE, FIX_A, FIX_B, PASS_A, TRUE, UInt8Array
from lgn_edge.passes.kernel_tables import LEAVES, BoolArray
from lgn_edge.passes.smallest_trees import smallest_trees

Known = NDArray[np.int8]  # what each signal or channel always is: 0, 1, or -1 where it varies
_FIX_A, _FIX_B = np.stack(FIX_A), np.stack(FIX_B)
_VARIES = np.int8(-1)


def fold_channels(network: Network) -> Network:
    """Make kernels as small as they are (`smallest_trees`), and let no gate depend on a channel that is constant.

    Rule:
        a leaf of a channel that is 0 -> the constant 0: outside the image it is 0 as well
        a leaf of a channel that is 1 -> the constant 1, where the leaf is inside the image at all places
        an input of a dense gate that is constant -> the gate of the other input
        a pool of 0 -> 0; of 1 -> 1, where every window sees part of the image

    Kept: all layers and channels, constant ones too, which nobody reads any more; a leaf of a channel that is 1 where
    it sees what is outside, which is 0.

    Promise: the same outputs for all inputs; no kernel has more live leaves than before.

    Cost: O(kernels and signals).
    """
    known = [np.full(network.encoder.n_outputs, _VARIES)]
    layers: list[Layer] = []
    for layer, sources in zip(network.layers, network.sources, strict=True):
        given = np.concatenate([known[source] for source in sources])
        folded = _fold(layer, given)
        layers.append(folded)
        known.append(_outputs(folded, given))
    return replace(network, layers=tuple(layers))


def _fold(layer: Layer, given: Known) -> Layer:
    if isinstance(layer, LogicDense):
        table = _fixed(layer.table, given[layer.a], given[layer.b])
        return layer if np.array_equal(table, layer.table) else replace(layer, table=table)
    if not isinstance(layer, LogicConv2d) or layer.leaf.shape[1] > LEAVES:
        return layer
    channel, row, column = np.moveaxis(layer.leaf, 2, 0)
    value = _channels(given, layer.channels)[channel]
    value = np.where((value == 1) & ~_inside(layer.window)[row, column], _VARIES, value)
    gates = layer.leaf.shape[1] // 2
    table = layer.table.copy()
    table[:, :gates] = _fixed(table[:, :gates], value[:, ::2], value[:, 1::2])
    return smallest_trees(replace(layer, table=table))


def _fixed(table: UInt8Array, a: Known, b: Known) -> UInt8Array:
    """The tables with the inputs that are known held at what they are."""
    table = np.where(a >= 0, _FIX_A[np.maximum(a, 0), table], table)
    return np.where(b >= 0, _FIX_B[np.maximum(b, 0), table], table)


def _channels(given: Known, channels: int) -> Known:
    """What the signals of each channel are, where they are all the same."""
    planes = given.reshape(channels, -1)
    same = (planes == planes[:, :1]).all(axis=1)
    return np.where(same, planes[:, 0], _VARIES)


def _inside(window: Window) -> BoolArray:
    """Which cells bool[rows, columns] of a window are inside the image at all places."""
    image = np.ones((window.channels, window.height, window.width), np.bool_)
    return np.asarray(window.taps(image.reshape(-1), 0)[0].all(axis=(2, 3)))


def _outputs(layer: Layer, given: Known) -> Known:
    """What the outputs of a layer are."""
    if isinstance(layer, LogicConv2d):
        # a constant kernel is a constant gate and wires of it
        gate, wires = layer.table[:, 0], (layer.table[:, 1:] == PASS_A).all(axis=1)
        value = np.where(wires & (gate == FALSE), np.int8(0), np.where(wires & (gate == TRUE), np.int8(1), _VARIES))
        return np.repeat(value.astype(np.int8), layer.n_outputs // layer.kernels)
    if isinstance(layer, LogicDense):
        constants = ((FALSE, 0), (TRUE, 1))
        value = np.full(layer.n_outputs, _VARIES)
        for table, constant in constants:
            value[layer.table == table] = constant
        return value
    if isinstance(layer, OrPool2d):
        value = _channels(given, layer.channels)
        one = np.ones(layer.n_inputs, np.bool_)
        full = bool(layer.window.taps(one, 0)[0].any(axis=(0, 1)).all())
        value = np.where((value == 1) & (not full), _VARIES, value)
        return np.repeat(value.astype(np.int8), layer.n_outputs // layer.channels)
    return np.full(layer.n_outputs, _VARIES)
