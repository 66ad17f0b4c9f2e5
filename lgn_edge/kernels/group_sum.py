"""Packed bits to scores and classes: count the ones of each class's rows, take the first maximum."""

from __future__ import annotations

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
    scratch,
)
from lgn_edge.network import GroupSum
from lgn_edge.passes.schedule import Program


def group_sum(program: Program, head: GroupSum, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_sum(word *slots, int32_t count, int32_t *scores, uint16_t *classes)`: finish one block.

    Writes scores[count][classes] and classes[count] for the first `count` samples of the block, 0..shape.samples, one
    sample after the other: small, and best when a call has one sample.

    Args:
        program: names the slot of each output, and whether it is complemented.
        head: classes and their blocks of outputs.
        shape: the machine's row.
        prefix: of the C symbols.
    """
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


def _parameters(program: Program, shape: Shape) -> tuple[Parameter, ...]:
    return (
        Parameter("slots", shape.word, program.n_slots * shape.lanes),
        Parameter("count"),
        Parameter("scores", "int32", 1),
        Parameter("classes", "uint16", 1),
    )


def _by_class(program: Program, head: GroupSum) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Slots int32[classes, group], those counted as they are before those complemented, and how many are the former."""
    inverted = program.output_inverted.reshape(head.classes, head.group)
    slot = program.output_slot.reshape(head.classes, head.group)
    order = np.lexsort((slot, inverted), axis=1)
    slot = np.take_along_axis(slot, order, axis=1)
    return slot, (~inverted).sum(axis=1).astype(np.int32)


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
