"""The kernels of image layers, one sample at a time: words of positions in, words of positions out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce

import numpy as np
from numpy.typing import NDArray
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.images.trees import HALVES, ROOTS, half_value
from lgn_edge.forms.positions.halos import spread
from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.positions.program import Image, Positions, Stage, runs
from lgn_edge.kernels.tir import Buffer, Expr, Integers, Kernel, Table, as_index, constant, kernel, narrow
from lgn_edge.passes.push_complements import EXECUTE


def convolve(positions: Positions, prefix: str) -> Kernel:
    """`void PREFIX_convolve(word *memory)`: all stages.

    The words of the encoder's image are there, without its halos. Each stage has a loop for each kind of half and of
    root that it has; the code does not depend on how many kernels there are.
    """
    tables = [Table(f"{prefix}_{name}", values) for name, values in convolve_tables(positions).items()]

    def body(memory: Buffer, tap: Buffer, half: Buffer, mask: Buffer) -> None:
        spread(positions.images[0], memory)
        first_tap = first_half = first_mask = 0
        for stage in positions.stages:
            _halves(stage, memory, positions.n_words, tap, first_tap)
            _roots(stage, memory, positions.n_words, half, first_half, mask, first_mask)
            spread(stage.out, memory)
            first_tap += len(stage.taps)
            first_half += len(stage.pairs)
            first_mask += stage.out.grid.homes

    return kernel(f"{prefix}_convolve", [memory(positions)], tables, body)


def convolve_tables(positions: Positions) -> dict[str, Integers]:
    """What `convolve` reads: the taps of halves, the halves of kernels, and the lanes of an output's words."""
    stages = positions.stages
    return {
        "tap": narrow(np.concatenate([stage.taps for stage in stages])),
        "half": narrow(np.concatenate([stage.pairs * stage.points.size for stage in stages])),
        "mask": np.concatenate([masks_of(stage.out) for stage in stages]).astype(positions.word),
    }


def masks_of(image: Image) -> NDArray[np.uint64]:
    """The lanes of the words that hold positions, row by row."""
    return np.array([image.grid.mask(y, x) for y, x in image.homes()], np.uint64)


def each_word(stage: Stage, emit: Callable[[Expr, Expr, Expr], None]) -> None:
    """Emit for each word of a kernel's output, given its number, how far its points, its place are from the first's."""
    rows, columns = stage.out.grid.y.phases, stage.out.grid.x.phases
    first = stage.points[:, 0].reshape(rows, columns)
    down, right = (int(index[at]) for index, at in ((first, (min(1, rows - 1), 0)), (first, (0, min(1, columns - 1)))))

    def row(y: Expr | int) -> None:
        def word(x: Expr | int) -> None:
            emit(y * columns + x, y * down + x * right, y * stage.out.shape[1] + x)

        _each(columns, word)

    _each(rows, row)


def _each(count: int, emit: Callable[[Expr | int], None]) -> None:
    if count == 1:
        emit(0)
        return
    with T.serial(0, count) as i:
        emit(i)


def _halves(stage: Stage, memory: Buffer, values: int, tap: Buffer, first_tap: int) -> None:
    """Emit the halves; half h leaves its values at `values + h * points`."""
    for kind, start, stop in runs(stage.kind):
        leaves = len(HALVES[kind]) + 1
        with T.serial(0, stop - start) as h:
            taps = [T.Bind(as_index(tap[first_tap + h * leaves + i])) for i in range(leaves)]
            to = T.Bind((h + start) * stage.points.size + values)
            each_word(stage, partial(_half, HALVES[kind], stage.points[0].tolist(), memory, taps, to))
        first_tap += (stop - start) * leaves


def _half(
    operations: tuple[int, ...],
    cells: Sequence[int],
    memory: Buffer,
    taps: Sequence[Expr],
    to: Expr,
    number: Expr,
    at: Expr,
    place: Expr,
) -> None:
    """Emit a half at the cells of a word, which has no place of its own."""
    seen = [T.Bind(first + at) for first in taps]
    first = T.Bind(to + number * len(cells))
    for i, cell in enumerate(cells):
        T.buffer_store(memory, half_value(operations, partial(_leaf, memory, seen, cell)), [first + i])


def _leaf(memory: Buffer, first: Sequence[Expr], cell: int, leaf: int) -> Expr:
    return memory[first[leaf] + cell]


def _roots(
    stage: Stage, memory: Buffer, values: int, half: Buffer, first_half: int, mask: Buffer, first_mask: int
) -> None:
    """Emit the roots, the ORs of their cells and of the lanes that are folded, and the words of the output."""
    image, masks = stage.out, masks_of(stage.out)
    inside = int(masks[0]) if len(set(masks.tolist())) == 1 else partial(_at, mask, first_mask)
    for number, start, stop in runs(2 * stage.root + stage.flip):
        operation, flip = ROOTS[number // 2], number % 2 == 1
        halves = 1 if operation < 0 else 2
        with T.serial(0, stop - start) as k:
            found = [T.Bind(as_index(half[first_half + k * halves + i]) + values) for i in range(halves)]
            plane = T.Bind((k + start) * image.plane + image.first + image.offset(0, 0))
            each_word(stage, partial(_root, stage, operation, flip, memory, found, plane, inside))
        first_half += (stop - start) * halves


def _root(
    stage: Stage,
    operation: int,
    flip: bool,
    memory: Buffer,
    halves: Sequence[Expr],
    plane: Expr,
    inside: int | Callable[[Expr], Expr],
    number: Expr,
    at: Expr,
    place: Expr,
) -> None:
    """Emit a word of a root; its halves are where they left their values, whatever `at` they read."""
    cells, word = stage.points.shape[1], str(memory.dtype)
    first = [T.Bind(half + number * cells) for half in halves]
    each = [[memory[value + cell] for value in first] for cell in range(cells)]
    whole = [of[0] if operation < 0 else EXECUTE[operation](*of) for of in each]
    if flip:
        whole = [value ^ constant(2 ** (8 * np.dtype(word).itemsize) - 1, word) for value in whole]
    result = reduce(operator.or_, whole)
    mask = constant(inside, word) if isinstance(inside, int) else inside(number)
    T.buffer_store(memory, folded(result, stage.folds, word) & mask, [plane + place])


def folded(value: Expr, folds: Sequence[int], word: str) -> Expr:
    """Emit the lanes of a word that are ORed to others, as `Stage.folds` has them."""
    for up in folds:
        value = T.Bind(value)
        value = value | value >> constant(up, word)
    return value


def _at(table: Buffer, first: int, number: Expr) -> Expr:
    return table[first + number]
