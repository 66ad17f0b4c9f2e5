"""Who reads which op."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lgn_edge.onnx_model.bitwise import constants, logic, lookup, moves, parts, shapes
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import Value
from lgn_edge.onnx_model.qonnx import CONV_OP as LOOKUP_CONV
from lgn_edge.onnx_model.qonnx import OP as LOOKUP

Handler = Callable[[Node], list[Value]]

MOVES: Final[Mapping[str, Handler]] = {
    "Cast": moves.cast,
    "Concat": parts.concat,
    "Constant": constants.constant,
    "ConstantOfShape": shapes.constant_of_shape,
    "Expand": parts.expand,
    "Flatten": moves.flatten,
    "Gather": parts.gather,
    "Identity": moves.identity,
    "Reshape": moves.reshape,
    "Shape": shapes.shape,
    "Slice": parts.slice_,
    "Split": parts.split,
    "Squeeze": moves.squeeze,
    "Tile": parts.tile,
    "Transpose": moves.transpose,
    "Unsqueeze": moves.unsqueeze,
    "Where": parts.where,
}
GATES: Final[Mapping[str, Handler]] = {
    **{op: logic.complement if op.endswith("Not") else logic.binary for op in (*logic.LOGICAL, *logic.BITWISE)},
    LOOKUP: lookup.lookup,
    LOOKUP_CONV: lookup.convolution,
}
