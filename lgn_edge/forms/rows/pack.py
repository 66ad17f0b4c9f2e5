"""Samples to packed bits: the kernel, in a section for each kind of comparison."""

from __future__ import annotations

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lgn_edge.forms.rows.pack_scalar import scalar_section
from lgn_edge.forms.rows.pack_vectors import is_vector, vector_extra_rows, vector_section
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, kernel


def pack(bits: Comparisons, workspace: Workspace, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_pack(const element *samples, int32_t stride, int32_t count, word *slots)`: encode one block.

    A sample begins `stride` elements behind the one before it, a negative number when they go backwards. Bit i of the
    encoder's live bits goes to its row. `count` samples are read, 0..shape.samples; the bits behind them are undefined.
    The vector form uses `extra_rows` rows behind those of values.

    Args:
        bits: the comparisons.
        workspace: says where the bits go.
        shape: the machine's row.
        prefix: of the C symbols.
    """
    sections = []
    for chosen, kind in _kinds(bits):
        part, rows = bits.of(chosen), workspace.input_row[chosen]
        section = vector_section if is_vector(part, shape) else scalar_section
        sections.append(section(part, rows, workspace.n_rows, shape, f"{prefix}{kind}"))
    tables = tuple(table for section in sections for table in section.tables)
    parameters = (
        Parameter("samples", bits.element, 1),
        Parameter("stride"),
        Parameter("count"),
        Parameter("slots", shape.word, (workspace.n_rows + extra_rows(bits, shape)) * shape.lanes),
    )

    def body(samples: Buffer, stride: Expr, count: Expr, slots: Buffer, *given: Buffer) -> None:
        left = iter(given)
        for section in sections:
            section.emit(stride, samples, count, slots, *islice(left, len(section.tables)))

    return kernel(f"{prefix}_pack", parameters, tables, body, "".join(section.llvm for section in sections))


def extra_rows(bits: Comparisons, shape: Shape) -> int:
    """Rows behind the slots that packing works in."""
    parts = [bits.of(chosen) for chosen, _ in _kinds(bits)]
    return max((vector_extra_rows(part) for part in parts if is_vector(part, shape)), default=0)


def _kinds(bits: Comparisons) -> list[tuple[NDArray[np.bool_], str]]:
    """The bits that are compared together, with a word for their tables: those of features, and edges."""
    edge = bits.is_edge
    kinds = [(~edge, ""), (edge, "_edge")]
    return [(chosen, kind) for chosen, kind in kinds if chosen.any()] or kinds[:1]
