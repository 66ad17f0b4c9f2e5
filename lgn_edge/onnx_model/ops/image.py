"""What the ops over images share: attributes, the padded image in standard ops, and the way from a node to a window."""

from __future__ import annotations

from typing import Any, Final

from onnx import AttributeProto, defs
from onnx.shape_inference import InferenceError

from lgn_edge.errors import InputError
from lgn_edge.network import LogicConv2d, OrPool2d
from lgn_edge.network.convolution import Window
from lgn_edge.onnx_model.inference import InferenceContext, dims, integer, integers, same
from lgn_edge.onnx_model.ops.op import Attribute, Op
from lgn_edge.onnx_model.view import NodeView

_INT, _INTS = defs.OpSchema.AttrType.INT, defs.OpSchema.AttrType.INTS
_NUMBERS: Final = ("channels", "height", "width")
_PAIRS: Final = ("size", "stride", "padding")

ATTRIBUTES: Final = (
    Attribute("channels", _INT, "planes of the image"),
    Attribute("height", _INT, "rows of a plane"),
    Attribute("width", _INT, "columns of a plane"),
    Attribute("size", _INTS, "rows and columns of the window"),
    Attribute("stride", _INTS, "rows and columns from a place of the window to the next"),
    Attribute("padding", _INTS, "rows above and below the image, columns left and right of it: zeros"),
)

# `padded` is the image [channels, rows, columns, W] with its padding; `steps` and `places` are those of the window,
# rows and columns.
PADDED: Final = """
  zero = Constant <value_ints = [0]> ()
  one = Constant <value_ints = [1]> ()
  channels_number = Constant <value_int: int = @channels> ()
  height_number = Constant <value_int: int = @height> ()
  width_number = Constant <value_int: int = @width> ()
  channels = Unsqueeze (channels_number, zero)
  height = Unsqueeze (height_number, zero)
  width = Unsqueeze (width_number, zero)
  size = Constant <value_ints: ints = @size> ()
  stride = Constant <value_ints: ints = @stride> ()
  padding = Constant <value_ints: ints = @padding> ()
  n_words = Shape <start = 1, end = 2> (words)
  image_shape = Concat <axis = 0> (channels, height, width, n_words)
  image = Reshape <allowzero = 1> (words, image_shape)
  around = Concat <axis = 0> (zero, padding, zero, zero, padding, zero)
  padded = Pad (image, around)
  sides = Concat <axis = 0> (height, width)
  padded_once = Add (sides, padding)
  padded_sides = Add (padded_once, padding)
  room = Sub (padded_sides, size)
  steps = Div (room, stride)
  places = Add (steps, one)
"""

# `moved` [places_down, places_right] is how far a place lies behind the first one, in signals. Given are `places_down`,
# `places_right`, `signals_down` and `signals_right`, from a place to the next, all [1].
MOVED: Final = """
  from_number = Constant <value_int = 0> ()
  by_number = Constant <value_int = 1> ()
  columns_axis = Constant <value_ints = [1]> ()
  down_end = Squeeze (places_down)
  right_end = Squeeze (places_right)
  down = Range (from_number, down_end, by_number)
  right = Range (from_number, right_end, by_number)
  moved_down = Mul (down, signals_down)
  moved_right = Mul (right, signals_right)
  moved_down_column = Unsqueeze (moved_down, columns_axis)
  moved = Add (moved_down_column, moved_right)
"""


def attributes(layer: LogicConv2d | OrPool2d) -> dict[str, Any]:
    """The attributes of the node of a layer."""
    return {name: getattr(layer.window, name) for name in (*_NUMBERS, *_PAIRS)}


def geometry(view: NodeView, op: Op, n_inputs: int) -> dict[str, Any]:
    """The attributes of a node that reads n_inputs signals, by the names of the layer's fields.

    Raises:
        InputError: the node has other inputs, outputs or attributes than the op, or its image is not what it reads.
    """
    view.expect(len(op.inputs), len(op.outputs), op.kinds)
    found = view.attributes()
    numbers = {name: found[name].i for name in _NUMBERS}
    pairs = {name: _pair(view, found[name]) for name in _PAIRS}
    channels, height, width = numbers.values()
    if channels * height * width != n_inputs:
        raise view.error(f"its image has {channels} x {height} x {width} signals; it reads {n_inputs}")
    return numbers | pairs


def window(context: InferenceContext) -> Window:
    """The window of a node.

    Raises:
        InferenceError: its attributes are no window over an image, or its image is not what it reads.
    """
    channels, height, width = (integer(context, name) for name in _NUMBERS)
    size, stride, padding = (integers(context, name, 2) for name in _PAIRS)
    node = context.get_display_name()
    try:
        found = Window(channels, height, width, size, stride, padding, node)  # type: ignore[arg-type] # two each
    except InputError as error:
        raise InferenceError(str(error)) from error
    same(context, dims(context, 0, 2)[0], found.n_inputs)
    return found


def _pair(view: NodeView, attribute: AttributeProto) -> tuple[int, int]:
    if len(attribute.ints) != 2:
        raise view.error(f"the attribute {attribute.name} has {len(attribute.ints)} numbers; give rows and columns")
    return attribute.ints[0], attribute.ints[1]
