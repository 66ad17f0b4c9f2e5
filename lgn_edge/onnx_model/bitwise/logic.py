"""Gates of the standard domain: And, Or, Xor, Not of bool, and BitwiseAnd, ... of integers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lgn_edge.network.truth_table import AND, OR, XOR
from lgn_edge.onnx_model.bitwise.node import Node
from lgn_edge.onnx_model.bitwise.value import Value, broadcast, check_one_type

_TABLES: Final = {"And": AND, "Or": OR, "Xor": XOR}
LOGICAL: Final = (*_TABLES, "Not")
BITWISE: Final = tuple(f"Bitwise{op}" for op in LOGICAL)


def binary(node: Node) -> list[Value]:
    """And, Or, Xor."""
    values = [node.signals(0), node.signals(1)]
    check_one_type(values)
    a, b = broadcast(values)
    return [node.gates.add(_TABLES[node.proto.op_type.removeprefix("Bitwise")], a, b)]


def complement(node: Node) -> list[Value]:
    """Not."""
    value = node.signals(0)
    return [replace(value, array=value.array ^ 1)]
