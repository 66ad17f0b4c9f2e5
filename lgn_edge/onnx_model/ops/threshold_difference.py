"""ThresholdDifference: differences of two features of samples, and features alone, to packed bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from lgn_edge.network import Threshold
from lgn_edge.onnx_model.inference import InferenceContext, dims, length, set_output, words_of
from lgn_edge.onnx_model.ops import threshold
from lgn_edge.onnx_model.ops.op import FLOAT32, INT32, INT64, UINT8, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

# An index of -1 takes the zeros behind the last feature. Pad would put them there, but ONNX Runtime 1.17 does not take
# constant pads in a function.
_BODY: Final = f"""
  {threshold.WORDS}
  numbers = Cast <to = 1> (x)
  by_feature = Transpose <perm = [1, 0]> (numbers)
  one = Constant <value_ints = [1]> ()
  zeros_shape = Concat <axis = 0> (one, n)
  zeros = ConstantOfShape <value = float[1] {{0}}> (zeros_shape)
  with_zeros = Concat <axis = 0> (by_feature, zeros)
  watched = Gather <axis = 0> (with_zeros, feature)
  subtracted = Gather <axis = 0> (with_zeros, minus)
  values = Sub (watched, subtracted)
  {threshold.PACKED}
"""


def _infer(context: InferenceContext) -> None:
    samples, _ = dims(context, 0, 2)
    set_output(context, 0, TensorProto.INT64, [length(context, 1, 2, 3), words_of(samples)])


OP: Final = Op(
    name="ThresholdDifference",
    doc="Bit i of a sample is `x[feature[i]] - x[minus[i]] > threshold[i]`, where the difference is a whole number,"
    " -255..255, and nothing is subtracted where `minus[i]` is -1. Packed as by Threshold.",
    inputs=(
        Parameter("x", UINT8, "[N, F] samples, row by row; any N, 0 included"),
        Parameter("feature", INT32, "[B] the feature that each bit watches, 0..F-1"),
        Parameter("minus", INT32, "[B] the feature that is subtracted, 0..F-1, or -1 for none"),
        Parameter("threshold", FLOAT32, "[B] the number that the difference must exceed"),
    ),
    outputs=(Parameter("words", INT64, "[B, ceil(N / 64)] packed bits"),),
    infer=_infer,
    body=_BODY,
)


def constants(encoder: Threshold, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of the node `name`, in the order of its inputs."""
    assert encoder.minus is not None
    arrays = {"feature": encoder.feature, "minus": encoder.minus, "threshold": encoder.threshold}
    return {f"{name}.{kind}": array for kind, array in arrays.items()}


def node(encoder: Threshold, name: str, samples: str) -> NodeProto:
    """The node `name`, whose output has the same name."""
    return OP.node(name, [samples, *constants(encoder, name)])


def layer(view: NodeView, element: int, n_features: int) -> Threshold:
    """The encoder that a node describes, for samples of that element type and width."""
    view.expect(inputs=4, outputs=1, attributes={})
    if element != TensorProto.UINT8:
        raise view.error(f"the samples have the element type {element}; the op takes uint8")
    with view.explained():
        feature, minus = (view.constant(i, np.int32) for i in (1, 2))
        return Threshold(n_features, feature, view.constant(3, np.float32), "uint8", minus)
