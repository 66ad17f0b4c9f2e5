"""One sample into the words of the encoder's image: encoded from its features, or loaded from packed bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.encode import LEVEL_BITS, borrow, float_bits, sample_parameter
from lgn_edge.forms.positions.kernels import fill, memory
from lgn_edge.forms.positions.program import Image, Positions
from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.tir import Buffer, Expr, Integers, Kernel, Parameter, Table, as_index, constant, kernel, narrow
from lgn_edge.network.layers import Int32Array


@dataclass(frozen=True)
class Planes:
    """What the planes of an image compare, each every position with one level.

    Attributes:
        first: int32[planes], the feature of the first position.
        level: int32[planes], as in `Comparisons`.
        step: features from a position to the one below it, and to the one beside it.
    """

    first: Int32Array
    level: Int32Array
    step: tuple[int, int]


def planes_of(bits: Comparisons, image: Image) -> Planes | None:
    """What the planes compare, if they all do so in steps; `bits` are the encoder's, plane by plane."""
    shape = (len(image.channel), image.grid.y.length, image.grid.x.length)
    feature, level = bits.feature.reshape(shape), bits.level.reshape(shape)
    first = feature[:, :1, :1]
    down, right = (int(index[at]) for index, at in ((feature - first, at) for at in _neighbours(shape)))
    y, x = np.indices(shape[1:])
    if (feature != first + y * down + x * right).any() or (level != level[:, :1, :1]).any() or min(down, right) < 0:
        return None
    return Planes(first.reshape(-1), level[:, 0, 0], (down, right))


def _neighbours(shape: tuple[int, int, int]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    return (0, min(1, shape[1] - 1), 0), (0, 0, min(1, shape[2] - 1))


def pack(positions: Positions, bits: Comparisons, prefix: str) -> Kernel:
    """`void PREFIX_pack(const element *sample, uint32_t *memory)`: encode one sample.

    Args:
        positions: whose image it is.
        bits: the comparisons of its planes, position by position.
        prefix: of the C symbols.
    """
    image = positions.images[0]
    planes = planes_of(bits, image)
    feature, level = (bits.feature, bits.level) if planes is None else (planes.first, planes.level)
    octets = bits.element == "uint8"
    levels: Integers = level.astype(np.int16) if octets else level
    tables = (Table(f"{prefix}_feature", narrow(feature)), Table(f"{prefix}_level", levels))

    def body(sample: Buffer, memory: Buffer, feature: Buffer, level: Buffer) -> None:
        def bit(plane: Expr, y: Expr, x: Expr) -> Expr:
            entry = plane
            step = constant(0, "int32")
            if planes is None:
                entry = T.Bind((plane * image.grid.y.length + y) * image.grid.x.length + x)
            else:
                step = y * planes.step[0] + x * planes.step[1]
            value, limit = sample[as_index(feature[entry]) + step], as_index(level[entry])
            if octets:
                return tirx.Cast("uint32", borrow(limit - as_index(value), LEVEL_BITS))
            return tirx.Cast("uint32", float_above(float_bits(value), limit))

        fill(image, memory, bit)

    return kernel(f"{prefix}_pack", [sample_parameter(bits), memory(positions)], tables, body)


def load(positions: Positions, word: str, prefix: str) -> Kernel:
    """`void PREFIX_load(const word *words, int32_t stride, int32_t bit, uint32_t *memory)`: one packed sample.

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
            return tirx.Cast("uint32", value)

        fill(image, memory, loaded)

    return kernel(f"{prefix}_load", parameters, (table,), body)
