"""LogicCircuit and LogicCircuitDifference: a whole network that hands out bits, in one node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from onnx import TensorProto

from lgn_edge.network import Bits
from lgn_edge.onnx_model.domain import OUTPUT_BITS
from lgn_edge.onnx_model.inference import InferenceContext, set_output
from lgn_edge.onnx_model.ops import whole
from lgn_edge.onnx_model.ops.op import BOOL, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

OUTPUTS: Final = (OUTPUT_BITS,)


def _infer(inputs: Sequence[Parameter], context: InferenceContext) -> None:
    set_output(context, 0, TensorProto.BOOL, whole.infer(context, inputs))


OP: Final = Op(
    name="LogicCircuit",
    doc="Threshold, a LogicLayer for each three of the wires, and Bits, one behind the other.",
    inputs=whole.INPUTS,
    outputs=(Parameter("output_bits", BOOL, "[N, M] as of Bits"),),
    attributes=whole.ATTRIBUTES,
    types=whole.TYPES,
    infer=partial(_infer, whole.INPUTS),
    body="",
)
DIFFERENCE: Final = whole.difference(OP, partial(_infer, whole.DIFFERENCE_INPUTS))


def attributes(head: Bits) -> dict[str, Any]:
    """What a node says about its head: nothing."""
    return {}


def head(view: NodeView, n_inputs: int) -> Bits:
    """The head of a checked node that reads n_inputs signals."""
    with view.explained():
        return Bits(n_inputs)
