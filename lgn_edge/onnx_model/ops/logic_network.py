"""LogicNetwork: a whole network in one node."""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, defs, helper
from onnx.shape_inference import InferenceError

from lgn_edge.errors import InputError
from lgn_edge.network import GroupSum, Layer, LogicDense, Threshold
from lgn_edge.onnx_model.domain import CLASS, DOMAIN, LOGITS, SCORES
from lgn_edge.onnx_model.inference import (
    InferenceContext,
    check_classes,
    dims,
    integer,
    length,
    same,
    samples_of,
    set_output,
)
from lgn_edge.onnx_model.ops.op import BOOL, FLOAT32, INT32, INT64, UINT8, Attribute, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

_FIRST_WIRES: Final = 3  # inputs: x, feature, threshold, then a, b and table of each layer
_WIRE_TYPES: Final[tuple[type[np.generic], ...]] = (np.int32, np.int32, np.uint8)
_OPTION: Final = defs.OpSchema.FormalParameterOption


def _infer(context: InferenceContext) -> None:
    rows, columns = dims(context, 0, 2)
    bits, classes = integer(context, "bits"), integer(context, "classes")
    packed = context.get_input_type(0).tensor_type.elem_type == TensorProto.INT64
    same(context, rows if packed else length(context, 1, 2), bits)
    wires = range(_FIRST_WIRES, context.get_num_inputs())
    if len(wires) == 0 or len(wires) % len(_WIRE_TYPES):
        raise InferenceError(
            f"{context.get_display_name()}: {len(wires)} inputs behind threshold; give a, b and table of each layer"
        )
    widths = [length(context, *wires[i : i + len(_WIRE_TYPES)]) for i in range(0, len(wires), len(_WIRE_TYPES))]
    check_classes(context, classes, widths[-1])
    samples = samples_of(columns) if packed else rows
    set_output(context, 0, TensorProto.INT32, [samples, classes])
    set_output(context, 1, TensorProto.FLOAT, [samples, classes])
    set_output(context, 2, TensorProto.INT64, [samples])


OP: Final = Op(
    name="LogicNetwork",
    doc="Threshold, a LogicLayer for each three of the wires, and GroupSum, one behind the other; the class is the"
    " first maximum of the scores.",
    inputs=(
        Parameter("x", "T", "[N, F] samples, or [bits, W] packed bits of 64 * W samples"),
        Parameter("feature", INT32, "[bits] as of Threshold; absent for packed bits", _OPTION.Optional),
        Parameter("threshold", FLOAT32, "[bits] as of Threshold; absent for packed bits", _OPTION.Optional),
        Parameter("wires", "V", "a, b and table of each layer, as of LogicLayer", _OPTION.Variadic),
    ),
    outputs=(
        Parameter("scores", INT32, "[N, classes] as of GroupSum", _OPTION.Optional),
        Parameter("logits", FLOAT32, "[N, classes] as of GroupSum", _OPTION.Optional),
        Parameter("class", INT64, "[N] the first maximum", _OPTION.Optional),
    ),
    attributes=(
        Attribute("bits", defs.OpSchema.AttrType.INT, "signals that the first layer reads"),
        Attribute("classes", defs.OpSchema.AttrType.INT, "as of GroupSum"),
        Attribute("tau", defs.OpSchema.AttrType.FLOAT, "as of GroupSum"),
        Attribute("beta", defs.OpSchema.AttrType.FLOAT, "as of GroupSum"),
    ),
    types=(("T", (FLOAT32, UINT8, BOOL, INT64)), ("V", (INT32, UINT8))),
    infer=_infer,
    body="",
)


def node(head: GroupSum, name: str, samples: str, bits: int, encoder: list[str], wires: list[str]) -> NodeProto:
    """The node `name`, whose outputs are those of the model.

    Args:
        head: gives the attributes.
        name: of the node.
        samples: or packed bits.
        bits: that the first layer reads.
        encoder: names of feature and threshold, empty when the bits are packed.
        wires: names of a, b and table of each layer.
    """
    return helper.make_node(
        OP.name,
        [samples, *(encoder or ["", ""]), *wires],
        [SCORES, LOGITS, CLASS],
        name,
        domain=DOMAIN,
        bits=bits,
        classes=head.classes,
        tau=head.tau,
        beta=head.beta,
    )


def check(view: NodeView) -> None:
    """Check the numbers of inputs and outputs, and the attributes.

    Raises:
        InputError: one is not as the op has them; names the node.
    """
    found = len(view.node.input)
    if found <= _FIRST_WIRES or (found - _FIRST_WIRES) % len(_WIRE_TYPES):
        raise view.error(f"it has {found} inputs; give x, feature, threshold, then a, b and table of each layer")
    kinds = {"bits": AttributeProto.INT, "classes": AttributeProto.INT}
    view.expect(found, 3, {**kinds, "tau": AttributeProto.FLOAT, "beta": AttributeProto.FLOAT})


def encoder(view: NodeView, input_dtype: str, n_features: int) -> Threshold:
    """The encoder that a checked node describes, for samples of that type and width."""
    with view.explained():
        return Threshold(n_features, view.constant(1, np.int32), view.constant(2, np.float32), input_dtype)


def layers(view: NodeView, n_bits: int) -> tuple[Layer, ...]:
    """The layers that a checked node describes, whose attribute `bits` must be n_bits."""
    bits = view.attributes()["bits"].i
    if bits != n_bits:
        raise view.error(f"the attribute bits is {bits}, for an encoder of {n_bits}")
    found: list[Layer] = []
    for first in range(_FIRST_WIRES, len(view.node.input), len(_WIRE_TYPES)):
        n_inputs = found[-1].n_outputs if found else n_bits
        try:
            a, b, table = (view.constant(first + i, kind) for i, kind in enumerate(_WIRE_TYPES))
            found.append(LogicDense(n_inputs, a, b, table))
        except InputError as error:
            raise view.error(f"layer {len(found)}: {error}") from error
    return tuple(found)


def head(view: NodeView, n_inputs: int) -> GroupSum:
    """The head that a checked node describes, reading n_inputs signals."""
    value = view.attributes()
    with view.explained():
        return GroupSum(n_inputs, value["classes"].i, value["tau"].f, value["beta"].f)
