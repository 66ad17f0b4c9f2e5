"""Bits that the caller has packed already: rows into slots."""

from __future__ import annotations

from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, Table, as_index, kernel, narrow


def load(workspace: Workspace, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_load(const word *words, int32_t stride, int32_t count, word *slots)`: copy one block.

    `words` points at the block's first word of signal 0; signal i is `stride` words further for each i. `count` words
    of a row are read, 1..shape.lanes; the rest of the row is undefined.
    """
    tables = [Table(f"{prefix}_input_bit", narrow(workspace.input_bit))]
    scattered = workspace.scattered
    if scattered:
        tables.append(Table(f"{prefix}_input_row", narrow(workspace.input_row)))

    parameters = (
        Parameter("words", shape.word, 1),
        Parameter("stride"),
        Parameter("count"),
        Parameter("slots", shape.word, workspace.n_rows * shape.lanes),
    )

    def body(words: Buffer, stride: Expr, count: Expr, slots: Buffer, input_bit: Buffer, *row: Buffer) -> None:
        copy_rows(len(workspace.input_bit), shape, words, stride, count, slots, input_bit, *row)

    return kernel(f"{prefix}_load", parameters, tables, body)


def copy_rows(
    n_bits: int | Expr,
    shape: Shape,
    words: Buffer,
    stride: Expr,
    count: Expr,
    slots: Buffer,
    input_bit: Buffer,
    input_row: Buffer | None = None,
) -> None:
    """Emit what `load` does; input i goes to row i where no rows are given."""
    with T.serial(0, n_bits) as i:
        first = T.Bind(as_index(input_bit[i]) * stride)
        to = i if input_row is None else T.Bind(as_index(input_row[i]))
        for word in range(shape.lanes):  # not a loop: LLVM would make it a call of memcpy
            with T.If(word < count), T.Then():
                T.buffer_store(slots, words[first + word], [to * shape.lanes + word])
