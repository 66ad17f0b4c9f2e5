"""The schemas of the domain, and their registration with ONNX."""

from __future__ import annotations

from typing import Final

from onnx import defs

from lgn_edge.onnx_model.domain import DOMAIN, VERSION
from lgn_edge.onnx_model.ops import (
    bits,
    group_sum,
    logic_circuit,
    logic_conv2d,
    logic_layer,
    logic_network,
    or_pool2d,
    threshold,
    threshold_difference,
)
from lgn_edge.onnx_model.ops.op import Op

OPS: Final[tuple[Op, ...]] = (
    threshold.OP,
    threshold_difference.OP,
    logic_layer.OP,
    logic_conv2d.OP,
    or_pool2d.OP,
    group_sum.OP,
    bits.OP,
    logic_network.OP,
    logic_network.DIFFERENCE,
    logic_circuit.OP,
    logic_circuit.DIFFERENCE,
)


def register() -> None:
    """Make the ops known to ONNX in this process: its checker (`check_custom_domain=True`) and shape inference.

    Once is enough; again does nothing. Reading, writing and running a model need no registration.
    """
    for op in OPS:
        if not defs.has(op.name, VERSION, DOMAIN):
            defs.register_schema(op.schema())
