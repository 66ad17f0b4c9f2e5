"""What a lowering makes of a network: the inside of a graph, before it is put into a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from onnx import FunctionProto, NodeProto, ValueInfoProto

from lgn_edge.onnx_model.domain import OPSET


@dataclass(frozen=True)
class Lowering:
    """Nodes and data of a graph.

    Attributes:
        nodes: in order; they read the input of the form and write its outputs.
        constants: vectors by name, the initializers of the graph.
        properties: metadata that belong to the lowering.
        domains: versions by domain, besides the standard one.
        opset: version of the standard domain: the lowest that has the ops.
        functions: bodies of the ops of these domains.
        values: types and shapes of values between the nodes, for runtimes that cannot infer them.
    """

    nodes: list[NodeProto]
    constants: dict[str, NDArray[Any]]
    properties: Mapping[str, str] = field(default_factory=dict)
    domains: Mapping[str, int] = field(default_factory=dict)
    functions: Sequence[FunctionProto] = ()
    values: Sequence[ValueInfoProto] = ()
    opset: int = OPSET
