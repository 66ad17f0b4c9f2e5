"""One sample into the words of the encoder's image: encoded from its features, or loaded from packed bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.encode import EDGE_BITS, LEVEL_BITS, borrow, float_bits
from lgn_edge.forms.positions.memory import memory
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
from lgn_edge.passes.kernel_tables import IntArray

_BESIDE: Final = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # rows and columns; the first is a feature itself


@dataclass(frozen=True)
class Planes:
    """What the planes of an image compare, each every position with one level.

    Attributes:
        first: int32[planes], the feature of the first position.
        level: int32[planes], as in `Comparisons`.
        beside: of each plane, how many rows and columns behind a position the feature is that it compares, or the last
            one in the image; what is subtracted is as many before it, or the first one. Nothing is where both are 0.
        step: features from a position to the one below it, and to the one beside it.
    """

    first: Int32Array
    level: Int32Array
    beside: tuple[Pair, ...]
    step: Pair

    def runs(self) -> list[tuple[Pair, Pair]]:
        """The planes in a row that look at the same places: where these are, and the first plane and the end."""
        ends = [(beside, len(list(same))) for beside, same in groupby(self.beside)]
        starts = np.cumsum([0, *(count for _, count in ends)]).tolist()
        return [(beside, (start, start + count)) for (beside, count), start in zip(ends, starts, strict=False)]


def planes_of(bits: Comparisons, image: Image) -> Planes | None:
    """What the planes compare, if they all do so in steps; `bits` are the encoder's, plane by plane."""
    shape = (len(image.channel), image.grid.y.length, image.grid.x.length)
    feature, minus, level = (each.reshape(shape) for each in (bits.feature, bits.minus, bits.level))
    plain = feature[(minus < 0).all((1, 2))]
    if not len(plain) or (level != level[:, :1, :1]).any():
        return None
    below, right = (int(plain[0][at] - plain[0, 0, 0]) for at in _neighbours(shape))
    first = np.where(minus < 0, feature, np.minimum(feature, minus)).min((1, 2))
    found = (_beside(*plane, (below, right)) for plane in zip(feature, minus, first.tolist(), strict=True))
    beside = tuple(where for where in found if where is not None)
    if min(below, right) < 0 or len(beside) < len(first):
        return None
    return Planes(first, level[:, 0, 0], beside, (below, right))


def _neighbours(shape: tuple[int, int, int]) -> tuple[Pair, Pair]:
    return (min(1, shape[1] - 1), 0), (0, min(1, shape[2] - 1))


def _beside(feature: Int32Array, minus: Int32Array, first: int, step: Pair) -> Pair | None:
    """Where a plane looks, if all its positions look there (see `Planes`)."""
    y, x = np.indices(feature.shape)

    def at(down: int, right: int) -> IntArray:
        rows, columns = feature.shape
        row, column = np.clip(y + down, 0, rows - 1), np.clip(x + right, 0, columns - 1)
        return np.asarray(first + row * step[0] + column * step[1])

    for down, right in _BESIDE:
        opposite = at(-down, -right) if down or right else np.full_like(minus, -1)
        if np.array_equal(feature, at(down, right)) and np.array_equal(minus, opposite):
            return down, right
    return None


def pack(positions: Positions, bits: Comparisons, parameter: Parameter, prefix: str) -> Kernel:
    """`void PREFIX_pack(const element *sample, word *memory)`: encode one sample.

    Args:
        positions: whose image it is.
        bits: the comparisons of its planes, position by position.
        parameter: the sample: its features, or for float32 their bit patterns as int32.
        prefix: of the C symbols.
    """
    image = positions.images[0]
    planes = planes_of(bits, image)
    octets, listed = bits.element == "uint8", planes is None and bool(bits.is_edge.any())
    tables = [Table(f"{prefix}_{name}", values) for name, values in pack_tables(bits, planes).items()]

    def body(sample: Buffer, memory: Buffer, feature: Buffer, level: Buffer, *minus: Buffer) -> None:
        def above(value: Expr, limit: Expr, subtracted: Expr | None = None) -> Expr:
            if not octets:
                pattern = value if parameter.dtype == bits.element else float_bits(value)
                return tirx.Cast(positions.word, float_above(pattern, limit))
            if subtracted is None:
                return tirx.Cast(positions.word, borrow(limit - as_index(value), LEVEL_BITS))
            return tirx.Cast(positions.word, borrow(limit - as_index(value) + subtracted, EDGE_BITS))

        def of_tables(plane: Expr, y: Expr, x: Expr) -> Expr:
            entry = T.Bind((plane * image.grid.y.length + y) * image.grid.x.length + x)
            value, subtracted = sample[as_index(feature[entry])], None
            if listed:
                other = T.Bind(as_index(minus[0][entry]))
                kept = as_index(sample[tirx.max(other, constant(0, "int32"))])
                subtracted = tirx.Select(other < 0, constant(0, "int32"), kept)
            return above(value, as_index(level[entry]), subtracted)

        def beside(down: int, right: int, step: Pair) -> Callable[[Expr, Expr, Expr], Expr]:
            def of_plane(plane: Expr, y: Expr, x: Expr) -> Expr:
                first, limit = as_index(feature[plane]), as_index(level[plane])

                def at(down: int, right: int) -> Expr:
                    row, column = _inside(y, down, image.grid.y.length), _inside(x, right, image.grid.x.length)
                    return sample[first + row * step[0] + column * step[1]]

                return above(at(down, right), limit, as_index(at(-down, -right)) if down or right else None)

            return of_plane

        if planes is None:
            _fill(image, (0, len(image.channel)), memory, of_tables)
            return
        for where, run in planes.runs():
            _fill(image, run, memory, beside(*where, planes.step))

    return kernel(f"{prefix}_pack", [parameter, memory(positions)], tables, body)


def pack_tables(bits: Comparisons, planes: Planes | None) -> dict[str, Integers]:
    """What `pack` reads, of each plane, or of each position where planes are none."""
    feature, level = (bits.feature, bits.level) if planes is None else (planes.first, planes.level)
    levels: Integers = level.astype(np.int16) if bits.element == "uint8" else level
    tables = {"feature": narrow(feature), "level": levels}
    return tables | {"minus": signed(bits.minus)} if planes is None and bits.is_edge.any() else tables


def _inside(at: Expr, beside: int, length: int) -> Expr:
    """A coordinate that many behind another, or the end of the image."""
    if not beside:
        return at
    last = constant(length - 1, "int32") if beside > 0 else constant(0, "int32")
    return (tirx.min if beside > 0 else tirx.max)(at + beside, last)


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
