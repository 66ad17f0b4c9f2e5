"""Samples to packed bits: compare, and turn sample-major into signal-major."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.kernels.compare import float_above
from lgn_edge.kernels.encoding import INFINITY_KEY, Comparisons
from lgn_edge.kernels.shape import Shape
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
    row,
    scratch,
    store_row,
)
from lgn_edge.network.layers import Int32Array

_SQUARE = 64  # rows and columns of the bit matrix that is transposed at once
_LANES = 8  # words of a row, and blocks of 64 columns whose words are transposed together
_COMPARED = 16  # blocks that are compared together where that is all: their levels stay in registers
_NARROWEST = 8  # features that vector comparisons need at least


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
    emit = _pack_vector if _is_vector(bits, shape) else _pack_scalar
    return emit(bits, workspace, shape, prefix)


def extra_rows(bits: Comparisons, shape: Shape) -> int:
    """Rows behind the slots that packing works in."""
    rows = np.zeros_like(bits.feature)
    return _pieces(bits, rows, 0).form.extra_rows if _is_vector(bits, shape) else 0


def _is_vector(bits: Comparisons, shape: Shape) -> bool:
    return shape.lanes > 1 and bits.n_features >= _NARROWEST


def _parameters(bits: Comparisons, n_rows: int, shape: Shape) -> tuple[Parameter, ...]:
    return (
        Parameter("samples", bits.element, 1),
        Parameter("stride"),
        Parameter("count"),
        Parameter("slots", shape.word, (n_rows + extra_rows(bits, shape)) * shape.lanes),
    )


def _pack_scalar(bits: Comparisons, workspace: Workspace, shape: Shape, prefix: str) -> Kernel:
    """One comparison at a time: small, and best when a call has one sample."""
    level: Integers = bits.level.astype(np.int16 if bits.element == "uint8" else np.int32)
    tables = [Table(f"{prefix}_bit_feature", narrow(bits.feature)), Table(f"{prefix}_bit_level", level)]
    if workspace.scattered:
        tables.append(Table(f"{prefix}_bit_row", narrow(workspace.input_row)))

    def body(samples: Buffer, stride: Expr, count: Expr, slots: Buffer, *given: Buffer) -> None:
        compare_scalar(bits.element, stride, len(bits.feature), shape, samples, count, slots, *given)

    return kernel(f"{prefix}_pack", _parameters(bits, workspace.n_rows, shape), tables, body)


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
) -> None:
    """Emit one comparison at a time: bit i is that of `feature[i]` with `level[i]`, and goes to its row, i if none."""
    word = scratch(shape.word, 1)
    with T.serial(0, n_bits) as bit:
        column = T.Bind(as_index(feature[bit]))
        bound = T.Bind(as_index(level[bit]))
        to = bit if input_row is None else T.Bind(as_index(input_row[bit]))

        def above(s: Expr, column: Expr = column, bound: Expr = bound) -> Expr:
            x = samples[s * stride + column]
            return tirx.Cast(shape.word, float_above(x, bound) if element == "int32" else as_index(x) > bound)

        with T.serial(0, shape.lanes) as lane:
            first = T.Bind(lane * shape.word_bits)
            with T.If(first < count), T.Then():
                # the first sample starts the word: storing a zero first would become a call of memset
                T.buffer_store(word, above(first), [0])
                with T.serial(1, tirx.min(count - first, shape.word_bits)) as s:
                    T.buffer_store(word, word[0] | (above(first + s) << tirx.Cast(shape.word, s)), [0])
                T.buffer_store(slots, word[0], [to * shape.lanes + lane])


@dataclass(frozen=True)
class PackForm:
    """What the code of vector comparisons depends on.

    Attributes:
        element: as in `Comparisons`.
        width: features of a piece, 8, 16, 32 or 64.
        together: blocks that are compared, then transposed, at a time, 1..16.
    """

    element: str
    width: int
    together: int

    @property
    def per_block(self) -> int:
        """Pieces of a block of 64 columns."""
        return _SQUARE // self.width

    @property
    def halves(self) -> int:
        """Rows that hold a word of each block compared together."""
        return -(-self.together // _LANES)

    @property
    def extra_rows(self) -> int:
        """Rows behind the slots that packing works in: one that nobody reads, and squares to transpose."""
        return 1 + self.halves * _LANES * _SQUARE

    @property
    def above(self) -> str:
        """The symbol of the comparison of a piece."""
        return f"lgn_above_{self.element}x{self.width}"

    def llvm(self) -> str:
        """What it is in LLVM's IR."""
        return _compare_ir(self.above, self.element, self.width)


@dataclass(frozen=True)
class _Pieces:
    """Comparisons grouped into vectors of neighbouring features.

    A piece compares `width` neighbouring features of one sample with a level each. 64 / width pieces fill a block of 64
    columns; the 64 samples of a word and a block form the square that is transposed.

    Attributes:
        form: its `together` divides the blocks.
        start: int32[pieces], first feature.
        level: int32[pieces * width].
        slot: int32[blocks * 64], where each column goes.
        ones: int32[...], slots whose bit is 1 for every sample.
    """

    form: PackForm
    start: NDArray[np.int32]
    level: NDArray[np.int32]
    slot: NDArray[np.int32]
    ones: NDArray[np.int32]

    @property
    def blocks(self) -> int:
        """Blocks of 64 columns."""
        return len(self.slot) // _SQUARE


def _pieces(bits: Comparisons, rows: Int32Array, nowhere: int) -> _Pieces:
    width = min(_SQUARE, 1 << (bits.n_features.bit_length() - 1))
    always = bits.level < 0 if bits.element == "uint8" else np.zeros(len(bits.level), np.bool_)
    compared = np.flatnonzero(~always)
    order = compared[np.argsort(bits.feature[compared], kind="stable")]
    feature = bits.feature[order]
    # the first threshold of each feature is in plane 0, the second in plane 1, ...
    plane = np.arange(len(order)) - np.searchsorted(feature, feature)
    starts: list[int] = []
    piece = np.empty(len(order), np.int64)
    for p in range(int(plane.max(initial=-1)) + 1):
        members = np.flatnonzero(plane == p)
        at = 0
        while at < len(members):
            left = min(int(feature[members[at]]), bits.n_features - width)
            end = int(np.searchsorted(feature[members], left + width))
            piece[members[at:end]] = len(starts)
            starts.append(left)
            at = end
    per_block = _SQUARE // width
    blocks = -(-len(starts) // per_block)
    most = _COMPARED if blocks <= _COMPARED else _LANES
    together = max(1, -(-blocks // max(1, -(-blocks // most))))
    starts += [0] * (-(-blocks // together) * together * per_block - len(starts))
    start = np.array(starts, np.int32)
    column = piece * width + feature - start[piece] if len(order) else piece
    level = np.full(len(start) * width, 255 if bits.element == "uint8" else INFINITY_KEY, np.int32)
    slot = np.full(len(start) * width, nowhere, np.int32)
    level[column] = bits.level[order]
    slot[column] = rows[order]
    return _Pieces(PackForm(bits.element, width, together), start, level, slot, rows[always])


def _pack_vector(bits: Comparisons, workspace: Workspace, shape: Shape, prefix: str) -> Kernel:
    """Compare up to 64 features of a sample at once, then transpose 64 x 64 bits for all words of the row at once."""
    if shape.word_bits != _SQUARE or shape.lanes != _LANES:
        raise ValueError(f"the vector form packs {_LANES} words of 64 bits, not {shape}")
    n_rows = workspace.n_rows
    pieces = _pieces(bits, workspace.input_row, nowhere=n_rows)
    form, groups, ones = pieces.form, pieces.blocks // pieces.form.together, len(pieces.ones)
    level = pieces.level.astype(bits.element)
    tables = (
        Table(f"{prefix}_piece_feature", narrow(pieces.start)),
        Table(f"{prefix}_piece_level", level if len(level) else np.zeros(1, level.dtype)),
        Table(f"{prefix}_column_slot", narrow(pieces.slot)),
        Table(f"{prefix}_one_slot", narrow(pieces.ones)),
    )

    def body(samples: Buffer, stride: Expr, count: Expr, slots: Buffer, *given: Buffer) -> None:
        compare_vectors(form, stride, n_rows, groups, ones, samples, count, slots, *given)

    return kernel(f"{prefix}_pack", _parameters(bits, n_rows, shape), tables, body, form.llvm())


def compare_vectors(
    form: PackForm,
    stride: Expr,
    n_slots: int | Expr,
    n_groups: int | Expr,
    n_ones: int | Expr,
    samples: Buffer,
    count: Expr,
    slots: Buffer,
    start: Buffer,
    level: Buffer,
    column_slot: Buffer,
    one_slot: Buffer,
) -> None:
    """Emit vector comparisons and the transposition, from the tables of pieces.

    Where registers hold the levels of all blocks of 64 columns, samples are read from memory once, from front to back;
    else a few blocks at a time, whose features lie side by side.
    """
    width, per_block, together, halves = form.width, form.per_block, form.together, form.halves
    square = n_slots + 1  # [word, sample of the word, half] of lanes [block], then [block, ...] of lanes [word]

    def place(block_or_word: Expr, sample: Expr, half: int) -> Expr:
        return square + (block_or_word * _SQUARE + sample) * halves + half

    with T.serial(0, n_groups) as group:
        first = T.Bind(group * together)
        parts = [(first + lane) * per_block + p for lane in range(together) for p in range(per_block)]
        features = [T.Bind(as_index(start[piece])) for piece in parts]
        levels = [T.Bind(row(level, piece, width)) for piece in parts]
        with T.serial(0, count) as s:
            sample = T.Bind(s * stride)
            for lane in range(together):
                mask: Expr = constant(0, "uint64")
                for p in range(per_block):
                    i = lane * per_block + p
                    x = tirx.BufferLoad(samples, [tirx.Ramp(sample + features[i], 1, width)])
                    part = tirx.call_extern("uint64", form.above, x, levels[i])
                    mask = mask | (part << constant(p * width, "uint64"))
                T.buffer_store(slots, mask, [(square + s * halves) * _LANES + lane])
        for half in range(halves):
            blocks = range(half * _LANES, min(together, (half + 1) * _LANES))
            with T.serial(0, _SQUARE) as s:
                rows = [T.Bind(row(slots, place(word, s, half), _LANES)) for word in range(_LANES)]
                for lane, value in enumerate(_transpose_words(rows)[: len(blocks)]):
                    store_row(slots, place(lane, s, half), _LANES, value)
            with T.serial(0, len(blocks)) as lane:
                with T.serial(0, 8) as r:
                    places = [place(lane, 8 * i + r, half) for i in range(8)]
                    values = _transpose_bits([T.Bind(row(slots, at, _LANES)) for at in places], (32, 16, 8))
                    for at, value in zip(places, values, strict=True):
                        store_row(slots, at, _LANES, value)
                with T.serial(0, 8) as r:
                    columns = [8 * r + i for i in range(8)]
                    values = [T.Bind(row(slots, place(lane, column, half), _LANES)) for column in columns]
                    for column, value in zip(columns, _transpose_bits(values, (4, 2, 1)), strict=True):
                        slot = as_index(column_slot[(first + half * _LANES + lane) * _SQUARE + column])
                        store_row(slots, slot, _LANES, value)
    if not isinstance(n_ones, int) or n_ones:
        with T.serial(0, n_ones) as i:
            store_row(slots, as_index(one_slot[i]), _LANES, constant(2**64 - 1, "uint64", _LANES))


def _transpose_words(rows: list[Expr]) -> list[Expr]:
    """Transpose 8 rows of 8 lanes: swap off-diagonal blocks of 4, 2 and 1."""
    rows = list(rows)
    for half in (4, 2, 1):
        kept = [lane for lane in range(8) if not lane & half]
        for i in kept:
            pair = [rows[i], rows[i + half]]
            # lanes 0..7 are of the first row, 8..15 of the second
            upper = [lane if not lane & half else 8 + lane - half for lane in range(8)]
            lower = [lane + half if not lane & half else 8 + lane for lane in range(8)]
            rows[i] = T.Bind(tirx.Shuffle(pair, [tirx.const(lane, "int32") for lane in upper]))
            rows[i + half] = T.Bind(tirx.Shuffle(pair, [tirx.const(lane, "int32") for lane in lower]))
    return rows


def _transpose_bits(rows: list[Expr], halves: tuple[int, int, int]) -> list[Expr]:
    """Three of the six steps that transpose a 64 x 64 bit matrix, in every lane.

    A step swaps off-diagonal blocks of 32, 16, ... 1 bits between rows as far apart (Hacker's Delight, section 7-3, in
    least-significant-first order). `rows` are 8 that these steps combine with nobody else.
    """
    rows = list(rows)
    for half, distance in zip(halves, (4, 2, 1), strict=True):
        mask = constant(sum(1 << i for i in range(_SQUARE) if not i & half), "uint64", _LANES)
        shift = constant(half, "uint64", _LANES)
        for i in range(8):
            if not i & distance:
                upper, lower = rows[i], rows[i + distance]
                swap = T.Bind(((upper >> shift) ^ lower) & mask)
                rows[i] = T.Bind(upper ^ (swap << shift))
                rows[i + distance] = T.Bind(lower ^ swap)
    return rows


def _compare_ir(symbol: str, element: str, width: int) -> str:
    """LLVM IR of a vector comparison whose result is a 64-bit mask; it becomes one or a few instructions."""
    if element == "uint8":
        vector = f"<{width} x i8>"
        compare = f"%above = icmp ugt {vector} %x, %level\n"
    else:
        vector = f"<{width} x i32>"

        def splat(value: int) -> str:
            return "<" + ", ".join([f"i32 {value}"] * width) + ">"

        compare = (
            f"%sign = ashr {vector} %x, {splat(31)}\n"
            f"%flip = and {vector} %sign, {splat(0x7FFFFFFF)}\n"
            f"%key = xor {vector} %x, %flip\n"
            f"%greater = icmp sgt {vector} %key, %level\n"
            f"%number = icmp sle {vector} %key, {splat(INFINITY_KEY)}\n"
            f"%above = and <{width} x i1> %greater, %number\n"
        )
    widen = "%word = bitcast <64 x i1> %above to i64\n"
    if width < _SQUARE:
        widen = f"%bits = bitcast <{width} x i1> %above to i{width}\n%word = zext i{width} %bits to i64\n"
    return (
        f"define linkonce_odr hidden i64 @{symbol}({vector} %x, {vector} %level) alwaysinline {{\n"
        f"{compare}{widen}ret i64 %word\n}}\n"
    )
