"""Bits that the caller has packed already: rows into slots."""

from __future__ import annotations

from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.schedule import UniformProgram
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, Table, as_index, kernel, narrow


def load(program: UniformProgram, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_load(const word *words, int32_t stride, int32_t count, word *slots)`: copy one block.

    `words` points at the block's first word of signal 0; signal i is `stride` words further for each i. `count` words
    of a row are read, 1..shape.lanes; the rest of the row is undefined.
    """
    tables = (Table(f"{prefix}_input_bit", narrow(program.input_bit)),)

    parameters = (
        Parameter("words", shape.word, 1),
        Parameter("stride"),
        Parameter("count"),
        Parameter("slots", shape.word, program.n_slots * shape.lanes),
    )

    def body(words: Buffer, stride: Expr, count: Expr, slots: Buffer, input_bit: Buffer) -> None:
        copy_rows(len(program.input_bit), shape, words, stride, count, slots, input_bit)

    return kernel(f"{prefix}_load", parameters, tables, body)


def copy_rows(
    n_bits: int | Expr, shape: Shape, words: Buffer, stride: Expr, count: Expr, slots: Buffer, input_bit: Buffer
) -> None:
    """Emit what `load` does."""
    with T.serial(0, n_bits) as i:
        first = T.Bind(as_index(input_bit[i]) * stride)
        for word in range(shape.lanes):  # not a loop: LLVM would make it a call of memcpy
            with T.If(word < count), T.Then():
                T.buffer_store(slots, words[first + word], [i * shape.lanes + word])
