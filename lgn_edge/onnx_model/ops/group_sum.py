"""GroupSum: packed bits of the last layer to scores and logits."""

from __future__ import annotations

from typing import Final

from onnx import AttributeProto, NodeProto, TensorProto, defs, helper
from onnx.shape_inference import InferenceError

from lgn_edge.network import GroupSum
from lgn_edge.onnx_model.domain import DOMAIN, LOGITS, SCORES
from lgn_edge.onnx_model.inference import InferenceContext, dims, integer, same, sample_count, set_output, words_of
from lgn_edge.onnx_model.ops.op import FLOAT32, INT32, INT64, Attribute, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

# Eight shifts and a mask leave one bit in each byte of a 32-bit half word. Blocks of at most 127 rows are added as
# plain int32 (no byte overflows, the sign is never reached), then the bytes are split and the blocks added.
# Sample 32*h + 8*byte + shift is bit (8*byte + shift) of half h. ReduceSum of int64 is not exact in ONNX Runtime.
_BODY: Final = """
  axis0 = Constant <value_ints = [0]> ()
  axis2 = Constant <value_ints = [2]> ()
  axis3 = Constant <value_ints = [3]> ()
  one = Constant <value_ints = [1]> ()
  two = Constant <value_ints = [2]> ()
  signals = Shape <start = 0, end = 1> (words)
  n_words = Shape <start = 1, end = 2> (words)
  n_halves = Mul (n_words, two)
  k_number = Constant <value_int: int = @classes> ()
  k = Unsqueeze (k_number, axis0)
  group = Div (signals, k)

  unsigned = Cast <to = 13> (words)
  low_bits = Constant <value = uint64 {4294967295}> ()
  half = Constant <value = uint64 {32}> ()
  low_word = BitwiseAnd (unsigned, low_bits)
  high_word = BitShift <direction = "RIGHT"> (unsigned, half)
  low = Cast <to = 12> (low_word)
  high = Cast <to = 12> (high_word)
  low_column = Unsqueeze (low, axis2)
  high_column = Unsqueeze (high, axis2)
  halves = Concat <axis = 2> (low_column, high_column)

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

  shift = Constant <value = uint32[8, 1, 1, 1, 1] {0, 1, 2, 3, 4, 5, 6, 7}> ()
  bit_a_byte = Constant <value = uint32 {16843009}> ()
  shifted = BitShift <direction = "RIGHT"> (rows, shift)
  masked = BitwiseAnd (shifted, bit_a_byte)
  bytes = Cast <to = 6> (masked)
  block_bytes = ReduceSum <keepdims = 0> (bytes, axis3)

  byte_shift = Constant <value = uint32[4, 1, 1, 1, 1] {0, 8, 16, 24}> ()
  byte = Constant <value = uint32 {255}> ()
  block_unsigned = Cast <to = 12> (block_bytes)
  block_shifted = BitShift <direction = "RIGHT"> (block_unsigned, byte_shift)
  block_masked = BitwiseAnd (block_shifted, byte)
  block_sums = Cast <to = 6> (block_masked)
  sums = ReduceSum <keepdims = 0> (block_sums, axis3)

  by_sample = Transpose <perm = [3, 0, 1, 2]> (sums)
  word = Constant <value_ints = [64]> ()
  n_padded = Mul (n_words, word)
  scores_shape = Concat <axis = 0> (n_padded, k)
  all_scores = Reshape <allowzero = 1> (by_sample, scores_shape)
  scores = Slice (all_scores, axis0, n, axis0)

  scores_float = Cast <to = 1> (scores)
  beta_number = Constant <value_float: float = @beta> ()
  tau_number = Constant <value_float: float = @tau> ()
  moved = Add (scores_float, beta_number)
  logits = Div (moved, tau_number)
"""


def _infer(context: InferenceContext) -> None:
    signals, words = dims(context, 0, 2)
    classes = integer(context, "classes")
    if classes < 1 or (isinstance(signals, int) and signals % classes):
        raise InferenceError(f"{context.get_display_name()}: {classes} classes do not divide {signals} signals")
    samples = sample_count(context, 1)
    same(context, words, words_of(samples))
    set_output(context, 0, TensorProto.INT32, [samples, classes])
    set_output(context, 1, TensorProto.FLOAT, [samples, classes])


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
    return helper.make_node(
        OP.name,
        [words, n],
        [SCORES, LOGITS],
        name,
        domain=DOMAIN,
        classes=head.classes,
        tau=head.tau,
        beta=head.beta,
    )


def head(view: NodeView, n_inputs: int) -> GroupSum:
    """The head that a node describes, reading n_inputs signals."""
    view.expect(
        inputs=2,
        outputs=2,
        attributes={"classes": AttributeProto.INT, "tau": AttributeProto.FLOAT, "beta": AttributeProto.FLOAT},
    )
    value = view.attributes()
    with view.explained():
        return GroupSum(n_inputs, value["classes"].i, value["tau"].f, value["beta"].f)
