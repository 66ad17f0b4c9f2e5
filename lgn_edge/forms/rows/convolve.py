"""The kernels of image layers: a loop a kind of half, at every place, with the pool that follows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial, reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.images.images import Images, Stage
from lgn_edge.forms.images.trees import HALVES, ROOTS, SMALL, Trees, half_value
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
    quotient,
    row,
    scratch,
    store_row,
)
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.push_complements import EXECUTE

_TILE: Final = 64  # values of a half that wait for the other one, in rows: 4 KiB of the first-level cache
_SQUARE: Final = 4  # places of a window of 2 x 2, which are worked on together
_LEAVES: Final = 4  # of a half
_NEAR: Final = 64  # kernels that change places so that branches are foreseen; more would read channels far apart
_COPY: Final = ROOTS.index(-1)


def convolve(images: Images, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_convolve(word *slots)`: run all stages on one block of samples.

    The encoder's bits are in their rows, and the rows of `Images.zeros` hold zeros. A kernel is run for some outputs at
    a time: its halves leave their values in a tile, its root takes them from there. The code depends on the kinds of
    halves and roots that there are, not on the number of kernels.

    Args:
        images: what to run.
        shape: the machine's row; more than one word.
        prefix: of the C symbols.
    """
    steps = [_steps(stage.trees) for stage in images.stages]
    tables = _tables(images, steps, shape.lanes, f"{prefix}_convolve")
    halves = [stage.trees.half for stage in images.stages]
    kinds = _used(half[np.arange(2) < tiled[:, None]] for half, (tiled, _) in zip(halves, steps, strict=True))
    lasts = _used(last for _, last in steps)
    squares = {_is_square(stage) for stage in images.stages if len(stage.out)}

    def body(slots: Buffer, numbers: Buffer, window: Buffer, read: Buffer, write: Buffer, *kernels: Buffer) -> None:
        tile = scratch(shape.word, 2 * _TILE * shape.lanes)
        with T.serial(0, len(images.stages)) as stage:
            places = _Places(window, read, write, *(T.Bind(numbers[stage * _NUMBERS + i]) for i in range(_NUMBERS)))
            for square in sorted(squares):
                loops = _Loops(slots, tile, places, square, kinds, lasts, shape, *kernels)
                first, end = (places.first_square, places.end) if square else (places.first, places.first_square)
                with T.serial(first, end) as k:
                    loops.run(k)

    return kernel(f"{prefix}_convolve", [Parameter("slots", shape.word, images.n_rows * shape.lanes)], tables, body)


def clear(images: Images, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_clear(word *slots)`: zeros into the rows that stay zeros, block after block."""
    rows = images.zeros()
    tables = (Table(f"{prefix}_zero_row", narrow(rows)),)

    def body(slots: Buffer, zero_row: Buffer) -> None:
        with T.serial(0, len(rows)) as i:
            store_row(slots, as_index(zero_row[i]), shape.lanes, constant(0, shape.word, shape.lanes))

    return kernel(f"{prefix}_clear", [Parameter("slots", shape.word, images.n_rows * shape.lanes)], tables, body)


def _is_square(stage: Stage) -> bool:
    """Whether a stage's window is 2 x 2 of places side by side, whatever is between its two lines."""
    window = stage.places.window
    return len(window) == _SQUARE and bool(window[1] == 1 and window[3] == window[2] + 1)


def _steps(trees: Trees) -> tuple[Int32Array, Int32Array]:
    """How many halves of each kernel go through the tile, int32[K], and what is the last step, int32[K].

    The last step is a root of two halves, a copy of one, or what comes of the leaves of a small half without a tile.
    """
    alone = trees.root == _COPY
    small = alone & (trees.half[:, 0] < SMALL)
    last = np.where(small, len(ROOTS) + trees.half[:, 0], trees.root)
    return np.where(small, 0, np.where(alone, 1, 2)).astype(np.int32), last.astype(np.int32)


def _used(numbers: Iterable[Integers]) -> tuple[int, ...]:
    return tuple(np.unique(np.concatenate(list(numbers))).tolist())


@dataclass(frozen=True)
class _Places:
    """A stage as its loops have it, from a row of numbers; rows of samples are counted in words.

    Attributes:
        window: where the cells of all windows are.
        read, write: what each output reads in the first cell, and where it goes, from the first output on.
        first, first_square, end: its kernels, those of a window of 2 x 2 last.
        first_output, end_output: its part of `read` and `write`.
        first_cell, end_cell: its part of `window`.
    """

    window: Buffer
    read: Buffer
    write: Buffer
    first: Expr
    first_square: Expr
    end: Expr
    first_output: Expr
    end_output: Expr
    first_cell: Expr
    end_cell: Expr


_BUFFERS: Final = 3  # the first fields
_NUMBERS: Final = len(fields(_Places)) - _BUFFERS


def _tables(
    images: Images, steps: Sequence[tuple[Int32Array, Int32Array]], lanes: int, prefix: str
) -> tuple[Table, ...]:
    """The numbers of the stages, their outputs and windows, and of each kernel taps, halves, last step, and output."""
    numbers, kernels, outputs, cells = [], 0, 0, 0
    for stage in images.stages:
        ends = kernels + len(stage.out), outputs + stage.places.n_outputs, cells + len(stage.places.window)
        numbers += [kernels, kernels if _is_square(stage) else ends[0], ends[0], outputs, ends[1], cells, ends[2]]
        kernels, outputs, cells = ends

    def all_of(arrays: Iterable[NDArray[Any]], dtype: type[np.integer[Any]] = np.int32) -> Integers:
        """The arrays of the stages, one behind the other; of a few kernels those of a kind are side by side."""
        joined = np.concatenate([array[order].ravel() for array, order in zip(arrays, orders, strict=True)])
        return joined.astype(dtype) if len(joined) else np.zeros(1, dtype)

    stages = images.stages
    orders = [
        np.lexsort((*stage.trees.half.T, last, np.arange(len(last)) // _NEAR))
        for stage, (_, last) in zip(stages, steps, strict=True)
    ]
    places = [stage.places for stage in stages]
    offsets = {
        "window": [place.window for place in places],
        "read": [place.reads() for place in places],
        "write": [place.writes() for place in places],
    }
    return (
        Table(f"{prefix}_stage", np.array(numbers, np.int32)),
        *(Table(f"{prefix}_{name}", np.concatenate(of) * np.int32(lanes)) for name, of in offsets.items()),
        Table(f"{prefix}_tap", all_of(stage.tap for stage in stages) * np.int32(lanes)),
        Table(f"{prefix}_half", all_of((stage.trees.half for stage in stages), np.uint8)),
        Table(f"{prefix}_tiled", all_of((tiled for tiled, _ in steps), np.uint8)),
        Table(f"{prefix}_last", all_of((last for _, last in steps), np.uint8)),
        Table(f"{prefix}_flip", all_of((stage.trees.flip for stage in stages), np.uint8)),
        Table(f"{prefix}_out", all_of(stage.out for stage in stages) * np.int32(lanes)),
    )


@dataclass(frozen=True)
class _Loops:
    """What runs kernels of a stage.

    Attributes:
        slots: the rows.
        tile: values of the two halves.
        places: of the stage.
        square: whether its windows are 2 x 2, and done together; else one cell after the other.
        kinds, lasts: the kinds of halves, and last steps, that there are.
        shape: the machine's row.
        tap, half, tiled, last, flip, out: tables of all kernels.
    """

    slots: Buffer
    tile: Buffer
    places: _Places
    square: bool
    kinds: tuple[int, ...]
    lasts: tuple[int, ...]
    shape: Shape
    tap: Buffer
    half: Buffer
    tiled: Buffer
    last: Buffer
    flip: Buffer
    out: Buffer

    def run(self, k: Expr) -> None:
        """Emit a kernel: some of its outputs at a time."""
        p = self.places
        output, together = T.Bind(self.out[k]), _TILE // self._cells
        outputs = p.end_output - p.first_output
        with T.serial(0, quotient(outputs + (together - 1), together)) as part:
            first = T.Bind(p.first_output + part * together)
            end = T.Bind(tirx.min(first + together, p.end_output))
            if self.square:
                self._part(k, 0, output, first, end, None)
            else:
                with T.serial(p.first_cell, p.end_cell) as cell:
                    self._part(k, T.Bind(p.window[cell]), output, first, end, cell > p.first_cell)

    def _part(self, k: Expr, cell: Expr | int, output: Expr, first: Expr, end: Expr, later: Expr | None) -> None:
        """Emit a kernel for some outputs, in a cell or a square of them; `later` cells are ORed to what is there."""
        lanes, word = self.shape.lanes, self.shape.word
        ones = constant(2**self.shape.word_bits - 1, word)

        def taps(half: Expr) -> list[Expr]:
            return [T.Bind(self.tap[(2 * k + half) * _LEAVES + leaf] + cell) for leaf in range(_LEAVES)]

        def mask(bit: Expr) -> Expr:
            return T.Bind(tirx.Broadcast(tirx.Cast(word, bit) * ones, lanes))

        with T.serial(0, as_index(self.tiled[k])) as h:
            seen = taps(h)
            halves = {kind: partial(self._half, HALVES[kind], seen, h * _TILE, first, end) for kind in self.kinds}
            _switch(as_index(self.half[2 * k + h]), halves)
        seen, flip, keep = taps(0), mask(self.flip[k]), None if later is None else mask(later)
        lasts = {last: partial(self._last, last, seen, flip, keep, output, first, end) for last in self.lasts}
        _switch(as_index(self.last[k]), lasts)

    def _half(self, operations: tuple[int, ...], taps: Sequence[Expr], tile: Expr, first: Expr, end: Expr) -> None:
        with T.serial(0, end - first) as i:
            at = T.Bind(tile + i * self._cells)
            for cell, value in enumerate(self._values(operations, taps, first + i)):
                store_row(self.tile, at + cell, self.shape.lanes, value)

    def _last(
        self, last: int, taps: Sequence[Expr], flip: Expr, keep: Expr | None, output: Expr, first: Expr, end: Expr
    ) -> None:
        lanes, cells = self.shape.lanes, range(self._cells)
        with T.serial(0, end - first) as i:
            at = T.Bind(i * self._cells)
            here = [tirx.Ramp(output + self.places.write[first + i], 1, lanes)]
            if last < len(ROOTS):
                a, b = ([row(self.tile, tile + at + cell, lanes) for cell in cells] for tile in (0, _TILE))
                values = a if last == _COPY else [EXECUTE[ROOTS[last]](*pair) for pair in zip(a, b, strict=True)]
            else:
                values = self._values(HALVES[last - len(ROOTS)], taps, first + i)
            result = reduce(operator.or_, [T.Bind(value ^ flip) for value in values])
            if keep is not None:
                result = result | (tirx.BufferLoad(self.slots, here) & keep)
            T.buffer_store(self.slots, result, here)

    @property
    def _cells(self) -> int:
        """How many cells are done together."""
        return _SQUARE if self.square else 1

    def _values(self, operations: tuple[int, ...], taps: Sequence[Expr], output: Expr) -> list[Expr]:
        """What a half gives at the cells of an output."""
        p, lanes = self.places, self.shape.lanes
        lines = [T.Bind(p.read[output])]
        if self.square:
            lines.append(T.Bind(lines[0] + p.window[p.first_cell + 2]))
        first = [[T.Bind(tap + line) for line in lines] for tap in taps[: len(operations) + 1]]

        def leaf(line: int, beside: int, n: int) -> Expr:
            return tirx.BufferLoad(self.slots, [tirx.Ramp(first[n][line] + beside, 1, lanes)])

        return [
            half_value(operations, partial(leaf, line, beside * lanes))
            for line in range(len(lines))
            for beside in range(len(lines))
        ]


def _switch(number: Expr, cases: Mapping[int, Callable[[], None]]) -> None:
    """Emit the case of a number; LLVM makes one jump of the questions."""
    if len(cases) <= 1:
        for case in cases.values():
            case()
        return
    (first, case), *others = cases.items()
    with T.If(number == first):
        with T.Then():
            case()
        with T.Else():
            _switch(number, dict(others))
