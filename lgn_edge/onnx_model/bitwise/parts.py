"""Ops that take, choose, repeat or join elements; constants say which."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Final

import numpy as np
from onnx import TensorProto

from lgn_edge.errors import InputError
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import SIGNALS, Value, broadcast, check_one_type, concatenated

_SPLITS_UNEVENLY: Final = 18  # before it, parts that are not named are equal
_OPEN_END: Final = 2**31 - 1  # or more: what exporters write for "to the end"


def concat(node: Node) -> list[Value]:
    """Concat."""
    parts = node.together(*range(len(node.inputs)))
    node.room.check(sum(part.array.size for part in parts))
    return [concatenated(parts, node.attribute("axis", 0))]


def expand(node: Node) -> list[Value]:
    """Expand: axes of size 1 are repeated."""
    value = node.value(0)
    repeated, _ = broadcast([value, node.spread(np.zeros((), np.int64), value.element, 1)])
    return [repeated]


def gather(node: Node) -> list[Value]:
    """Gather: elements of an axis by their numbers."""
    value, index = node.value(0), node.integers(1)
    axis = value.signal_axis(node.attribute("axis", 0))
    n = value.array.shape[axis]
    if ((index < -n) | (index >= n)).any():
        raise InputError(f"its indices must be numbers in the {n} signals it reads")
    node.room.check(prod(value.array.shape[:axis] + value.array.shape[axis + 1 :]) * index.size)
    return [value.taken(index, axis)]


def slice_(node: Node) -> list[Value]:
    """Slice."""
    value = node.value(0)
    starts, stops, axes, steps = (node.listed(name, i) for i, name in enumerate(("starts", "ends", "axes", "steps"), 1))
    if starts is None or stops is None:
        raise InputError("it must have constant starts and ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(stops) == len(axes) == len(steps) or 0 in steps:
        raise InputError(f"it cuts from {starts} to {stops} by {steps} along the axes {axes}; a step is not 0")
    rank = len(value.samples)
    if len({axis % max(rank, 1) for axis in axes}) != len(axes):
        raise InputError(f"it cuts along the axes {axes}; each must be named once")
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        is_whole = (start, step) == (0, 1) and stop >= _OPEN_END and -rank <= axis < rank
        if not is_whole:  # of samples, too, all may be taken
            value = value.sliced(value.signal_axis(axis), start, stop, step)
    return [value]


def split(node: Node) -> list[Value]:
    """Split."""
    value, parts = node.value(0), len(node.proto.output)
    axis = value.signal_axis(node.attribute("axis", 0))
    n = value.array.shape[axis]
    sizes = node.listed("split", 1)
    if node.attribute("num_outputs", parts) != parts:
        raise InputError(f"it says another number of outputs than the {parts} that it has")
    if sizes is None:
        size = -(-n // max(parts, 1))
        sizes = [size] * (parts - 1)
        sizes.append(n - sum(sizes))
        if node.opset < _SPLITS_UNEVENLY and n % max(parts, 1):
            raise InputError(f"it splits {n} signals into {parts} equal parts, which cannot be")
    if len(sizes) != parts or min(sizes, default=-1) < 0 or sum(sizes) != n:
        raise InputError(f"it splits {n} signals into {sizes} for {parts} outputs")
    return value.split(sizes, axis)


def tile(node: Node) -> list[Value]:
    """Tile: the whole is repeated along each axis."""
    value, times = node.value(0), node.integers(1)
    kinds = value.samples
    if times.shape != (len(kinds),) or (times < 0).any():
        raise InputError(f"it repeats {len(kinds)} axes {times.tolist()} times; give a number for each")
    if any(kind != SIGNALS and number != 1 for kind, number in zip(kinds, times, strict=True)):
        raise InputError("it repeats samples; a circuit sees one")
    node.room.check(value.array.size * prod(times.tolist()))
    return [replace(value, array=np.tile(value.array, times.tolist()))]


def where(node: Node) -> list[Value]:
    """Where: a constant says of which value each element is."""
    condition = node.value(0)
    if not condition.known or condition.element != TensorProto.BOOL:
        name = node.proto.input[0]
        raise InputError(
            f"its condition {name!r} must be a constant of bool; write one that is computed as gates, (c and x) or"
            " (not c and y)"
        )
    values = node.together(1, 2)
    check_one_type(values)
    condition, x, y = broadcast([condition, *values])
    node.room.check(x.array.size)
    return [replace(x, array=np.where(condition.array, x.array, y.array))]
