"""LookupTableConv: a convolution, or a pool, by trees of look-up tables, over images with the channels last.

A leaf is a number, `(row * columns + column) * channels + channel` in the window. The nodes of a tree are in our order:
those that read leaves, then level by level up to the root, each reading two neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import FunctionProto, parser

from lgn_edge.network import LogicConv2d, OrPool2d
from lgn_edge.network.convolution import Window
from lgn_edge.network.layers import Int32Array
from lgn_edge.network.truth_table import OR, UInt8Array
from lgn_edge.onnx_model.ops import image
from lgn_edge.onnx_model.qonnx.domain import DOMAIN, OPSET

OP: Final = "LookupTableConv"

# For images of two dimensions, trees of one level or more, and tables of uint8.
_BODY: Final = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
{OP} <tree_depth, kernel_shape, strides, pads> (X, indices, table) => (Y)
{{
  zero = Constant <value_int = 0> ()
  one = Constant <value_int = 1> ()
  two = Constant <value_int = 2> ()
  zeros = Constant <value_ints = [0]> ()
  ones = Constant <value_ints = [1]> ()
  twos = Constant <value_ints = [2]> ()
  fours = Constant <value_ints = [4]> ()
  all = Constant <value_ints = [-1]> ()
  row_shape = Constant <value_ints = [1, -1]> ()
  column_shape = Constant <value_ints = [-1, 1]> ()
  depth = Constant <value_int: int = @tree_depth> ()
  size = Constant <value_ints: ints = @kernel_shape> ()
  stride = Constant <value_ints: ints = @strides> ()
  padding = Constant <value_ints: ints = @pads> ()
  before = Slice (padding, zeros, twos)
  behind = Slice (padding, twos, fours)
  around = Concat <axis = 0> (zeros, before, zeros, zeros, behind, zeros)
  padded = Pad (X, around)
  samples = Shape <start = 0, end = 1> (padded)
  sides = Shape <start = 1, end = 3> (padded)
  height = Shape <start = 1, end = 2> (padded)
  width = Shape <start = 2, end = 3> (padded)
  channels = Shape <start = 3, end = 4> (padded)
  signals_of_row = Mul (width, channels)
  signals = Mul (height, signals_of_row)
  flat_shape = Concat <axis = 0> (samples, signals)
  flat = Reshape <allowzero = 1> (padded, flat_shape)
  room = Sub (sides, size)
  steps = Div (room, stride)
  places = Add (steps, ones)
  places_down = Slice (places, zeros, ones)
  places_right = Slice (places, ones, twos)
  outputs = Mul (places_down, places_right)

  index = Cast <to = 7> (indices)
  channel = Mod (index, channels)
  cell = Div (index, channels)
  size_columns = Slice (size, ones, twos)
  cell_column = Mod (cell, size_columns)
  cell_row = Div (cell, size_columns)
  down_to_cell = Mul (cell_row, signals_of_row)
  right_to_cell = Mul (cell_column, channels)
  to_cell = Add (down_to_cell, right_to_cell)
  leaf = Add (to_cell, channel)
  leaf_row = Reshape (leaf, row_shape)
  stride_down = Slice (stride, zeros, ones)
  stride_right = Slice (stride, ones, twos)
  signals_down = Mul (stride_down, signals_of_row)
  signals_right = Mul (stride_right, channels)
  {image.MOVED}
  place_column = Reshape (moved, column_shape)
  signal = Add (place_column, leaf_row)
  seen = Gather <axis = 1> (flat, signal)
  bits = Cast <to = 7> (seen)

  kernels = Shape <start = 0, end = 1> (indices)
  groups = Shape <start = 1, end = 2> (indices)
  fan_in = Shape <start = 2, end = 3> (indices)
  entries = Shape <start = 2, end = 3> (table)
  leaves = Mul (groups, fan_in)
  leaves_shape = Concat <axis = 0> (samples, outputs, kernels, leaves)
  by_kernel = Reshape <allowzero = 1> (bits, leaves_shape)
  slots_end = Squeeze (fan_in)
  slot = Range (zero, slots_end, one)
  weight = Pow (two, slot)
  begun = Cast <to = 9> (one)
  roots, nodes = Loop <body = level (int64 i, bool begun_, int64[] values, int64[1] first)
      => (bool more, int64[] found, int64[1] last) {{
    more = Identity (begun_)
    n_values = Shape <start = 3, end = 4> (values)
    count = Div (n_values, fan_in)
    last = Add (first, count)
    digits_shape = Concat <axis = 0> (samples, outputs, kernels, count, fan_in)
    digits = Reshape <allowzero = 1> (values, digits_shape)
    weighted = Mul (digits, weight)
    address = ReduceSum <keepdims = 0> (weighted, fours)
    tables = Slice (table, first, last, ones)
    entry = Reshape (tables, all)
    n_tables = Mul (kernels, count)
    tables_end = Squeeze (n_tables)
    number = Range (zero, tables_end, one)
    start = Mul (number, entries)
    start_shape = Concat <axis = 0> (kernels, count)
    start_of_node = Reshape (start, start_shape)
    position = Add (address, start_of_node)
    looked_up = Gather <axis = 0> (entry, position)
    found = Cast <to = 7> (looked_up)
  }}> (depth, begun, by_kernel, zeros)
  result_shape = Concat <axis = 0> (samples, places_down, places_right, kernels)
  result = Reshape <allowzero = 1> (roots, result_shape)
  Y = Cast <to = 2> (result)
}}
"""


def function() -> FunctionProto:
    """LookupTableConv in standard ops, for runtimes without the domain."""
    return parser.parse_function(_BODY)


@dataclass(frozen=True)
class Trees:
    """What a node computes.

    Attributes:
        indices: int32 [kernels, leaves / 2, 2], the leaves as numbers in the window.
        table: uint8 [kernels, leaves - 1], table ids.
    """

    indices: Int32Array
    table: UInt8Array

    @classmethod
    def of_convolution(cls, convolution: LogicConv2d) -> Trees:
        """The trees of a convolution."""
        return cls(_indices(convolution.leaf, convolution.window), convolution.table)

    @classmethod
    def of_pool(cls, pool: OrPool2d) -> Trees:
        """A tree a channel that ORs the cells of the window; the last one often enough that their number is right."""
        rows, columns = pool.window.size
        cell = np.minimum(np.arange(leaves_of_pool(pool)), rows * columns - 1)
        leaf = np.empty((pool.channels, len(cell), 3), np.int32)
        leaf[:, :, 0] = np.arange(pool.channels)[:, None]
        leaf[:, :, 1:] = np.stack(np.divmod(cell, columns), axis=1)
        return cls(_indices(leaf, pool.window), np.full((pool.channels, len(cell) - 1), OR, np.uint8))


def leaves_of_pool(pool: OrPool2d) -> int:
    """The leaves of the tree of a pool: a power of two."""
    rows, columns = pool.window.size
    return 1 << max(1, (rows * columns - 1).bit_length())


def attributes(window: Window, leaves: int) -> dict[str, Any]:
    """The attributes of a node whose trees have so many leaves."""
    return {
        "tree_depth": leaves.bit_length() - 1,
        "kernel_shape": window.size,
        "strides": window.stride,
        "pads": 2 * window.padding,
    }


def leaf(indices: NDArray[Any], window: Window) -> Int32Array:
    """Channel, row and column int32 [kernels, leaves, 3] of numbers in a window."""
    cell, channel = np.divmod(indices.reshape(len(indices), -1), window.channels)
    return np.stack([channel, *np.divmod(cell, window.size[1])], axis=2).astype(np.int32)


def _indices(leaf: Int32Array, window: Window) -> Int32Array:
    """The inverse of `leaf`."""
    channel, row, column = np.moveaxis(leaf, 2, 0)
    number = (row * window.size[1] + column) * window.channels + channel
    return np.asarray(number.reshape(len(number), -1, 2), np.int32)
