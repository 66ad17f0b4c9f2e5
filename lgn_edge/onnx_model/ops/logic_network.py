"""LogicNetwork and LogicNetworkDifference: a whole network that counts, in one node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from onnx import TensorProto, defs

from lgn_edge.network import GroupSum
from lgn_edge.onnx_model.domain import CLASS, LOGITS, SCORES
from lgn_edge.onnx_model.inference import InferenceContext, check_classes, integer, set_output
from lgn_edge.onnx_model.ops import whole
from lgn_edge.onnx_model.ops.op import FLOAT32, INT32, INT64, Attribute, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

OUTPUTS: Final = (SCORES, LOGITS, CLASS)
_OPTION: Final = defs.OpSchema.FormalParameterOption


def _infer(inputs: Sequence[Parameter], context: InferenceContext) -> None:
    classes = integer(context, "classes")
    samples, width = whole.infer(context, inputs)
    check_classes(context, classes, width)
    set_output(context, 0, TensorProto.INT32, [samples, classes])
    set_output(context, 1, TensorProto.FLOAT, [samples, classes])
    set_output(context, 2, TensorProto.INT64, [samples])


OP: Final = Op(
    name="LogicNetwork",
    doc="Threshold, a LogicLayer for each three of the wires, and GroupSum, one behind the other; the class is the"
    " first maximum of the scores.",
    inputs=whole.INPUTS,
    outputs=(
        Parameter("scores", INT32, "[N, classes] as of GroupSum", _OPTION.Optional),
        Parameter("logits", FLOAT32, "[N, classes] as of GroupSum", _OPTION.Optional),
        Parameter("class", INT64, "[N] the first maximum", _OPTION.Optional),
    ),
    attributes=(
        *whole.ATTRIBUTES,
        Attribute("classes", defs.OpSchema.AttrType.INT, "as of GroupSum"),
        Attribute("tau", defs.OpSchema.AttrType.FLOAT, "as of GroupSum"),
        Attribute("beta", defs.OpSchema.AttrType.FLOAT, "as of GroupSum"),
    ),
    types=whole.TYPES,
    infer=partial(_infer, whole.INPUTS),
    body="",
)
DIFFERENCE: Final = whole.difference(OP, partial(_infer, whole.DIFFERENCE_INPUTS))


def attributes(head: GroupSum) -> dict[str, Any]:
    """What a node says about its head."""
    return {"classes": head.classes, "tau": head.tau, "beta": head.beta}


def head(view: NodeView, n_inputs: int) -> GroupSum:
    """The head that a checked node describes, reading n_inputs signals."""
    value = view.attributes()
    with view.explained():
        return GroupSum(n_inputs, value["classes"].i, value["tau"].f, value["beta"].f)
