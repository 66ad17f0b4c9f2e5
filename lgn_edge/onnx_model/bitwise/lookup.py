"""LookupTable of QONNX: gates by their tables."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import Value
from lgn_edge.onnx_model.qonnx import ids


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
