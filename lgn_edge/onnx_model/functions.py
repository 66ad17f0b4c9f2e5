"""The function bodies of the domain: what a runtime executes that does not know the ops."""

from __future__ import annotations

from collections.abc import Container

from onnx import FunctionProto

from lgn_edge.onnx_model.schemas import OPS


def functions(names: Container[str]) -> list[FunctionProto]:
    """The model-local functions of the named ops that have one, in the order of the domain."""
    return [op.function() for op in OPS if op.name in names and op.body]
