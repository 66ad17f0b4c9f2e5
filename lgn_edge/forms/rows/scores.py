"""Vertical counters to scores and classes."""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.counters import counter_planes
from lgn_edge.forms.rows.schedule import UniformProgram
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import (
    Buffer,
    Expr,
    Kernel,
    Parameter,
    constant,
    kernel,
    quotient,
    repeat,
    row,
    scratch,
    store_row,
)

_LANES = 16  # int32 lanes in which scores are assembled
_TOGETHER = 4  # classes whose scores are written side by side
_MOST_PLANES = 31  # scores are int32


def scores(program: UniformProgram, workspace: Workspace, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_sum(word *slots, int32_t count, int32_t *scores, uint16_t *classes)`: finish one block.

    Writes scores[count][classes] and classes[count] for the first `count` samples of the block, 0..shape.samples, from
    the counters that `uniform_interpreter` leaves. A class is the first maximum.
    """
    n_planes = counter_planes(program.group)
    parameters = (
        Parameter("slots", shape.word, (workspace.n_rows + program.classes * n_planes) * shape.lanes),
        Parameter("count"),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
    )

    def body(slots: Buffer, count: Expr, scores: Buffer, classes: Buffer) -> None:
        finish(workspace.n_rows, program.classes, n_planes, shape, slots, count, scores, classes)

    return kernel(f"{prefix}_sum", parameters, (), body, ADD_BITS)


def finish(
    first: int | Expr,
    n_classes: int | Expr,
    n_planes: int | Expr,
    shape: Shape,
    slots: Buffer,
    count: Expr,
    scores: Buffer,
    classes: Buffer,
) -> None:
    """Emit what `scores` does, with the counters in rows from `first` on."""
    best, winner = (scratch("int32", shape.samples) for _ in range(2))
    with T.serial(0, shape.samples // _LANES) as j:
        store_row(best, j, _LANES, constant(-1, "int32", _LANES))
        store_row(winner, j, _LANES, constant(0, "int32", _LANES))

    def together(class_of: Expr, n: int) -> None:
        """Count for `n` classes from `class_of` on, and write their scores side by side."""
        with T.serial(0, shape.lanes) as word:
            counts = [
                _counts(slots, (first + (class_of + c) * n_planes) * shape.lanes + word, n_planes, shape)
                for c in range(n)
            ]
            for part in range(shape.word_bits // _LANES):
                at = T.Bind(word * (shape.word_bits // _LANES) + part)
                values = [T.Bind(_part(octets, part)) for octets in counts]
                for c, score in enumerate(values):
                    top = T.Bind(row(best, at, _LANES))
                    chosen = tirx.Select(score > top, tirx.Broadcast(class_of + c, _LANES), row(winner, at, _LANES))
                    store_row(winner, at, _LANES, chosen)
                    store_row(best, at, _LANES, tirx.Select(score > top, score, top))
                _write(scores, values, at * _LANES, count, n_classes, class_of)

    fours = quotient(n_classes, _TOGETHER)
    with T.serial(0, fours) as four:
        together(four * _TOGETHER, _TOGETHER)
    with T.serial(fours * _TOGETHER, n_classes) as c:
        together(c, 1)
    with T.serial(0, count) as s:
        T.buffer_store(classes, tirx.Cast("uint16", winner[s]), [s])


def _counts(slots: Buffer, first: Expr, n_planes: int | Expr, shape: Shape) -> list[Expr]:
    """Counts of the 64 samples of a word as uint8x64, the lowest byte first: bit s of plane p has the weight 2**p."""

    def octet(lowest: int) -> Expr:
        def add(plane: Expr, sum_: Expr) -> Expr:
            bits = slots[first + plane * shape.lanes]
            weight = tirx.Broadcast(tirx.Cast("uint8", tirx.const(1, "int32") << (plane - lowest)), shape.word_bits)
            return T.Bind(tirx.call_extern(f"uint8x{shape.word_bits}", "lgn_add_bits", sum_, bits, weight))

        stop = min(lowest + 8, n_planes) if isinstance(n_planes, int) else tirx.min(lowest + 8, n_planes)
        zero = constant(0, "uint8", shape.word_bits)
        return repeat(stop, lowest, zero, add, "uint8", shape.word_bits)

    return [octet(lowest) for lowest in range(0, n_planes if isinstance(n_planes, int) else _MOST_PLANES, 8)]


def _part(octets: Sequence[Expr], part: int) -> Expr:
    """The scores int32x16 of 16 of the samples."""
    lanes = [tirx.const(part * _LANES + lane, "int32") for lane in range(_LANES)]
    score: Expr = constant(0, "int32", _LANES)
    for i, octet in enumerate(octets):
        widened = tirx.Cast(f"int32x{_LANES}", tirx.Shuffle([octet], lanes))
        score = score | (widened << constant(8 * i, "int32", _LANES)) if i else widened
    return score


def _write(
    scores: Buffer, values: Sequence[Expr], first: Expr, count: Expr, n_classes: int | Expr, class_of: Expr
) -> None:
    """Write the scores of neighbouring classes for 16 samples from `first` on, as far as there are samples.

    Four scores of a sample are one store: 4 x 4 numbers are transposed four times at once.
    """
    if len(values) == 1:
        part = scratch("int32", _LANES)
        store_row(part, 0, _LANES, values[0])
        with T.serial(0, tirx.max(0, tirx.min(count - first, _LANES))) as s:
            T.buffer_store(scores, part[s], [(first + s) * n_classes + class_of])
        return
    pairs = [T.Bind(_interleave(values[i], values[i + 1], 1, half)) for i in (0, 2) for half in range(2)]
    fours = [T.Bind(_interleave(pairs[half], pairs[2 + half], 2, upper)) for half in range(2) for upper in range(2)]
    with T.If(first + _LANES <= count):
        with T.Then():
            for s in range(_LANES):
                index = (first + s) * n_classes + class_of
                T.buffer_store(scores, _quarter(fours[s % 4], s // 4), [tirx.Ramp(index, 1, _TOGETHER)])
        with T.Else():
            for s in range(_LANES):
                with T.If(first + s < count), T.Then():
                    index = (first + s) * n_classes + class_of
                    T.buffer_store(scores, _quarter(fours[s % 4], s // 4), [tirx.Ramp(index, 1, _TOGETHER)])


def _interleave(a: Expr, b: Expr, size: int, half: int) -> Expr:
    """In each quarter of 16 lanes: take `size` lanes of a, as many of b, ... from their lower or upper half."""
    lanes = []
    for quarter in range(0, _LANES, 4):
        for i in range(quarter + 2 * half, quarter + 2 * half + 2, size):
            lanes += [*range(i, i + size), *range(_LANES + i, _LANES + i + size)]
    return tirx.Shuffle([a, b], [tirx.const(lane, "int32") for lane in lanes])


def _quarter(vector: Expr, i: int) -> Expr:
    return tirx.Shuffle([vector], [tirx.const(4 * i + lane, "int32") for lane in range(4)])


# Add a weight where a bit is set: with mask registers one instruction, elsewhere a few.
ADD_BITS = """
define linkonce_odr hidden <64 x i8> @lgn_add_bits(<64 x i8> %sum, i64 %bits, <64 x i8> %weight) alwaysinline {
  %mask = bitcast i64 %bits to <64 x i1>
  %part = select <64 x i1> %mask, <64 x i8> %weight, <64 x i8> zeroinitializer
  %result = add <64 x i8> %sum, %part
  ret <64 x i8> %result
}
"""
