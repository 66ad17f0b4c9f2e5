"""LookupTable and LookupTableConv of QONNX: gates by their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Final

import numpy as np

from lgn_edge.errors import InputError
from lgn_edge.network.convolution import MAX_DEPTH
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import Value
from lgn_edge.onnx_model.qonnx import ids

_INPUTS: Final = 3


def lookup(node: Node) -> list[Value]:
    """The gates of a LookupTable: inputs [M, 2], entries [M, 4] by address a + 2 * b."""
    value, wires, table = node.signals(0), node.integers(1), node.value(2)
    axis = value.signal_axis(-1)
    n = value.array.shape[axis]
    if node.attribute("input_bits", 1) != 1 or wires.ndim != 2 or wires.shape[1] != 2:
        shape, bits = list(wires.shape), node.attribute("input_bits", 1)
        raise InputError(f"its indices are {shape} of {bits} bits; only two inputs of one bit are gates")
    if ((wires < 0) | (wires >= n)).any():
        raise InputError(f"its indices must be numbers in the {n} signals it reads")
    entry = table.array
    if not table.known or entry.shape != (len(wires), 4) or not ((entry == 0) | (entry == 1)).all():
        raise InputError(f"its table must be a constant [{len(wires)}, 4] of single bits")
    node.room.check(prod(value.array.shape[:axis]) * len(wires))
    a, b = (value.taken(wires[:, side], axis) for side in range(2))
    return [replace(node.gates.add(ids(entry.astype(np.uint8)), a, b), element=table.element)]


def convolution(node: Node) -> list[Value]:
    """The gates of a LookupTableConv at every place of an image [samples, rows, columns, channels].

    Leaves [M, 2^(depth - 1), 2] are numbers in the window, entries are [M, 2^depth - 1, 4].
    """
    image, leaf, table = node.signals(0), node.integers(1), node.value(2)
    depth, entry = node.attribute("tree_depth", 1), table.array
    if not 1 <= depth <= MAX_DEPTH or leaf.ndim != 3 or leaf.shape[1:] != (1 << (depth - 1), 2):
        raise InputError(
            f"its leaves are {list(leaf.shape)} of {depth} levels; only trees of gates of two inputs are read"
        )
    shape = (len(leaf), (1 << depth) - 1, 4)
    if not table.known or entry.shape != shape or not ((entry == 0) | (entry == 1)).all():
        raise InputError(f"its table must be a constant {list(shape)} of single bits")
    padded, size, stride = _padded(node, image)
    samples, height, width, channels = padded.array.shape
    if ((leaf < 0) | (leaf >= size[0] * size[1] * channels)).any():
        raise InputError(f"its leaves must be numbers in a window of {size[0]} x {size[1]} x {channels} signals")
    cell, channel = np.divmod(leaf, channels)
    first = (cell // size[1] * width + cell % size[1]) * channels + channel
    rows, columns = ((side - long) // step + 1 for side, long, step in zip((height, width), size, stride, strict=True))
    place = (np.arange(rows)[:, None] * stride[0] * width + np.arange(columns) * stride[1]) * channels
    node.room.check(samples * place.size * leaf.size)
    flat = replace(padded, array=padded.array.reshape(samples, -1), samples=padded.samples[:2])
    values = flat.taken(place.reshape(-1, 1, 1) + first.reshape(len(leaf), -1), 1)  # [samples, places, kernels, leaves]
    tables, done = ids(entry.astype(np.uint8)), 0
    while values.array.shape[-1] > 1:
        a, b = (replace(values, array=values.array[..., side::2]) for side in range(2))
        values = node.gates.add(tables[:, done : done + a.array.shape[-1]], a, b)
        done += a.array.shape[-1]
    roots = values.array.reshape(samples, rows, columns, len(leaf))
    return [replace(values, array=roots, element=table.element)]


def _padded(node: Node, image: Value) -> tuple[Value, Sequence[int], Sequence[int]]:
    """The image with its padding; rows and columns of the window, and of its steps."""
    if len(image.samples) != 4:
        raise InputError(f"its image has {len(image.samples)} axes; it must have samples, rows, columns and channels")
    for axis in (1, 2, 3):
        image.signal_axis(axis)
    size = node.listed("kernel_shape", _INPUTS) or []
    stride, pads = node.listed("strides", _INPUTS) or [1, 1], node.listed("pads", _INPUTS) or [0, 0, 0, 0]
    if (len(size), len(stride), len(pads)) != (2, 2, 4) or min(*size, *stride) < 1 or min(pads) < 0:
        raise InputError(
            f"its window is {size} with the strides {stride} and the pads {pads}; it must be of rows and columns"
        )
    samples, height, width, channels = image.array.shape
    sides = (height + pads[0] + pads[2], width + pads[1] + pads[3])
    if size[0] > sides[0] or size[1] > sides[1]:
        raise InputError(f"a window of {size[0]} x {size[1]} does not fit into its image of {sides[0]} x {sides[1]}")
    node.room.check(samples * sides[0] * sides[1] * channels)
    zero = node.gates.signals(Value.of(np.zeros((), np.uint8), image.element)).array
    around = ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0))
    return replace(image, array=np.pad(image.array, around, constant_values=zero)), size, stride
