"""OrPool2d: the OR of a window at every place of an image of packed bits."""

from __future__ import annotations

from typing import Any, Final

from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from lgn_edge.network import OrPool2d
from lgn_edge.onnx_model.inference import InferenceContext, dims, set_output
from lgn_edge.onnx_model.ops import image
from lgn_edge.onnx_model.ops.op import INT64, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

# For each cell of the window, what it sees at all places: a slice of the image with the stride as its step.
_BODY: Final = f"""
  {image.PADDED}
  axes = Constant <value_ints = [1, 2]> ()
  reach = Mul (steps, stride)
  span = Add (reach, one)
  size_rows, size_columns = Split <num_outputs = 2> (size)
  cells_row = Mul (size_rows, size_columns)
  cells = Squeeze (cells_row)
  number = Constant <value_int = 1> ()
  begun = Cast <to = 9> (number)
  ored_shape = Concat <axis = 0> (channels, places, n_words)
  nothing = ConstantOfShape <value = int64[1] {{0}}> (ored_shape)
  ored = Loop <body = cell (int64 i, bool begun_, int64[] before) => (bool more, int64[] after) {{
    more = Identity (begun_)
    cell_number = Unsqueeze (i, zero)
    row = Div (cell_number, size_columns)
    column = Mod (cell_number, size_columns)
    first = Concat <axis = 0> (row, column)
    last = Add (first, span)
    seen = Slice (padded, first, last, axes, stride)
    after = BitwiseOr (before, seen)
  }}> (cells, begun, nothing)
  places_down, places_right = Split <num_outputs = 2> (places)
  places_of_channel = Mul (places_down, places_right)
  outputs = Mul (channels, places_of_channel)
  result_shape = Concat <axis = 0> (outputs, n_words)
  result = Reshape <allowzero = 1> (ored, result_shape)
"""


def _infer(context: InferenceContext) -> None:
    window = image.window(context)
    rows, columns = window.places
    _, words = dims(context, 0, 2)
    set_output(context, 0, TensorProto.INT64, [window.channels * rows * columns, words])


OP: Final = Op(
    name="OrPool2d",
    doc="Row `(c * rows + y) * columns + x` of the result is the OR of the cells of channel c in the window at the"
    " place (y, x), bit by bit.",
    inputs=(
        Parameter(
            "words", INT64, "[channels * height * width, W] packed bits of the image, plane by plane, row by row"
        ),
    ),
    outputs=(Parameter("result", INT64, "[channels * rows * columns, W] packed bits"),),
    attributes=image.ATTRIBUTES,
    infer=_infer,
    body=_BODY,
)


def constants(pool: OrPool2d, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of the node `name`: none."""
    return {}


def node(pool: OrPool2d, name: str, words: str) -> NodeProto:
    """The node `name`, whose output has the same name."""
    return OP.node(name, [words], **image.attributes(pool))


def layer(view: NodeView, n_inputs: int) -> OrPool2d:
    """The layer that a node describes, reading n_inputs signals."""
    geometry = image.geometry(view, OP, n_inputs)
    with view.explained():
        return OrPool2d(**geometry)
