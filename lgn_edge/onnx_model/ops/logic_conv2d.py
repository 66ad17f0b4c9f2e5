"""LogicConv2d: kernels, trees of gates, at every place of an image of packed bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto
from onnx.shape_inference import InferenceError

from lgn_edge.network import LogicConv2d
from lgn_edge.network.convolution import MAX_DEPTH
from lgn_edge.onnx_model.inference import InferenceContext, dims, same, set_output
from lgn_edge.onnx_model.ops import image
from lgn_edge.onnx_model.ops.gates import coefficients, gates
from lgn_edge.onnx_model.ops.op import INT32, INT64, UINT8, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

# A leaf at a place is the signal of its cell in the window at the first place, moved by the place: an index each. Then
# the trees are evaluated level by level, all at once: the values of a level at even and at odd numbers are the inputs
# of the next.
_BODY: Final = f"""
  {image.PADDED}
  {coefficients("2, 3")}
  two = Constant <value_ints = [2]> ()
  all = Constant <value_ints = [-1]> ()
  padded_height, padded_width = Split <num_outputs = 2> (padded_sides)
  plane = Mul (padded_height, padded_width)
  signals = Mul (channels, plane)
  rows_shape = Concat <axis = 0> (signals, n_words)
  rows = Reshape <allowzero = 1> (padded, rows_shape)

  signals_of_cell = Concat <axis = 0> (plane, padded_width, one)
  cell = Cast <to = 7> (leaf)
  first_signal = MatMul (cell, signals_of_cell)
  signals_of_step = Concat <axis = 0> (padded_width, one)
  signals_of_stride = Mul (stride, signals_of_step)
  signals_down, signals_right = Split <num_outputs = 2> (signals_of_stride)
  places_down, places_right = Split <num_outputs = 2> (places)
  {image.MOVED}
  moved_row = Reshape (moved, all)
  first_signal_column = Unsqueeze (first_signal, two)
  signal = Add (first_signal_column, moved_row)
  leaves = Gather <axis = 0> (rows, signal)

  most_levels = Constant <value_int = {MAX_DEPTH}> ()
  begun = Cast <to = 9> (by_number)
  end = Constant <value_ints = [{2**MAX_DEPTH}]> ()
  roots, table_end = Loop <body = level (int64 i, bool begun_, int64[] values, int64[1] first)
      => (bool more, int64[] nodes, int64[1] last) {{
    words_a = Slice (values, zero, end, one, two)
    words_b = Slice (values, one, end, one, two)
    count = Shape <start = 1, end = 2> (words_a)
    several = Greater (count, one)
    more = Squeeze (several)
    last = Add (first, count)
    level_c0 = Slice (c0, first, last, one)
    level_ca = Slice (ca, first, last, one)
    level_cb = Slice (cb, first, last, one)
    level_cab = Slice (cab, first, last, one)
    {gates("level_c0", "level_ca", "level_cb", "level_cab", "nodes")}
  }}> (most_levels, begun, leaves, zero)

  kernels = Shape <start = 0, end = 1> (leaf)
  places_of_kernel = Mul (places_down, places_right)
  outputs = Mul (kernels, places_of_kernel)
  result_shape = Concat <axis = 0> (outputs, n_words)
  result = Reshape <allowzero = 1> (roots, result_shape)
"""


def _infer(context: InferenceContext) -> None:
    rows, columns = image.window(context).places
    kernels, leaves, axes = dims(context, 1, 3)
    same(context, axes, 3)
    of_table, nodes = dims(context, 2, 2)
    kernels = same(context, kernels, of_table)
    if isinstance(leaves, int):
        if not 2 <= leaves <= 2**MAX_DEPTH or leaves & (leaves - 1):
            raise InferenceError(f"{context.get_display_name()}: {leaves} leaves are no power of two from 2 on")
        same(context, nodes, leaves - 1)
    _, words = dims(context, 0, 2)
    set_output(context, 0, TensorProto.INT64, [kernels * rows * columns if isinstance(kernels, int) else None, words])


OP: Final = Op(
    name="LogicConv2d",
    doc="Row `(k * rows + y) * columns + x` of the result is kernel k at the place (y, x) of the window, bit by bit."
    " Node n of a kernel is the gate `table[k, n]`, as of LogicLayer, of the values 2n and 2n + 1; the first values are"
    " its leaves, cells of the window, then come the nodes in order. The last node is the result.",
    inputs=(
        Parameter(
            "words", INT64, "[channels * height * width, W] packed bits of the image, plane by plane, row by row"
        ),
        Parameter(
            "leaf", INT32, "[K, L, 3] channel, row and column of each leaf in the window; a constant initializer"
        ),
        Parameter("table", UINT8, "[K, L - 1] truth tables, 0..15; a constant initializer"),
    ),
    outputs=(Parameter("result", INT64, "[K * rows * columns, W] packed bits"),),
    attributes=image.ATTRIBUTES,
    infer=_infer,
    body=_BODY,
)


def constants(convolution: LogicConv2d, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of the node `name`, in the order of its inputs."""
    return {f"{name}.leaf": convolution.leaf, f"{name}.table": convolution.table}


def node(convolution: LogicConv2d, name: str, words: str) -> NodeProto:
    """The node `name`, whose output has the same name."""
    return OP.node(name, [words, *constants(convolution, name)], **image.attributes(convolution))


def layer(view: NodeView, n_inputs: int) -> LogicConv2d:
    """The layer that a node describes, reading n_inputs signals."""
    geometry = image.geometry(view, OP, n_inputs)
    with view.explained():
        leaf, table = view.constant(1, np.int32, rank=3), view.constant(2, np.uint8, rank=2)
        return LogicConv2d(leaf=leaf, table=table, **geometry)
