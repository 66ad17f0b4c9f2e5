"""Vertical counters to scores and classes."""

from __future__ import annotations

from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.counters import counter_planes
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, kernel, repeat, row, scratch, store_row
from lgn_edge.passes.schedule import UniformProgram

_LANES = 16  # int32 lanes in which scores are assembled


def scores(program: UniformProgram, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_sum(word *slots, int32_t count, int32_t *scores, uint16_t *classes)`: finish one block.

    Writes scores[count][classes] and classes[count] for the first `count` samples of the block, 0..shape.samples, from
    the counters that `uniform_interpreter` leaves. A class is the first maximum.
    """
    n_planes = counter_planes(program.group)
    parameters = (
        Parameter("slots", shape.word, (program.n_slots + program.classes * n_planes) * shape.lanes),
        Parameter("count"),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
    )

    def body(slots: Buffer, count: Expr, scores: Buffer, classes: Buffer) -> None:
        finish(program.n_slots, program.classes, n_planes, shape, slots, count, scores, classes)

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
    total, best, winner = (scratch("int32", shape.samples) for _ in range(3))
    with T.serial(0, shape.samples // _LANES) as j:
        store_row(best, j, _LANES, constant(-1, "int32", _LANES))
        store_row(winner, j, _LANES, constant(0, "int32", _LANES))
    with T.serial(0, n_classes) as c:
        counter = T.Bind((first + c * n_planes) * shape.lanes)
        with T.serial(0, shape.lanes) as word:
            for part in range(shape.word_bits // _LANES):
                at = word * (shape.word_bits // _LANES) + part
                score = T.Bind(_assemble(slots, counter + word, n_planes, part, shape))
                store_row(total, at, _LANES, score)
                top = T.Bind(row(best, at, _LANES))
                chosen = tirx.Select(score > top, tirx.Broadcast(c, _LANES), row(winner, at, _LANES))
                store_row(winner, at, _LANES, chosen)
                store_row(best, at, _LANES, tirx.Select(score > top, score, top))
        with T.serial(0, count) as s:
            T.buffer_store(scores, total[s], [s * n_classes + c])
    with T.serial(0, count) as s:
        T.buffer_store(classes, tirx.Cast("uint16", winner[s]), [s])


def _assemble(slots: Buffer, first: Expr, n_planes: int | Expr, part: int, shape: Shape) -> Expr:
    """Scores of the 16 samples `part` of a word: bit s of plane p has the weight 2**p."""

    def add(plane: Expr, score: Expr) -> Expr:
        shifted = slots[first + plane * shape.lanes] >> constant(part * _LANES, shape.word)
        weight = tirx.Broadcast(tirx.const(1, "int32") << plane, _LANES)
        return tirx.call_extern(f"int32x{_LANES}", "lgn_add_bits", score, tirx.Cast("uint16", shifted), weight)

    return repeat(n_planes, 0, constant(0, "int32", _LANES), add, "int32", _LANES)


# Add a weight where a bit is set: with mask registers one instruction, elsewhere a few.
ADD_BITS = f"""
define linkonce_odr hidden <{_LANES} x i32> @lgn_add_bits(
    <{_LANES} x i32> %sum, i{_LANES} %bits, <{_LANES} x i32> %weight) alwaysinline {{
  %mask = bitcast i{_LANES} %bits to <{_LANES} x i1>
  %part = select <{_LANES} x i1> %mask, <{_LANES} x i32> %weight, <{_LANES} x i32> zeroinitializer
  %result = add <{_LANES} x i32> %sum, %part
  ret <{_LANES} x i32> %result
}}
"""
