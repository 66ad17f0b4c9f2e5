"""Packed bits to scores and classes: count the ones of each class's rows, take the first maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import (
    Buffer,
    Expr,
    Kernel,
    Parameter,
    Table,
    as_index,
    constant,
    kernel,
    narrow,
    row,
    scratch,
    store_row,
)
from lgn_edge.network import GroupSum
from lgn_edge.passes.schedule import Program

_TREE = 4  # a carry-save tree takes 2**_TREE rows at once
_LANES = 16  # int32 lanes in which scores are assembled
EXTRA_ROWS = 2  # behind the slots: a row of zeros and a row of ones, to fill up trees


def group_sum(program: Program, head: GroupSum, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_sum(word *slots, int32_t count, int32_t *scores, uint16_t *classes)`: finish one block.

    Writes scores[count][classes] and classes[count] for the first `count` samples of the block, 0..shape.samples. The
    vector form uses `EXTRA_ROWS` rows behind the slots.

    Args:
        program: names the slot of each output, and whether it is complemented.
        head: classes and their blocks of outputs.
        shape: the machine's row.
        prefix: of the C symbols.
    """
    return (_sum_vector if shape.lanes > 1 else _sum_scalar)(program, head, shape, prefix)


def _parameters(program: Program, shape: Shape) -> tuple[Parameter, ...]:
    return (
        Parameter("slots", shape.word, (program.n_slots + EXTRA_ROWS) * shape.lanes),
        Parameter("count"),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
    )


def _by_class(program: Program, head: GroupSum) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Slots int32[classes, group], those counted as they are before those complemented, and how many are the former.

    Both kinds in the order of memory, which matters where the rows do not fit the second-level cache.
    """
    inverted = program.output_inverted.reshape(head.classes, head.group)
    slot = program.output_slot.reshape(head.classes, head.group)
    order = np.lexsort((slot, inverted), axis=1)
    slot = np.take_along_axis(slot, order, axis=1)
    return slot, (~inverted).sum(axis=1).astype(np.int32)


def _sum_scalar(program: Program, head: GroupSum, shape: Shape, prefix: str) -> Kernel:
    """One sample after the other: small, and best when a call has one sample."""
    slot, plain = _by_class(program, head)
    tables = (Table(f"{prefix}_output_slot", narrow(slot.ravel())), Table(f"{prefix}_plain", narrow(plain)))

    def body(slots: Buffer, count: Expr, scores: Buffer, classes: Buffer, slot: Buffer, plain: Buffer) -> None:
        total = scratch("int32", 1)
        with T.serial(0, count) as s:
            shift = T.Bind(tirx.Cast(shape.word, s))
            with T.serial(0, head.classes) as c:
                T.buffer_store(total, constant(0, "int32"), [0])
                middle = T.Bind(as_index(plain[c]))

                def bit(i: Expr, c: Expr = c, shift: Expr = shift) -> Expr:
                    word = slots[as_index(slot[c * head.group + i])]
                    return as_index((word >> shift) & constant(1, shape.word))

                with T.serial(0, middle) as i:
                    T.buffer_store(total, total[0] + bit(i), [0])
                with T.serial(middle, head.group) as i:
                    T.buffer_store(total, total[0] + (1 - bit(i)), [0])
                T.buffer_store(scores, total[0], [s * head.classes + c])
        _first_maximum(scores, classes, count, head)

    return kernel(f"{prefix}_sum", _parameters(program, shape), tables, body)


def _first_maximum(scores: Buffer, classes: Buffer, count: Expr, head: GroupSum) -> None:
    best, winner = scratch("int32", 1), scratch("int32", 1)
    with T.serial(0, count) as s:
        T.buffer_store(best, scores[s * head.classes], [0])
        T.buffer_store(winner, constant(0, "int32"), [0])
        with T.serial(1, head.classes) as c:
            score = T.Bind(scores[s * head.classes + c])
            with T.If(score > best[0]), T.Then():
                T.buffer_store(best, score, [0])
                T.buffer_store(winner, c, [0])
        T.buffer_store(classes, tirx.Cast("uint16", winner[0]), [s])


@dataclass(frozen=True)
class _Trees:
    """The outputs in trees of 16 rows, filled up with rows that count nothing.

    Attributes:
        slot: int32[trees * 16].
        bounds: int32[2 * classes + 1]; class c counts the trees bounds[2c]..bounds[2c+1] as they are, and complements
            those up to bounds[2c+2].
    """

    slot: NDArray[np.int32]
    bounds: NDArray[np.int32]


def _trees(program: Program, head: GroupSum) -> _Trees:
    tree = 1 << _TREE
    slot, plain = _by_class(program, head)
    length = np.stack([plain, head.group - plain], axis=1).ravel()  # rows of each part
    bounds = np.concatenate([[0], np.cumsum(-(-length // tree))])
    zeros, ones = program.n_slots, program.n_slots + 1  # complemented, a row of ones counts nothing
    filled = np.repeat(np.tile([zeros, ones], head.classes), np.diff(bounds) * tree)
    start = np.concatenate([[0], np.cumsum(length)[:-1]])
    filled[np.arange(slot.size) + np.repeat(bounds[:-1] * tree - start, length)] = slot.ravel()
    return _Trees(filled.astype(np.int32), bounds.astype(np.int32))


def _sum_vector(program: Program, head: GroupSum, shape: Shape, prefix: str) -> Kernel:
    """Vertical counters: plane l of a class holds bit l of the count of every sample; then planes become numbers."""
    trees = _trees(program, head)
    lanes, samples = shape.lanes, shape.samples
    # Rows by their first word, in 32 bits: narrower indices have LLVM widen and scale sixteen of them in a vector, and
    # taking them out again costs more than all the rest.
    rows = trees.slot * np.int32(lanes)
    tables = (Table(f"{prefix}_output_row", rows), Table(f"{prefix}_trees", narrow(trees.bounds)))
    n_planes = max(_TREE, head.group.bit_length())
    zero, one = (constant(value, shape.word, lanes) for value in (0, 2**shape.word_bits - 1))

    def body(slots: Buffer, count: Expr, scores: Buffer, classes: Buffer, first_word: Buffer, bounds: Buffer) -> None:
        store_row(slots, program.n_slots, lanes, zero)
        store_row(slots, program.n_slots + 1, lanes, one)
        planes = scratch(shape.word, n_planes * lanes)
        total, best, winner = (scratch("int32", samples) for _ in range(3))
        with T.serial(0, samples // _LANES) as j:
            store_row(best, j, _LANES, constant(-1, "int32", _LANES))
            store_row(winner, j, _LANES, constant(0, "int32", _LANES))
        with T.serial(0, head.classes) as c:
            with T.serial(0, n_planes) as plane:
                store_row(planes, plane, lanes, zero)
            start, middle, stop = (T.Bind(as_index(bounds[2 * c + i])) for i in range(3))
            _count(slots, first_word, planes, n_planes, start, middle, zero, lanes)
            _count(slots, first_word, planes, n_planes, middle, stop, one, lanes)
            with T.serial(0, lanes) as word:
                for part in range(shape.word_bits // _LANES):
                    at = word * (shape.word_bits // _LANES) + part
                    score = T.Bind(_assemble(planes, n_planes, word, part, shape))
                    store_row(total, at, _LANES, score)
                    top = T.Bind(row(best, at, _LANES))
                    chosen = tirx.Select(score > top, tirx.Broadcast(c, _LANES), row(winner, at, _LANES))
                    store_row(winner, at, _LANES, chosen)
                    store_row(best, at, _LANES, tirx.Select(score > top, score, top))
            with T.serial(0, count) as s:
                T.buffer_store(scores, total[s], [s * head.classes + c])
        with T.serial(0, count) as s:
            T.buffer_store(classes, tirx.Cast("uint16", winner[s]), [s])

    return kernel(f"{prefix}_sum", _parameters(program, shape), tables, body, _ADD_BITS)


def _count(
    slots: Buffer, first_word: Buffer, planes: Buffer, n_planes: int, start: Expr, stop: Expr, flip: Expr, lanes: int
) -> None:
    """Add the rows of trees `start` to `stop`, each xor `flip`, to the planes.

    The sixteen rows of a tree and the four lowest planes go through full adders (Harley and Seal; Hacker's Delight,
    section 5-1), which leave one carry for the upper planes.
    """
    with T.serial(start, stop) as tree:
        low = [T.Bind(row(planes, plane, lanes)) for plane in range(_TREE)]
        rows = iter(range(1 << _TREE))

        def carry(level: int) -> Expr:
            """A row of weight 2**level, from 2**level rows and the planes below it."""
            if level == 0:
                first = first_word[(tree << _TREE) + next(rows)]
                return T.Bind(tirx.BufferLoad(slots, [tirx.Ramp(first, 1, lanes)]) ^ flip)
            a, b = carry(level - 1), carry(level - 1)
            c = low[level - 1]
            low[level - 1] = T.Bind(a ^ b ^ c)
            return T.Bind((a & b) | (c & (a | b)))

        upper = carry(_TREE)
        for plane in range(_TREE):
            store_row(planes, plane, lanes, low[plane])
        for plane in range(_TREE, n_planes):
            old = T.Bind(row(planes, plane, lanes))
            store_row(planes, plane, lanes, old ^ upper)
            upper = T.Bind(old & upper)


def _assemble(planes: Buffer, n_planes: int, word: Expr, part: int, shape: Shape) -> Expr:
    """Scores of the 16 samples `part` of a word: bit s of plane l has the weight 2**l."""
    score: Expr = constant(0, "int32", _LANES)
    for plane in range(n_planes):
        shifted = planes[plane * shape.lanes + word] >> constant(part * _LANES, shape.word)
        weight = constant(1 << plane, "int32", _LANES)
        score = tirx.call_extern(f"int32x{_LANES}", "lgn_add_bits", score, tirx.Cast("uint16", shifted), weight)
    return score


# Add a weight where a bit is set: with mask registers one instruction, elsewhere a few.
_ADD_BITS = f"""
define linkonce_odr hidden <{_LANES} x i32> @lgn_add_bits(
    <{_LANES} x i32> %sum, i{_LANES} %bits, <{_LANES} x i32> %weight) alwaysinline {{
  %mask = bitcast i{_LANES} %bits to <{_LANES} x i1>
  %part = select <{_LANES} x i1> %mask, <{_LANES} x i32> %weight, <{_LANES} x i32> zeroinitializer
  %result = add <{_LANES} x i32> %sum, %part
  ret <{_LANES} x i32> %result
}}
"""
