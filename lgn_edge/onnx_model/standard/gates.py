"""The gates of a level: for each kind two gathers and an operation, then one concatenation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from lgn_edge.network import LogicDense
from lgn_edge.network.truth_table import (
    A_AND_NOT_B,
    A_OR_NOT_B,
    AND,
    FALSE,
    NAND,
    NOR,
    NOT_A,
    OR,
    PASS_A,
    TRUE,
    XNOR,
    XOR,
)
from lgn_edge.onnx_model.builder import Builder


class Kind(NamedTuple):
    """How gates of one table are computed.

    Attributes:
        name: part of the names of its constants.
        op: standard op of both inputs; "" for the first input as it is.
        both: whether b is read; an op of one input reads a twice.
        complement_b, complement: BitwiseNot before and after the op.
    """

    name: str
    op: str = ""
    both: bool = False
    complement_b: bool = False
    complement: bool = False


KINDS: Final = {
    FALSE: Kind("false", "BitwiseXor"),
    AND: Kind("and", "BitwiseAnd", both=True),
    A_AND_NOT_B: Kind("and_not", "BitwiseAnd", both=True, complement_b=True),
    PASS_A: Kind("keep"),
    XOR: Kind("xor", "BitwiseXor", both=True),
    OR: Kind("or", "BitwiseOr", both=True),
    NOR: Kind("nor", "BitwiseOr", both=True, complement=True),
    XNOR: Kind("xnor", "BitwiseXor", both=True, complement=True),
    A_OR_NOT_B: Kind("or_not", "BitwiseOr", both=True, complement_b=True),
    NOT_A: Kind("not", complement=True),
    NAND: Kind("nand", "BitwiseAnd", both=True, complement=True),
    TRUE: Kind("true", "BitwiseXor", complement=True),
}


def level(graph: Builder, layer: LogicDense, name: str, words: str) -> str:
    """Add the nodes of a layer whose gates are sorted by table; returns the name of its packed bits."""
    parts = [_kind(graph, layer, start, stop, name, words) for start, stop in _runs(layer)]
    return graph.node("Concat", *parts, name=name, axis=0) if len(parts) > 1 else parts[0]


def _runs(layer: LogicDense) -> Iterator[tuple[int, int]]:
    ends = [*np.flatnonzero(np.diff(layer.table)) + 1, layer.n_outputs]
    return zip([0, *ends], ends, strict=False)


def _kind(graph: Builder, layer: LogicDense, start: int, stop: int, name: str, words: str) -> str:
    kind = KINDS[layer.table[start]]
    prefix = f"{name}.{kind.name}"
    result = _gather(graph, prefix, "a", layer.a[start:stop], words)
    if kind.op:
        other = _gather(graph, prefix, "b", layer.b[start:stop], words) if kind.both else result
        if kind.complement_b:
            other = graph.node("BitwiseNot", other, name=f"{prefix}.not_b")
        result = graph.node(kind.op, result, other, name=prefix)
    if kind.complement:
        result = graph.node("BitwiseNot", result, name=f"{prefix}.not")
    return result


def _gather(graph: Builder, prefix: str, side: str, rows: np.ndarray, words: str) -> str:
    return graph.node("Gather", words, graph.data(f"{prefix}.{side}", rows), name=f"{prefix}.words_{side}", axis=0)
