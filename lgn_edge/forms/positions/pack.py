"""One sample into the words of the encoder's image: encoded from its features, or loaded from packed bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.encode import EDGE_BITS, borrow, float_bits, sample_parameter
from lgn_edge.forms.positions.kernels import fill, memory, runs
from lgn_edge.forms.positions.program import Image, Positions
from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.tir import (
    Buffer,
    Expr,
    Integers,
    Kernel,
    Parameter,
    Table,
    as_index,
    constant,
    kernel,
    narrow,
    signed,
)
from lgn_edge.network.convolution import Pair
from lgn_edge.network.layers import Int32Array


@dataclass(frozen=True)
class Planes:
    """What the planes of an image compare, each every position with one level.

    Attributes:
        first: int32[planes], the feature of the first position.
        minus: int32[planes], the feature that is subtracted there; -1 where none is.
        level: int32[planes], as in `Comparisons`.
        step: features from a position to the one below it, and to the one beside it.
    """

    first: Int32Array
    minus: Int32Array
    level: Int32Array
    step: Pair


def planes_of(bits: Comparisons, image: Image) -> Planes | None:
    """What the planes compare, if they all do so in steps; `bits` are the encoder's, plane by plane."""
    shape = (len(image.channel), image.grid.y.length, image.grid.x.length)
    feature, level, minus = (array.reshape(shape) for array in (bits.feature, bits.level, bits.minus))
    first, first_minus = feature[:, :1, :1], minus[:, :1, :1]
    below, beside = (0, min(1, shape[1] - 1), 0), (0, 0, min(1, shape[2] - 1))
    down, right = (int((feature - first)[at]) for at in (below, beside))
    y, x = np.indices(shape[1:])
    moved = y * down + x * right
    regular = (feature == first + moved).all() and (level == level[:, :1, :1]).all()
    alike = (minus == np.where(first_minus < 0, -1, first_minus + moved)).all()
    if not (regular and alike) or min(down, right) < 0:
        return None
    return Planes(first.reshape(-1), first_minus.reshape(-1), level[:, 0, 0], (down, right))


def pack(positions: Positions, bits: Comparisons, prefix: str) -> Kernel:
    """`void PREFIX_pack(const element *sample, word *memory)`: encode one sample.

    Args:
        positions: whose image it is.
        bits: the comparisons of its planes, position by position.
        prefix: of the C symbols.
    """
    image = positions.images[0]
    planes = planes_of(bits, image)
    size = image.grid.y.length * image.grid.x.length
    entries = bits if planes is None else planes
    first, minus, level = bits.feature if planes is None else planes.first, entries.minus, entries.level
    octets = bits.element == "uint8"
    levels: Integers = level.astype(np.int16) if octets else level
    tables = [Table(f"{prefix}_feature", narrow(first)), Table(f"{prefix}_level", levels)]
    edges = np.asarray(bits.is_edge.reshape(-1, size).any(axis=1))  # of each plane, whether it has any
    if edges.any():
        tables.append(Table(f"{prefix}_minus", signed(minus)))

    def body(sample: Buffer, memory: Buffer, first: Buffer, level: Buffer, *minus: Buffer) -> None:
        def bit(edge: bool, plane: Expr, y: Expr, x: Expr) -> Expr:
            entry, step = plane, y * planes.step[0] + x * planes.step[1] if planes else 0
            if planes is None:
                entry = T.Bind((plane * image.grid.y.length + y) * image.grid.x.length + x)
            value, limit = sample[as_index(first[entry]) + step], as_index(level[entry])
            if not octets:
                return tirx.Cast(positions.word, float_above(float_bits(value), limit))
            difference = limit - as_index(value)
            if edge:
                other = T.Bind(as_index(minus[0][entry]))
                subtracted = as_index(sample[other + step])
                if planes is None:
                    subtracted = tirx.if_then_else(other < 0, constant(0, "int32"), subtracted)
                difference = difference + subtracted
            return tirx.Cast(positions.word, borrow(difference, EDGE_BITS))

        for edge, start, stop in runs(edges):
            fill(image, (start, stop), memory, partial(bit, bool(edge)))

    return kernel(f"{prefix}_pack", [sample_parameter(bits), memory(positions)], tables, body)


def load(positions: Positions, word: str, prefix: str) -> Kernel:
    """`void PREFIX_load(const packed *words, int32_t stride, int32_t bit, word *memory)`: one packed sample.

    `words` points at the word of signal 0 that holds the sample, as bit `bit`; signal i is `stride` words further for
    each i.
    """
    image = positions.images[0]
    height, width = image.grid.y.length, image.grid.x.length
    table = Table(f"{prefix}_channel", narrow(image.channel))
    parameters = (Parameter("words", word, 1), Parameter("stride"), Parameter("bit"), memory(positions))

    def body(words: Buffer, stride: Expr, bit: Expr, memory: Buffer, channel: Buffer) -> None:
        def loaded(plane: Expr, y: Expr, x: Expr) -> Expr:
            signal = T.Bind((as_index(channel[plane]) * height + y) * width + x)
            value = words[signal * stride] >> tirx.Cast(word, bit) & constant(1, word)
            return tirx.Cast(positions.word, value)

        fill(image, (0, len(image.channel)), memory, loaded)

    return kernel(f"{prefix}_load", parameters, (table,), body)
