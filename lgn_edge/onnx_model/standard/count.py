"""The ones of each class, counted by carry-save adders: bits of equal weight are added 64 samples at a time.

A full adder takes three rows of one weight to a sum of the same weight and a carry of the double, in five operations;
four full adders take seven rows to three (Wallace 1964). A round does so with all rows that it can, whatever their
weight, in the same few nodes, until no weight has three rows left. Then the few rows that remain are spread to numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from lgn_edge.network.layers import Int32Array
from lgn_edge.onnx_model.builder import Builder
from lgn_edge.onnx_model.domain import WORD_BITS

IntArray = NDArray[np.int64]

_LARGE: Final = 7  # rows of a large counter, worth its nodes from a few of them on
_FEW: Final = 8


@dataclass(frozen=True, eq=False)
class Round:
    """What one round adds.

    Attributes:
        take: int64 [size, counters], the rows that each counter reads; its size is 7 or 3.
        rest: int64 [left], the rows that go to the next round as they are.
    """

    take: IntArray
    rest: IntArray


def rounds(rows: int) -> tuple[list[Round], IntArray]:
    """The rounds that add `rows` bits of weight 1, and the exponents of the weights of the rows that are left.

    The first round takes its rows in order: `take`, row by row, then `rest`.
    """
    found: list[Round] = []
    exponent = np.zeros(rows, np.int64)
    while (have := np.bincount(exponent)).max() >= 3:
        size = _LARGE if (have // _LARGE).sum() >= _FEW else 3
        groups = [np.flatnonzero(exponent == e) for e in range(len(have))]
        counters = [len(group) // size for group in groups]
        take = [group[: size * n].reshape(size, n) for group, n in zip(groups, counters, strict=True)]
        rest = np.concatenate([group[size * n :] for group, n in zip(groups, counters, strict=True)])
        found.append(Round(np.concatenate(take, axis=1), rest))
        added = np.repeat(np.arange(len(have)), counters)
        exponent = np.concatenate([*(added + plane for plane in range(size.bit_length())), exponent[rest]])
    return found, exponent


def count(graph: Builder, rows: Int32Array, words: str) -> str:
    """Add the nodes that count the rows of packed bits [signals, W] a class; returns int32 [64 * W, classes].

    Args:
        graph: to add to.
        rows: int32 [rows, classes], the signals of each class, at least one.
        words: name of the packed bits.
    """
    n_rows, classes = rows.shape
    plan, exponent = rounds(n_rows)
    state = ""

    def gather(number: int, part: str, chosen: IntArray) -> str:
        name = f"count{number}.{part}"
        if number:
            return graph.node("Gather", state, graph.constant(chosen, name=f"{name}.rows"), name=name, axis=0)
        wires = graph.data(f"{name}.rows", rows[chosen].ravel())
        flat = graph.node("Gather", words, wires, name=f"{name}.words", axis=0)
        shape = graph.constant([len(chosen), classes, -1], name=f"{name}.shape")
        return graph.node("Reshape", flat, shape, name=name)

    for number, step in enumerate(plan):
        planes = _add(graph, [gather(number, f"take{i}", chosen) for i, chosen in enumerate(step.take)], number)
        if len(step.rest):
            planes.append(gather(number, "rest", step.rest))
        state = graph.node("Concat", *planes, name=f"count{number}", axis=0)
    if not plan:
        state = gather(0, "rest", np.arange(n_rows))
    return _spread(graph, state, exponent, n_rows, classes)


def _add(graph: Builder, inputs: list[str], number: int) -> list[str]:
    """Three or seven values of equal weight as one of each weight that their sum can have, lowest first."""
    name = f"count{number}"
    planes = []
    while inputs:
        carries = []
        total, *others = inputs
        for x, y in zip(others[::2], others[1::2], strict=True):
            either = graph.node("BitwiseXor", x, y, name=f"{name}.xor")
            both = graph.node("BitwiseAnd", x, y, name=f"{name}.and")
            carried = graph.node("BitwiseAnd", either, total, name=f"{name}.carried")
            carries.append(graph.node("BitwiseOr", both, carried, name=f"{name}.carry"))
            total = graph.node("BitwiseXor", either, total, name=f"{name}.sum")
        planes.append(total)
        inputs = carries
    return planes


def _spread(graph: Builder, state: str, exponent: IntArray, most: int, classes: int) -> str:
    """Rows int64 [rows, classes, W] with weights as numbers int32 [64 * W, classes].

    A word is taken for lanes of 8, 16 or 32 bits, wide enough for a score. After a shift by s each lane's lowest bit is
    that of one sample; times the weights and added over the rows, the lane is that sample's score.
    """
    lane = next(width for width in (8, 16, 32) if most < 1 << width)
    lanes = WORD_BITS // lane
    by_row = graph.node("Reshape", state, graph.constant([len(exponent), -1], name="spread.rows"), name="spread.by_row")
    unsigned = graph.node("Cast", by_row, name="spread.unsigned", to=TensorProto.UINT64)
    shifts = graph.constant(np.arange(lane).reshape(lane, 1, 1), np.uint64, name="spread.shifts")
    shifted = graph.node("BitShift", unsigned, shifts, name="spread.shifted", direction="RIGHT")
    lowest = graph.constant(sum(1 << lane * i for i in range(lanes)), np.uint64, name="spread.lowest")
    bits = graph.node("BitwiseAnd", shifted, lowest, name="spread.bits")  # [lane, rows, classes * W]
    weights = graph.constant((1 << exponent)[None], np.uint64, name="spread.weights")
    total = graph.node("MatMul", weights, bits, name="spread.total")  # exact: integers, and no lane overflows
    starts = graph.constant((np.arange(lanes) * lane).reshape(lanes, 1, 1, 1), np.uint64, name="spread.starts")
    aligned = graph.node("BitShift", total, starts, name="spread.aligned", direction="RIGHT")
    mask = graph.constant((1 << lane) - 1, np.uint64, name="spread.mask")
    numbers = graph.node("BitwiseAnd", aligned, mask, name="spread.numbers")  # [lanes, lane, 1, classes * W]
    integers = graph.node("Cast", numbers, name="spread.integers", to=TensorProto.INT32)
    shape = graph.constant([WORD_BITS, classes, -1], name="spread.shape")
    by_class = graph.node("Reshape", integers, shape, name="spread.by_class")
    by_sample = graph.node("Transpose", by_class, name="spread.by_sample", perm=[2, 0, 1])
    flat = graph.constant([-1, classes], name="spread.flat")
    return graph.node("Reshape", by_sample, flat, name="spread.scores")
