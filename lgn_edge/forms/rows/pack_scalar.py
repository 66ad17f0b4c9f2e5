"""Samples to packed bits, one comparison at a time."""

from __future__ import annotations

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.pack_section import Section
from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Integers, Table, as_index, narrow, scratch
from lgn_edge.network.layers import Int32Array


def scalar_section(bits: Comparisons, rows: Int32Array, n_rows: int, shape: Shape, prefix: str) -> Section:
    """One comparison at a time: small, and best when a call has one sample."""
    level: Integers = bits.level.astype(np.int16 if bits.element == "uint8" else np.int32)
    tables = {
        "feature": Table(f"{prefix}_bit_feature", narrow(bits.feature)),
        "level": Table(f"{prefix}_bit_level", level),
    }
    if bits.is_edge.any():
        tables["minus"] = Table(f"{prefix}_bit_minus", narrow(bits.minus))
    if not np.array_equal(rows, np.arange(len(rows))):
        tables["input_row"] = Table(f"{prefix}_bit_row", narrow(rows))

    def emit(stride: Expr, samples: Buffer, count: Expr, slots: Buffer, *given: Buffer) -> None:
        named = dict(zip(tables, given, strict=True))
        compare_scalar(bits.element, stride, len(bits.feature), shape, samples, count, slots, **named)

    return Section(tuple(tables.values()), emit)


def compare_scalar(
    element: str,
    stride: Expr,
    n_bits: int | Expr,
    shape: Shape,
    samples: Buffer,
    count: Expr,
    slots: Buffer,
    feature: Buffer,
    level: Buffer,
    input_row: Buffer | None = None,
    minus: Buffer | None = None,
) -> None:
    """Emit one comparison at a time: bit i is that of `feature[i]` with `level[i]`, and goes to its row, i if none.

    With `minus`, the feature `minus[i]` is subtracted first.
    """
    word = scratch(shape.word, 1)
    with T.serial(0, n_bits) as bit:
        column = T.Bind(as_index(feature[bit]))
        bound = T.Bind(as_index(level[bit]))
        to = bit if input_row is None else T.Bind(as_index(input_row[bit]))
        other = None if minus is None else T.Bind(as_index(minus[bit]))

        def above(s: Expr, column: Expr = column, bound: Expr = bound, other: Expr = other) -> Expr:
            x = samples[s * stride + column]
            if element == "int32":
                return tirx.Cast(shape.word, float_above(x, bound))
            value = as_index(x) if other is None else as_index(x) - as_index(samples[s * stride + other])
            return tirx.Cast(shape.word, value > bound)

        with T.serial(0, shape.lanes) as lane:
            first = T.Bind(lane * shape.word_bits)
            with T.If(first < count), T.Then():
                # the first sample starts the word: storing a zero first would become a call of memset
                T.buffer_store(word, above(first), [0])
                with T.serial(1, tirx.min(count - first, shape.word_bits)) as s:
                    T.buffer_store(word, word[0] | (above(first + s) << tirx.Cast(shape.word, s)), [0])
                T.buffer_store(slots, word[0], [to * shape.lanes + lane])
