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


@dataclass(frozen=True)
class _Groups:
    """The outputs class by class, those to be counted as they are before those to be complemented.

    Attributes:
        group: outputs of a class.
        slot: int32[classes * group].
        plain: int32[classes], how many of a class are counted as they are.
    """

    group: int
    slot: NDArray[np.int32]
    plain: NDArray[np.int32]


def _groups(program: Program, head: GroupSum) -> _Groups:
    inverted = program.output_inverted.reshape(head.classes, head.group)
    order = np.argsort(inverted, axis=1, kind="stable")
    slot = np.take_along_axis(program.output_slot.reshape(head.classes, head.group), order, axis=1)
    return _Groups(head.group, slot.ravel(), (~inverted).sum(axis=1).astype(np.int32))


def group_sum(program: Program, head: GroupSum, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_sum(const word *slots, int32_t count, int32_t *scores, uint16_t *classes)`: finish one block.

    Writes scores[count][classes] and classes[count] for the first `count` samples of the block, 0..shape.samples.

    Args:
        program: names the slot of each output, and whether it is complemented.
        head: classes and their blocks of outputs.
        shape: the machine's row.
        prefix: of the C symbols.
    """
    groups = _groups(program, head)
    tables = (Table(f"{prefix}_output_slot", narrow(groups.slot)), Table(f"{prefix}_plain", narrow(groups.plain)))
    emit = _sum_vector if shape.lanes > 1 else _sum_scalar

    parameters = (
        Parameter("slots", shape.word, program.n_slots * shape.lanes),
        Parameter("count"),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
    )

    def body(slots: Buffer, count: Expr, scores: Buffer, classes: Buffer, slot: Buffer, plain: Buffer) -> None:
        emit(slot, plain, slots, count, scores, classes, head, shape)

    return kernel(f"{prefix}_sum", parameters, tables, body)


def _sum_scalar(
    slot: Buffer,
    plain: Buffer,
    slots: Buffer,
    count: Expr,
    scores: Buffer,
    classes: Buffer,
    head: GroupSum,
    shape: Shape,
) -> None:
    """One sample after the other: small, and best when a call has one sample."""
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


def _sum_vector(
    slot: Buffer,
    plain: Buffer,
    slots: Buffer,
    count: Expr,
    scores: Buffer,
    classes: Buffer,
    head: GroupSum,
    shape: Shape,
) -> None:
    """Vertical counters: plane l of a class holds bit l of the count of every sample; then planes become numbers."""
    lanes, samples = shape.lanes, shape.samples
    n_planes = head.group.bit_length()
    planes = scratch(shape.word, n_planes * lanes)
    total = scratch("int32", samples)
    with T.serial(0, head.classes) as c:
        with T.serial(0, n_planes) as plane:
            store_row(planes, plane, lanes, constant(0, shape.word, lanes))
        first = T.Bind(c * head.group)
        middle = T.Bind(first + as_index(plain[c]))
        _count(slot, slots, planes, n_planes, first, middle, constant(0, shape.word, lanes), lanes)
        ones = constant(2**shape.word_bits - 1, shape.word, lanes)
        _count(slot, slots, planes, n_planes, middle, first + head.group, ones, lanes)
        with T.serial(0, samples // _LANES) as j:
            store_row(total, j, _LANES, _assemble(planes, n_planes, j, shape))
        with T.serial(0, count) as s:
            T.buffer_store(scores, total[s], [s * head.classes + c])
    _first_maximum(scores, classes, count, head)


def _count(
    slot: Buffer, slots: Buffer, planes: Buffer, n_planes: int, start: Expr, stop: Expr, flip: Expr, lanes: int
) -> None:
    """Add the rows `slot[start:stop]`, each xor `flip`, to the planes.

    Sixteen rows at a time go through a carry-save tree (Harley and Seal; Hacker's Delight, section 5-1), which leaves
    one carry for the upper planes; the rows that are left ripple one by one.
    """
    tree = 1 << _TREE

    def ripple(carry: Expr, lowest: int) -> None:
        for plane in range(lowest, n_planes):
            old = T.Bind(row(planes, plane, lanes))
            store_row(planes, plane, lanes, old ^ carry)
            carry = T.Bind(old & carry)

    whole = T.Bind((stop - start) // tree if n_planes > _TREE else constant(0, "int32"))
    if n_planes > _TREE:
        with T.serial(0, whole) as block:
            low = [T.Bind(row(planes, plane, lanes)) for plane in range(_TREE)]
            rows = iter(range(tree))

            def carry(level: int) -> Expr:
                """A row of weight 2**level, from 2**level rows and the plane below it."""
                if level == 0:
                    return T.Bind(row(slots, as_index(slot[start + block * tree + next(rows)]), lanes) ^ flip)
                a, b = carry(level - 1), carry(level - 1)
                c = low[level - 1]
                low[level - 1] = T.Bind(a ^ b ^ c)
                return T.Bind((a & b) | (c & (a | b)))

            upper = carry(_TREE)
            for plane in range(_TREE):
                store_row(planes, plane, lanes, low[plane])
            ripple(upper, _TREE)
    with T.serial(start + whole * tree, stop) as i:
        ripple(T.Bind(row(slots, as_index(slot[i]), lanes) ^ flip), 0)


def _assemble(planes: Buffer, n_planes: int, j: Expr, shape: Shape) -> Expr:
    """Scores of samples 16*j .. 16*j + 15: bit s of plane l has the weight 2**l."""
    per_word = shape.word_bits // _LANES
    score: Expr = constant(0, "int32", _LANES)
    position = tirx.Ramp(tirx.const(0, "uint32"), tirx.const(1, "uint32"), _LANES)
    for plane in range(n_planes):
        word = planes[plane * shape.lanes + j // per_word]
        part = tirx.Cast("uint32", word >> tirx.Cast(shape.word, j % per_word * _LANES))
        bits = (tirx.Broadcast(part, _LANES) >> position) & constant(1, "uint32", _LANES)
        score = score + (tirx.Cast(f"int32x{_LANES}", bits) << constant(plane, "int32", _LANES))
    return score
