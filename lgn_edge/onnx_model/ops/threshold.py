"""Threshold: features of samples to packed bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from lgn_edge.network import Threshold
from lgn_edge.onnx_model.inference import InferenceContext, dims, length, set_output, words_of
from lgn_edge.onnx_model.ops.op import BOOL, FLOAT32, INT32, INT64, UINT8, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

# `WORDS`, then what makes `values` [bits, N] of `x`, then `PACKED`: the body of an op that encodes.
# The bits of a signal are numbers 0 or 1 in a row; sixteen neighbours become one number by a product with the powers of
# two, which float32 holds exactly, and four such numbers become a word by unsigned shifts.
WORDS: Final = """
  n = Shape <start = 0, end = 1> (x)
  signals = Shape (feature)
  word = Constant <value_ints = [64]> ()
  last = Constant <value_ints = [63]> ()
  n_rounded = Add (n, last)
  n_words = Div (n_rounded, word)
  n_padded = Mul (n_words, word)
  n_missing = Sub (n_padded, n)
"""
PACKED: Final = """
  column = Constant <value_ints = [1]> ()
  limits = Unsqueeze (threshold, column)
  above = Greater (values, limits)

  no_padding = Constant <value_ints = [0, 0, 0]> ()
  padding = Concat <axis = 0> (no_padding, n_missing)
  padded_bits = Pad (above, padding)
  padded = Cast <to = 1> (padded_bits)
  quarters = Constant <value_ints = [4, 16]> ()
  quarters_shape = Concat <axis = 0> (signals, n_words, quarters)
  by_quarter = Reshape <allowzero = 1> (padded, quarters_shape)
  place = Constant <value = float[16, 1]
    {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768}> ()
  sums = MatMul (by_quarter, place)
  unsigned = Cast <to = 13> (sums)
  shift = Constant <value = uint64[4, 1] {0, 16, 32, 48}> ()
  placed = BitShift <direction = "LEFT"> (unsigned, shift)
  quarter0, quarter1, quarter2, quarter3 = Split <axis = 2, num_outputs = 4> (placed)
  low = BitwiseOr (quarter0, quarter1)
  high = BitwiseOr (quarter2, quarter3)
  whole = BitwiseOr (low, high)
  words_shape = Concat <axis = 0> (signals, n_words)
  unsigned_words = Reshape <allowzero = 1> (whole, words_shape)
  words = Cast <to = 7> (unsigned_words)
"""
_BODY: Final = f"""
  {WORDS}
  by_feature = Transpose <perm = [1, 0]> (x)
  watched = Gather <axis = 0> (by_feature, feature)
  values = Cast <to = 1> (watched)
  {PACKED}
"""


def _infer(context: InferenceContext) -> None:
    samples, _ = dims(context, 0, 2)
    set_output(context, 0, TensorProto.INT64, [length(context, 1, 2), words_of(samples)])


OP: Final = Op(
    name="Threshold",
    doc="Bit i of a sample is `float32(x[feature[i]]) > threshold[i]`, 0 for NaN. Sample s is bit `s % 64` of word"
    " `s // 64`, least significant first; the bits behind the last sample are 0.",
    inputs=(
        Parameter("x", "T", "[N, F] samples, row by row; any N, 0 included"),
        Parameter("feature", INT32, "[B] the feature that each bit watches, 0..F-1"),
        Parameter("threshold", FLOAT32, "[B] the number that the feature must exceed"),
    ),
    outputs=(Parameter("words", INT64, "[B, ceil(N / 64)] packed bits"),),
    types=(("T", (FLOAT32, UINT8, BOOL)),),
    infer=_infer,
    body=_BODY,
)

_ELEMENT: Final = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}
_INPUT_DTYPE: Final[dict[int, str]] = {int(element): dtype for dtype, element in _ELEMENT.items()}


def constants(encoder: Threshold, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of the node `name`, in the order of its inputs."""
    return {f"{name}.feature": encoder.feature, f"{name}.threshold": encoder.threshold}


def node(encoder: Threshold, name: str, samples: str) -> NodeProto:
    """The node `name`, whose output has the same name."""
    return OP.node(name, [samples, *constants(encoder, name)])


def layer(view: NodeView, element: int, n_features: int) -> Threshold:
    """The encoder that a node describes, for samples of that element type and width."""
    view.expect(inputs=3, outputs=1, attributes={})
    if element not in _INPUT_DTYPE:
        raise view.error(f"the samples have the element type {element}; use {' or '.join(_ELEMENT)}")
    with view.explained():
        return Threshold(n_features, view.constant(1, np.int32), view.constant(2, np.float32), _INPUT_DTYPE[element])
