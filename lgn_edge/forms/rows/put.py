"""Bits of words of positions into rows of samples, a sample at a time."""

from __future__ import annotations

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.rows.few import WORD_BITS, Few
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Kernel, Parameter, Table, as_index, constant, kernel, narrow


def put(few: Few, n_rows: int, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_put(const word *memory, word *slots)`: push a sample into rows.

    In the first word of each row that gates read, the samples that are there become the next ones, and the bit of this
    sample comes before them: the last sample goes first.

    Args:
        few: which bits, and their rows.
        n_rows: of the workspace.
        shape: the machine's row.
        prefix: of the C symbols.
    """
    tables = (
        Table(f"{prefix}_from", (few.word * np.int64(WORD_BITS) + few.bit).astype(np.uint32)),
        Table(f"{prefix}_to", narrow(few.row)),
    )
    parameters = (memory(few.positions), Parameter("slots", shape.word, n_rows * shape.lanes))

    def body(memory: Buffer, slots: Buffer, origin: Buffer, to: Buffer) -> None:
        with T.serial(0, len(few.row)) as i:
            entry = T.Bind(origin[i])
            word = memory[as_index(entry >> constant(WORD_BITS.bit_length() - 1, "uint32"))]
            bit = tirx.Cast(shape.word, entry & constant(WORD_BITS - 1, "uint32"))
            place = T.Bind(as_index(to[i]) * shape.lanes)
            value = slots[place] << constant(1, shape.word) | (word >> bit & constant(1, shape.word))
            T.buffer_store(slots, value, [place])

    return kernel(f"{prefix}_put", parameters, tables, body)
