"""What the nodes for a whole network share: inputs, their shapes, and the way to encoder and layers.

Each op has a twin for an encoder that compares differences, with one input more, as Threshold has ThresholdDifference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from onnx import NodeProto, TensorProto, defs
from onnx.shape_inference import InferenceError

from lgn_edge.errors import InputError
from lgn_edge.network import Layer, LogicDense, Threshold
from lgn_edge.onnx_model.inference import Dim, InferenceContext, dims, integer, length, same, samples_of
from lgn_edge.onnx_model.ops.op import BOOL, FLOAT32, INT32, INT64, UINT8, Attribute, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

_WIRE_TYPES: Final[tuple[type[np.generic], ...]] = (np.int32, np.int32, np.uint8)
_OPTION: Final = defs.OpSchema.FormalParameterOption

_WIRES: Final = Parameter("wires", "V", "a, b and table of each layer, as of LogicLayer", _OPTION.Variadic)
INPUTS: Final = (
    Parameter("x", "T", "[N, F] samples, or [bits, W] packed bits of 64 * W samples"),
    Parameter("feature", INT32, "[bits] as of Threshold; absent for packed bits", _OPTION.Optional),
    Parameter("threshold", FLOAT32, "[bits] as of Threshold; absent for packed bits", _OPTION.Optional),
    _WIRES,
)
DIFFERENCE_INPUTS: Final = (
    Parameter("x", "T", "[N, F] samples"),
    Parameter("feature", INT32, "[bits] as of ThresholdDifference"),
    Parameter("minus", INT32, "[bits] as of ThresholdDifference"),
    Parameter("threshold", FLOAT32, "[bits] as of ThresholdDifference"),
    _WIRES,
)
ATTRIBUTES: Final = (Attribute("bits", defs.OpSchema.AttrType.INT, "signals that the first layer reads"),)
_WIRE_ELEMENTS: Final = ("V", (INT32, UINT8))
TYPES: Final = (("T", (FLOAT32, UINT8, BOOL, INT64)), _WIRE_ELEMENTS)
DIFFERENCE_TYPES: Final = (("T", (UINT8,)), _WIRE_ELEMENTS)


def difference(op: Op, infer: Callable[[InferenceContext], None]) -> Op:
    """The twin of an op, for an encoder that compares differences."""
    name, doc = f"{op.name}Difference", op.doc.replace("Threshold", "ThresholdDifference")
    return replace(op, name=name, doc=doc, inputs=DIFFERENCE_INPUTS, types=DIFFERENCE_TYPES, infer=infer)


def infer(context: InferenceContext, inputs: Sequence[Parameter]) -> tuple[Dim, Dim]:
    """The number of samples, and the width of the last layer, of a node with the inputs of such an op.

    Raises:
        InferenceError: the inputs do not fit each other.
    """
    rows, columns = dims(context, 0, 2)
    bits = integer(context, "bits")
    packed = context.get_input_type(0).tensor_type.elem_type == TensorProto.INT64
    first_wires = len(inputs) - 1
    same(context, rows if packed else length(context, *range(1, first_wires)), bits)
    wires = range(first_wires, context.get_num_inputs())
    if len(wires) == 0 or len(wires) % len(_WIRE_TYPES):
        raise InferenceError(
            f"{context.get_display_name()}: {len(wires)} inputs behind threshold; give a, b and table of each layer"
        )
    widths = [length(context, *wires[i : i + len(_WIRE_TYPES)]) for i in range(0, len(wires), len(_WIRE_TYPES))]
    return samples_of(columns) if packed else rows, widths[-1]


def node(
    op: Op, name: str, samples: str, encoder: list[str], wires: list[str], outputs: list[str], **attributes: Any
) -> NodeProto:
    """The node `name` of an op for a whole network.

    Args:
        op: of these inputs.
        name: of the node.
        samples: or packed bits.
        encoder: names of its constants, empty when the bits are packed.
        wires: names of a, b and table of each layer.
        outputs: names of the outputs.
        attributes: all of the op's.
    """
    return op.node(name, [samples, *(encoder or ["", ""]), *wires], outputs, **attributes)


def check(view: NodeView, op: Op) -> None:
    """Check the numbers of inputs and outputs, and the attributes.

    Raises:
        InputError: one is not as the op has them; names the node.
    """
    found, before = len(view.node.input), [parameter.name for parameter in op.inputs[:-1]]
    if found <= len(before) or (found - len(before)) % len(_WIRE_TYPES):
        raise view.error(f"it has {found} inputs; give {', '.join(before)}, then a, b and table of each layer")
    view.expect(found, len(op.outputs), op.kinds)


def compares_differences(op: Op) -> bool:
    """Whether an op for a whole network is for an encoder that does."""
    return op.inputs == DIFFERENCE_INPUTS


def encoder(view: NodeView, op: Op, input_dtype: str, n_features: int) -> Threshold:
    """The encoder that a checked node of an op describes, for samples of that type and width."""
    with view.explained():
        feature = view.constant(1, np.int32)
        minus = view.constant(2, np.int32) if compares_differences(op) else None
        return Threshold(n_features, feature, view.constant(len(op.inputs) - 2, np.float32), input_dtype, minus)


def layers(view: NodeView, op: Op, n_bits: int) -> tuple[Layer, ...]:
    """The layers that a checked node of an op describes, whose attribute `bits` must be n_bits."""
    bits = view.attributes()["bits"].i
    if bits != n_bits:
        raise view.error(f"the attribute bits is {bits}, for an encoder of {n_bits}")
    found: list[Layer] = []
    for first in range(len(op.inputs) - 1, len(view.node.input), len(_WIRE_TYPES)):
        n_inputs = found[-1].n_outputs if found else n_bits
        try:
            a, b, table = (view.constant(first + i, kind) for i, kind in enumerate(_WIRE_TYPES))
            found.append(LogicDense(n_inputs, a, b, table))
        except InputError as error:
            raise view.error(f"layer {len(found)}: {error}") from error
    return tuple(found)
