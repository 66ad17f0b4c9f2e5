"""One sample into the words of the encoder's image: encoded from its features, or loaded from packed bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.encode import EDGE_BITS, borrow, float_bits
from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.positions.program import Image, Positions, runs
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
from lgn_edge.passes.kernel_tables import BoolArray


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


def pack(positions: Positions, bits: Comparisons, parameter: Parameter, prefix: str) -> Kernel:
    """`void PREFIX_pack(const element *sample, word *memory)`: encode one sample.

    Args:
        positions: whose image it is.
        bits: the comparisons of its planes, position by position.
        parameter: the sample: its features, or for float32 their bit patterns as int32.
        prefix: of the C symbols.
    """
    image, octets = positions.images[0], bits.element == "uint8"
    planes = planes_of(bits, image)
    tables = [Table(f"{prefix}_{name}", values) for name, values in pack_tables(bits, planes).items()]

    def body(sample: Buffer, memory: Buffer, first: Buffer, level: Buffer, *minus: Buffer) -> None:
        def bit(edge: bool, plane: Expr, y: Expr, x: Expr) -> Expr:
            entry, step = plane, y * planes.step[0] + x * planes.step[1] if planes else 0
            if planes is None:
                entry = T.Bind((plane * image.grid.y.length + y) * image.grid.x.length + x)
            value, limit = sample[as_index(first[entry]) + step], as_index(level[entry])
            if not octets:
                pattern = value if parameter.dtype == bits.element else float_bits(value)
                return tirx.Cast(positions.word, float_above(pattern, limit))
            difference = limit - as_index(value)
            if edge:
                other = T.Bind(as_index(minus[0][entry]))
                subtracted = as_index(sample[other + step])
                if planes is None:
                    subtracted = tirx.if_then_else(other < 0, constant(0, "int32"), subtracted)
                difference = difference + subtracted
            return tirx.Cast(positions.word, borrow(difference, EDGE_BITS))

        for edge, start, stop in runs(edge_planes(bits, image)):
            _fill(image, (start, stop), memory, partial(bit, bool(edge)))

    return kernel(f"{prefix}_pack", [parameter, memory(positions)], tables, body)


def pack_tables(bits: Comparisons, planes: Planes | None) -> dict[str, Integers]:
    """What `pack` reads, of each plane, or of each position where planes are none."""
    first, of = (bits.feature, bits) if planes is None else (planes.first, planes)
    levels: Integers = of.level.astype(np.int16) if bits.element == "uint8" else of.level
    tables = {"feature": narrow(first), "level": levels}
    return tables | {"minus": signed(of.minus)} if bits.is_edge.any() else tables


def edge_planes(bits: Comparisons, image: Image) -> BoolArray:
    """bool[planes], which have differences."""
    return np.asarray(bits.is_edge.reshape(len(image.channel), -1).any(axis=1))


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

        _fill(image, (0, len(image.channel)), memory, loaded)

    return kernel(f"{prefix}_load", parameters, (table,), body)


def _fill(image: Image, planes: Pair, memory: Buffer, bit: Callable[[Expr, Expr, Expr], Expr]) -> None:
    """Emit the words of planes, from one to that behind the last; `bit(plane, y, x)` is a position, 0 or 1."""
    grid, word = image.grid, str(memory.dtype)

    def words(plane: Expr, rows: Sequence[int], v: Expr, columns: Sequence[int], u: Expr) -> None:
        value = constant(0, word)
        for row in rows:
            for column in columns:
                lane = row * grid.y.pitch + column * grid.x.pitch
                one = bit(plane, v + row * grid.y.phases, u + column * grid.x.phases)
                value = T.Bind(value | one << constant(lane, word))
        place = (v - image.y[0]) * image.shape[1] + u - image.x[0]
        T.buffer_store(memory, value, [plane * image.plane + image.first + place])

    with T.serial(*planes) as plane:
        for rows, (first_row, last_row) in grid.y.alike():
            with T.serial(first_row, last_row) as v:
                for columns, (first_column, last_column) in grid.x.alike():
                    with T.serial(first_column, last_column) as u:
                        words(plane, rows, v, columns, u)
