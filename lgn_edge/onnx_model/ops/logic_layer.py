"""LogicLayer: a layer of 2-input gates over packed bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from lgn_edge.network import LogicDense
from lgn_edge.onnx_model.inference import InferenceContext, dims, length, set_output
from lgn_edge.onnx_model.ops.gates import coefficients, gates
from lgn_edge.onnx_model.ops.op import INT32, INT64, UINT8, Op, Parameter
from lgn_edge.onnx_model.view import NodeView

_BODY: Final = f"""
  {coefficients("1")}
  words_a = Gather <axis = 0> (words, a)
  words_b = Gather <axis = 0> (words, b)
  {gates("c0", "ca", "cb", "cab", "result")}
"""


def _infer(context: InferenceContext) -> None:
    _, words = dims(context, 0, 2)
    set_output(context, 0, TensorProto.INT64, [length(context, 1, 2, 3), words])


OP: Final = Op(
    name="LogicLayer",
    doc="Row g of the result is the gate `table[g]` of the rows `a[g]` and `b[g]`, bit by bit. A gate is its truth"
    " table, `8*f(0,0) + 4*f(0,1) + 2*f(1,0) + f(1,1)`, first argument from a.",
    inputs=(
        Parameter("words", INT64, "[I, W] packed bits"),
        Parameter("a", INT32, "[G] first input of each gate, 0..I-1; a constant initializer"),
        Parameter("b", INT32, "[G] second input of each gate, 0..I-1; a constant initializer"),
        Parameter("table", UINT8, "[G] truth tables, 0..15; a constant initializer"),
    ),
    outputs=(Parameter("result", INT64, "[G, W] packed bits"),),
    infer=_infer,
    body=_BODY,
)


def constants(dense: LogicDense, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of the node `name`, in the order of its inputs."""
    return {f"{name}.a": dense.a, f"{name}.b": dense.b, f"{name}.table": dense.table}


def node(dense: LogicDense, name: str, words: str) -> NodeProto:
    """The node `name`, whose output has the same name."""
    return OP.node(name, [words, *constants(dense, name)])


def layer(view: NodeView, n_inputs: int) -> LogicDense:
    """The layer that a node describes, reading n_inputs signals."""
    view.expect(inputs=4, outputs=1, attributes={})
    with view.explained():
        return LogicDense(n_inputs, view.constant(1, np.int32), view.constant(2, np.int32), view.constant(3, np.uint8))
