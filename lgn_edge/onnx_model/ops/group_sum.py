"""GroupSum: packed bits of the last layer to scores and logits."""

from __future__ import annotations

from typing import Final

from onnx import NodeProto, TensorProto, defs

from lgn_edge.network import GroupSum
from lgn_edge.onnx_model.domain import LOGITS, SCORES
from lgn_edge.onnx_model.inference import (
    InferenceContext,
    check_classes,
    dims,
    integer,
    same,
    sample_count,
    set_output,
    words_of,
)
from lgn_edge.onnx_model.ops.op import FLOAT32, INT32, INT64, Attribute, Op, Parameter
from lgn_edge.onnx_model.view import NodeView


def _full_adder(name: str, x: str, y: str, z: str) -> str:
    """Three bits of one weight as NAME_sum of the same weight and NAME_carry of the double."""
    return f"""
  {name}_either = BitwiseXor ({x}, {y})
  {name}_both = BitwiseAnd ({x}, {y})
  {name}_sum = BitwiseXor ({name}_either, {z})
  {name}_third = BitwiseAnd ({name}_either, {z})
  {name}_carry = BitwiseOr ({name}_both, {name}_third)"""


def _round(name: str, rows: str, lead: str) -> str:
    """Rows [lead, group, W] as NAME_rows [3 * lead, ceil(group / 7), W] of the weights 1, 2 and 4: four full adders."""
    part = [f"{name}_part{i}" for i in range(7)]
    return f"""
  {name}_group = Shape <start = 1, end = 2> ({rows})
  {name}_rounded = Add ({name}_group, six)
  {name}_left = Div ({name}_rounded, seven)
  {name}_all = Mul ({name}_left, seven)
  {name}_missing = Sub ({name}_all, {name}_group)
  {name}_padding = Concat <axis = 0> (axis0, axis0, axis0, axis0, {name}_missing, axis0)
  {name}_padded = Pad ({rows}, {name}_padding)
  {name}_parts_shape = Concat <axis = 0> ({lead}, seven, {name}_left, n_words)
  {name}_parts = Reshape <allowzero = 1> ({name}_padded, {name}_parts_shape)
  {", ".join(part)} = Split <axis = 1, num_outputs = 7> ({name}_parts)
  {_full_adder(f"{name}_a", part[0], part[1], part[2])}
  {_full_adder(f"{name}_b", part[3], part[4], f"{name}_a_sum")}
  {_full_adder(f"{name}_c", part[5], part[6], f"{name}_b_sum")}
  {_full_adder(f"{name}_d", f"{name}_a_carry", f"{name}_b_carry", f"{name}_c_carry")}
  {name}_planes = Concat <axis = 1> ({name}_c_sum, {name}_d_sum, {name}_d_carry)
  {name}_lead = Mul ({lead}, three)
  {name}_rows_shape = Concat <axis = 0> ({name}_lead, {name}_left, n_words)
  {name}_rows = Reshape <allowzero = 1> ({name}_planes, {name}_rows_shape)"""


# Two rounds of adders leave 9 of 49 rows, with weights. Eight shifts and a mask leave one bit in each byte of a 32-bit
# half word. Blocks of at most 127 rows are added as plain int32 (no byte overflows, the sign is never reached), then
# the bytes are split, the blocks added, and the weighted sums.
# Sample 32*h + 8*byte + shift is bit (8*byte + shift) of half h. ReduceSum of int64 is not exact in ONNX Runtime.
_BODY: Final = f"""
  axis0 = Constant <value_ints = [0]> ()
  axis2 = Constant <value_ints = [2]> ()
  axis3 = Constant <value_ints = [3]> ()
  one = Constant <value_ints = [1]> ()
  two = Constant <value_ints = [2]> ()
  three = Constant <value_ints = [3]> ()
  six = Constant <value_ints = [6]> ()
  seven = Constant <value_ints = [7]> ()
  nine = Constant <value_ints = [9]> ()
  signals = Shape <start = 0, end = 1> (words)
  n_words = Shape <start = 1, end = 2> (words)
  n_halves = Mul (n_words, two)
  k_number = Constant <value_int: int = @classes> ()
  classes = Unsqueeze (k_number, axis0)
  all_group = Div (signals, classes)
  by_class_shape = Concat <axis = 0> (classes, all_group, n_words)
  by_class = Reshape <allowzero = 1> (words, by_class_shape)
  {_round("first", "by_class", "classes")}
  {_round("second", "first_rows", "first_lead")}
  k = Mul (classes, nine)
  group = Shape <start = 1, end = 2> (second_rows)

  unsigned = Cast <to = 13> (second_rows)
  low_bits = Constant <value = uint64 {{4294967295}}> ()
  half = Constant <value = uint64 {{32}}> ()
  low_word = BitwiseAnd (unsigned, low_bits)
  high_word = BitShift <direction = "RIGHT"> (unsigned, half)
  low = Cast <to = 12> (low_word)
  high = Cast <to = 12> (high_word)
  low_column = Unsqueeze (low, axis3)
  high_column = Unsqueeze (high, axis3)
  halves = Concat <axis = 3> (low_column, high_column)

  limit = Constant <value_ints = [127]> ()
  limit_1 = Constant <value_ints = [126]> ()
  group_limit = Add (group, limit_1)
  blocks = Div (group_limit, limit)
  blocks_1 = Sub (blocks, one)
  group_blocks = Add (group, blocks_1)
  block = Div (group_blocks, blocks)
  group_padded = Mul (blocks, block)
  missing = Sub (group_padded, group)
  groups_shape = Concat <axis = 0> (k, group, n_halves)
  groups = Reshape <allowzero = 1> (halves, groups_shape)
  no_padding = Constant <value_ints = [0, 0, 0, 0]> ()
  padding = Concat <axis = 0> (no_padding, missing, axis0)
  padded = Pad (groups, padding)
  blocks_shape = Concat <axis = 0> (k, blocks, block, n_halves)
  rows = Reshape <allowzero = 1> (padded, blocks_shape)

  shift = Constant <value = uint32[8, 1, 1, 1, 1] {{0, 1, 2, 3, 4, 5, 6, 7}}> ()
  bit_a_byte = Constant <value = uint32 {{16843009}}> ()
  shifted = BitShift <direction = "RIGHT"> (rows, shift)
  masked = BitwiseAnd (shifted, bit_a_byte)
  bytes = Cast <to = 6> (masked)
  block_bytes = ReduceSum <keepdims = 0> (bytes, axis3)

  byte_shift = Constant <value = uint32[4, 1, 1, 1, 1] {{0, 8, 16, 24}}> ()
  byte = Constant <value = uint32 {{255}}> ()
  block_unsigned = Cast <to = 12> (block_bytes)
  block_shifted = BitShift <direction = "RIGHT"> (block_unsigned, byte_shift)
  block_masked = BitwiseAnd (block_shifted, byte)
  block_sums = Cast <to = 6> (block_masked)
  sums = ReduceSum <keepdims = 0> (block_sums, axis3)

  by_sample = Transpose <perm = [3, 0, 1, 2]> (sums)
  word = Constant <value_ints = [64]> ()
  n_padded = Mul (n_words, word)
  planes_shape = Concat <axis = 0> (n_padded, classes, nine)
  all_planes = Reshape <allowzero = 1> (by_sample, planes_shape)
  planes = Slice (all_planes, axis0, n, axis0)
  weight = Constant <value = int32[9] {{1, 2, 4, 2, 4, 8, 4, 8, 16}}> ()
  weighted = Mul (planes, weight)
  scores = ReduceSum <keepdims = 0> (weighted, axis2)

  scores_float = Cast <to = 1> (scores)
  beta_number = Constant <value_float: float = @beta> ()
  tau_number = Constant <value_float: float = @tau> ()
  moved = Add (scores_float, beta_number)
  logits = Div (moved, tau_number)
"""


def _infer(context: InferenceContext) -> None:
    signals, words = dims(context, 0, 2)
    classes = integer(context, "classes")
    check_classes(context, classes, signals)
    samples = sample_count(context, 1)
    same(context, words, words_of(samples))
    set_output(context, 0, TensorProto.INT32, [samples, classes])
    set_output(context, 1, TensorProto.FLOAT, [samples, classes])


OUTPUTS: Final = (SCORES, LOGITS)

OP: Final = Op(
    name="GroupSum",
    doc="Class c counts the ones of each sample in its contiguous block of M / classes rows; `logits = (score + beta) /"
    " tau`, each operation rounded to float32.",
    inputs=(
        Parameter("words", INT64, "[M, W] packed bits; those behind the last sample are not read"),
        Parameter("n", INT64, "[1] samples, at most 64 * W and more than 64 * (W - 1)"),
    ),
    outputs=(
        Parameter("scores", INT32, "[n, classes] ones of each class"),
        Parameter("logits", FLOAT32, "[n, classes] scores moved and scaled"),
    ),
    attributes=(
        Attribute("classes", defs.OpSchema.AttrType.INT, "number of classes; divides M"),
        Attribute("tau", defs.OpSchema.AttrType.FLOAT, "positive scale of the logits"),
        Attribute("beta", defs.OpSchema.AttrType.FLOAT, "offset of the scores"),
    ),
    infer=_infer,
    body=_BODY,
)


def node(head: GroupSum, name: str, words: str, n: str) -> NodeProto:
    """The node `name`, whose outputs are those of the model."""
    return OP.node(name, [words, n], OUTPUTS, classes=head.classes, tau=head.tau, beta=head.beta)


def head(view: NodeView, n_inputs: int) -> GroupSum:
    """The head that a node describes, reading n_inputs signals."""
    view.expect(inputs=2, outputs=2, attributes=OP.kinds)
    value = view.attributes()
    with view.explained():
        return GroupSum(n_inputs, value["classes"].i, value["tau"].f, value["beta"].f)
