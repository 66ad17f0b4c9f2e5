"""Bits: packed bits of the last layer, one element a bit."""

from __future__ import annotations

from typing import Final

from onnx import NodeProto, TensorProto

from lgn_edge.network import Bits, Head
from lgn_edge.onnx_model.domain import OUTPUT_BITS
from lgn_edge.onnx_model.inference import InferenceContext, dims, same, sample_count, set_output, words_of
from lgn_edge.onnx_model.ops.op import BOOL, INT64, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

OUTPUTS: Final = (OUTPUT_BITS,)

_BODY: Final = f"""
  axis0 = Constant <value_ints = [0]> ()
  column = Constant <value_ints = [2]> ()
  one = Constant <value = uint64 {{1}}> ()
  shift = Constant <value = uint64[64] {{{", ".join(map(str, range(64)))}}}> ()
  unsigned = Cast <to = 13> (words)
  by_word = Unsqueeze (unsigned, column)
  shifted = BitShift <direction = "RIGHT"> (by_word, shift)
  lowest = BitwiseAnd (shifted, one)
  padded_bits = Cast <to = 9> (lowest)
  signals = Shape <start = 0, end = 1> (words)
  n_words = Shape <start = 1, end = 2> (words)
  word = Constant <value_ints = [64]> ()
  n_padded = Mul (n_words, word)
  rows_shape = Concat <axis = 0> (signals, n_padded)
  rows = Reshape <allowzero = 1> (padded_bits, rows_shape)
  by_sample = Transpose <perm = [1, 0]> (rows)
  bits = Slice (by_sample, axis0, n, axis0)
"""


def _infer(context: InferenceContext) -> None:
    signals, words = dims(context, 0, 2)
    samples = sample_count(context, 1)
    same(context, words, words_of(samples))
    set_output(context, 0, TensorProto.BOOL, [samples, signals])


OP: Final = Op(
    name="Bits",
    doc="Element [s, i] is the bit of sample s in row i.",
    inputs=(
        Parameter("words", INT64, "[M, W] packed bits; those behind the last sample are not read"),
        Parameter("n", INT64, "[1] samples, at most 64 * W and more than 64 * (W - 1)"),
    ),
    outputs=(Parameter("bits", BOOL, "[n, M] the bits"),),
    infer=_infer,
    body=_BODY,
)


def node(head: Head, name: str, words: str, n: str) -> NodeProto:
    """The node `name`, whose output is that of the model."""
    return OP.node(name, [words, n], OUTPUTS)


def head(view: NodeView, n_inputs: int) -> Bits:
    """The head that a node describes, reading n_inputs signals."""
    view.expect(inputs=2, outputs=1, attributes={})
    with view.explained():
        return Bits(n_inputs)
