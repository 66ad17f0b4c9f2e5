"""Samples to packed bits: vectors of comparisons, and the transposition from sample-major to signal-major."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.pack_section import Section
from lgn_edge.kernels.encoding import INFINITY_KEY, Comparisons
from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Table, as_index, constant, narrow, row, store_row
from lgn_edge.network.layers import Int32Array

_SQUARE = 64  # rows and columns of the bit matrix that is transposed at once
_LANES = 8  # words of a row, and blocks of 64 columns whose words are transposed together
_COMPARED = 16  # blocks that are compared together where that is all: their levels stay in registers
_NARROWEST = 8  # features that vector comparisons need at least


def is_vector(bits: Comparisons, shape: Shape) -> bool:
    """Whether there are features enough for vectors, and vectors."""
    return shape.lanes > 1 and _room(bits) >= _NARROWEST


def _room(bits: Comparisons) -> int:
    """Features that a vector may have: where it begins, the one that is subtracted from it must fit as well."""
    return bits.n_features - int(np.abs(_distance(bits)).max(initial=0))


def _distance(bits: Comparisons) -> Int32Array:
    """int32[bits], how far behind its feature the one is that is subtracted from it."""
    return np.where(bits.is_edge, bits.minus - bits.feature, 0).astype(np.int32)


@dataclass(frozen=True)
class PackForm:
    """What the code of vector comparisons depends on.

    Attributes:
        element: as in `Comparisons`.
        width: features of a piece, 8, 16, 32 or 64.
        together: blocks that are compared, then transposed, at a time, 1..16.
        edges: whether differences of two features are compared, of type uint8.
    """

    element: str
    width: int
    together: int
    edges: bool = False

    @property
    def level(self) -> str:
        """The type of a level."""
        return "int16" if self.edges else self.element

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
        return f"lgn_above_{self.name}x{self.width}"

    @property
    def name(self) -> str:
        """What is compared."""
        return "edge" if self.edges else self.element

    def llvm(self) -> str:
        """What it is in LLVM's IR."""
        return _compare_ir(self)


@dataclass(frozen=True)
class _Pieces:
    """Comparisons grouped into vectors of neighbouring features.

    A piece compares `width` neighbouring features of one sample with a level each. 64 / width pieces fill a block of 64
    columns; the 64 samples of a word and a block form the square that is transposed. Of edges, a piece subtracts as
    many features, all as far from theirs, first.

    Attributes:
        form: its `together` divides the blocks.
        start: int32[pieces], first feature.
        minus: int32[pieces], first feature that is subtracted.
        level: int32[pieces * width].
        slot: int32[blocks * 64], where each column goes.
        ones: int32[...], slots whose bit is 1 for every sample.
    """

    form: PackForm
    start: NDArray[np.int32]
    minus: NDArray[np.int32]
    level: NDArray[np.int32]
    slot: NDArray[np.int32]
    ones: NDArray[np.int32]

    @property
    def blocks(self) -> int:
        """Blocks of 64 columns."""
        return len(self.slot) // _SQUARE


def _pieces(bits: Comparisons, rows: Int32Array, nowhere: int) -> _Pieces:
    edges, room = bool(bits.is_edge.any()), _room(bits)
    width = min(_SQUARE, 1 << (room.bit_length() - 1))
    # levels of edges reach below all differences; those of bytes do not
    always = np.asarray((bits.level < 0) & (bits.element == "uint8") & (not edges))
    compared = np.flatnonzero(~always)
    distance = _distance(bits)[compared]
    order = np.lexsort((bits.feature[compared], distance))
    compared, distance = compared[order], distance[order]
    feature = bits.feature[compared]
    # the first threshold of each feature is in plane 0, the second in plane 1, ...
    run = distance * (2 * np.int64(bits.n_features))  # further apart than features of one distance
    plane = np.arange(len(feature)) - np.searchsorted(run + feature, run + feature)
    starts: list[int] = []
    distances: list[int] = []
    piece = np.empty(len(feature), np.int64)
    for p in range(int(plane.max(initial=-1)) + 1):
        members = np.flatnonzero(plane == p)
        at = 0
        while at < len(members):
            head = members[at]
            left = min(int(feature[head]), bits.n_features - width - max(0, int(distance[head])))
            end = int(np.searchsorted((run + feature)[members], run[head] + left + width))
            piece[members[at:end]] = len(starts)
            starts.append(left)
            distances.append(int(distance[head]))
            at = end
    per_block = _SQUARE // width
    blocks = -(-len(starts) // per_block)
    most = _COMPARED if blocks <= _COMPARED and not edges else _LANES
    together = max(1, -(-blocks // max(1, -(-blocks // most))))
    missing = -(-blocks // together) * together * per_block - len(starts)
    start = np.array(starts + [0] * missing, np.int32)
    column = piece * width + feature - start[piece] if len(feature) else piece
    level = np.full(len(start) * width, 255 if bits.element == "uint8" else INFINITY_KEY, np.int32)
    slot = np.full(len(start) * width, nowhere, np.int32)
    level[column] = bits.level[compared]
    slot[column] = rows[compared]
    form = PackForm(bits.element, width, together, edges)
    minus = start + np.array(distances + [0] * missing, np.int32)
    return _Pieces(form, start, minus, level, slot, rows[always])


def vector_extra_rows(bits: Comparisons) -> int:
    """Rows behind the slots that the comparisons of a section work in."""
    return _pieces(bits, np.zeros_like(bits.feature), 0).form.extra_rows


def vector_section(bits: Comparisons, rows: Int32Array, n_rows: int, shape: Shape, prefix: str) -> Section:
    """Compare up to 64 features of a sample at once, then transpose 64 x 64 bits for all words of the row at once."""
    if shape.word_bits != _SQUARE or shape.lanes != _LANES:
        raise ValueError(f"the vector form packs {_LANES} words of 64 bits, not {shape}")
    pieces = _pieces(bits, rows, nowhere=n_rows)
    form, groups, ones = pieces.form, pieces.blocks // pieces.form.together, len(pieces.ones)
    level = pieces.level.astype(form.level)
    tables = {
        "start": Table(f"{prefix}_piece_feature", narrow(pieces.start)),
        "level": Table(f"{prefix}_piece_level", level if len(level) else np.zeros(1, level.dtype)),
        "column_slot": Table(f"{prefix}_column_slot", narrow(pieces.slot)),
        "one_slot": Table(f"{prefix}_one_slot", narrow(pieces.ones)),
    }
    if form.edges:
        tables["minus"] = Table(f"{prefix}_piece_minus", narrow(pieces.minus))

    def emit(stride: Expr, samples: Buffer, count: Expr, slots: Buffer, *given: Buffer) -> None:
        named = dict(zip(tables, given, strict=True))
        compare_vectors(form, stride, n_rows, groups, ones, samples, count, slots, **named)

    return Section(tuple(tables.values()), emit, form.llvm())


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
    minus: Buffer | None = None,
) -> None:
    """Emit vector comparisons and the transposition, from the tables of pieces.

    Where registers hold the levels of all blocks of 64 columns, samples are read from memory once, from front to back;
    else a few blocks at a time, whose features lie side by side.
    """
    width, per_block, together, halves = form.width, form.per_block, form.together, form.halves
    operands = (start,) if minus is None else (start, minus)
    square = n_slots + 1  # [word, sample of the word, half] of lanes [block], then [block, ...] of lanes [word]

    def place(block_or_word: Expr, sample: Expr, half: int) -> Expr:
        return square + (block_or_word * _SQUARE + sample) * halves + half

    with T.serial(0, n_groups) as group:
        first = T.Bind(group * together)
        parts = [(first + lane) * per_block + p for lane in range(together) for p in range(per_block)]
        firsts = [[T.Bind(as_index(table[piece])) for table in operands] for piece in parts]
        levels = [T.Bind(row(level, piece, width)) for piece in parts]
        with T.serial(0, count) as s:
            sample = T.Bind(s * stride)
            for lane in range(together):
                mask: Expr = constant(0, "uint64")
                for p in range(per_block):
                    i = lane * per_block + p
                    compared = [tirx.BufferLoad(samples, [tirx.Ramp(sample + at, 1, width)]) for at in firsts[i]]
                    part = tirx.call_extern("uint64", form.above, *compared, levels[i])
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


def _compare_ir(form: PackForm) -> str:
    """LLVM IR of a vector comparison whose result is a 64-bit mask; it becomes one or a few instructions."""
    width, parameters = form.width, "{vector} %x, {vector} %level"
    if form.edges:  # 16 bits hold the difference of two octets
        vector = f"<{width} x i16>"
        parameters = f"<{width} x i8> %a, <{width} x i8> %b, {{vector}} %level"
        compare = (
            f"%x = zext <{width} x i8> %a to {vector}\n"
            f"%y = zext <{width} x i8> %b to {vector}\n"
            f"%difference = sub {vector} %x, %y\n"
            f"%above = icmp sgt {vector} %difference, %level\n"
        )
    elif form.element == "uint8":
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
        f"define linkonce_odr hidden i64 @{form.above}({parameters.format(vector=vector)}) alwaysinline {{\n"
        f"{compare}{widen}ret i64 %word\n}}\n"
    )
