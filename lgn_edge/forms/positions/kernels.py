"""The kernels of image layers, one sample at a time: words of positions in, words of positions out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.images.trees import HALVES, ROOTS, half_value
from lgn_edge.forms.positions.grid import Axis
from lgn_edge.forms.positions.program import Image, Positions, Stage
from lgn_edge.forms.positions.slots import Slots
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, Table, as_index, constant, kernel, narrow
from lgn_edge.network.convolution import Pair
from lgn_edge.passes.kernel_tables import BoolArray, IntArray
from lgn_edge.passes.push_complements import EXECUTE


def memory(positions: Positions) -> Parameter:
    """The words of all images, and behind them those that halves leave for roots."""
    return Parameter("memory", positions.word, positions.n_words + positions.n_values)


def convolve(positions: Positions, prefix: str) -> Kernel:
    """`void PREFIX_convolve(word *memory)`: all stages.

    The words of the encoder's image are there, without its halos. Each stage has a loop for each kind of half and of
    root that it has; the code does not depend on how many kernels there are.
    """
    taps = [_taps(stage) for stage in positions.stages]
    halves = [stage.half[k, :n] * stage.points.size for stage in positions.stages for k, n in _pairs(stage)]
    masks = np.concatenate([_masks(stage.out) for stage in positions.stages]).astype(positions.word)
    tables = (
        Table(f"{prefix}_tap", narrow(np.concatenate(taps))),
        Table(f"{prefix}_half", narrow(np.concatenate(halves))),
        Table(f"{prefix}_mask", masks),
    )

    def body(memory: Buffer, tap: Buffer, half: Buffer, mask: Buffer) -> None:
        _spread(positions.images[0], memory)
        first_tap = first_half = first_mask = 0
        for stage, of_stage in zip(positions.stages, taps, strict=True):
            _halves(stage, memory, positions.n_words, tap, first_tap)
            _roots(stage, memory, positions.n_words, half, first_half, mask, first_mask)
            _spread(stage.out, memory)
            first_tap += len(of_stage)
            first_half += sum(n for _, n in _pairs(stage))
            first_mask += stage.out.grid.homes

    return kernel(f"{prefix}_convolve", [memory(positions)], tables, body)


def runs(numbers: IntArray | BoolArray) -> Iterator[tuple[int, int, int]]:
    """The numbers, those that repeat once, and where each begins and ends."""
    start = 0
    for number, same in groupby(numbers.tolist()):
        stop = start + len(list(same))
        yield number, start, stop
        start = stop


def _leaves(kind: int) -> int:
    """How many leaves a half reads."""
    return len(HALVES[kind]) + 1


def _taps(stage: Stage) -> IntArray:
    """The words that the halves read, without repetitions of those that read less than four."""
    return np.concatenate([taps[: _leaves(kind)] for kind, taps in zip(stage.kind.tolist(), stage.tap, strict=True)])


def _pairs(stage: Stage) -> list[tuple[int, int]]:
    """The kernels, and how many halves each has."""
    return [(k, 2 if ROOTS[root] >= 0 else 1) for k, root in enumerate(stage.root.tolist())]


def _masks(image: Image) -> NDArray[np.uint64]:
    return np.array([image.grid.mask(y, x) for y, x in image.homes()], np.uint64)


def _words(stage: Stage, emit: Callable[[Expr, Expr, Expr], None]) -> None:
    """Emit for each word of a kernel's output: its number, how far its points and its place are from the first's."""
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
        leaves = _leaves(kind)
        with T.serial(0, stop - start) as h:
            taps = [T.Bind(as_index(tap[first_tap + h * leaves + i])) for i in range(leaves)]
            to = T.Bind((h + start) * stage.points.size + values)
            _words(stage, partial(_half, HALVES[kind], stage.points[0].tolist(), memory, taps, to))
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
    image, masks = stage.out, _masks(stage.out)
    inside = int(masks[0]) if len(set(masks.tolist())) == 1 else partial(_at, mask, first_mask)
    for number, start, stop in runs(2 * stage.root + stage.flip):
        operation, flip = ROOTS[number // 2], number % 2 == 1
        halves = 1 if operation < 0 else 2
        with T.serial(0, stop - start) as k:
            found = [T.Bind(as_index(half[first_half + k * halves + i]) + values) for i in range(halves)]
            plane = T.Bind((k + start) * image.plane + image.first + image.offset(0, 0))
            _words(stage, partial(_root, stage, operation, flip, memory, found, plane, inside))
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
    if stage.folds:
        result = T.Bind(result)
        result = reduce(operator.or_, [result >> constant(up, word) for up in (0, *stage.folds)])
    mask = constant(inside, word) if isinstance(inside, int) else inside(number)
    T.buffer_store(memory, result & mask, [plane + place])


def _at(table: Buffer, first: int, number: Expr) -> Expr:
    return table[first + number]


def _spread(image: Image, memory: Buffer) -> None:
    """Emit the halos of all planes."""
    grid, halos, word = image.grid, image.halos(), str(memory.dtype)
    if not halos or not len(image.channel):
        return
    with T.serial(0, len(image.channel)) as k:
        plane = T.Bind(k * image.plane + image.first)
        for y, x in halos:
            home_y, home_x, up = grid.home(y, x)
            inside = grid.mask(y, x)
            value = constant(0, word)
            if inside:
                value = memory[plane + image.offset(home_y, home_x)]
                value = value >> constant(up, word) if up >= 0 else value << constant(-up, word)
                home = grid.mask(home_y, home_x)
                if (home >> up if up >= 0 else home << -up) != inside:
                    value = value & constant(inside, word)
            T.buffer_store(memory, value, [plane + image.offset(y, x)])


def expand(positions: Positions, slots: Slots, n_slots: int, prefix: str) -> Kernel:
    """`void PREFIX_expand(word *memory, uint8_t *slots)`: bits of words into slots, a byte a bit."""
    tables = [Table(f"{prefix}_word{i}", narrow(group.words)) for i, group in enumerate(slots.groups)]

    def body(memory: Buffer, slot: Buffer, *words: Buffer) -> None:
        first = 0
        for group, word in zip(slots.groups, words, strict=True):
            with T.serial(0, len(group.words)) as i:
                value = T.Bind(memory[as_index(word[i])])
                to = T.Bind(i * len(group.bits) + first)
                for place, bit in enumerate(group.bits.tolist()):
                    one = value >> constant(bit, positions.word) & constant(1, positions.word)
                    T.buffer_store(slot, tirx.Cast("uint8", one), [to + place])
            first += len(group.words) * len(group.bits)

    return kernel(f"{prefix}_expand", [memory(positions), Parameter("slots", "uint8", n_slots)], tables, body)


def fill(image: Image, planes: Pair, memory: Buffer, bit: Callable[[Expr, Expr, Expr], Expr]) -> None:
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
        for rows, (first_row, last_row) in _alike(grid.y):
            with T.serial(first_row, last_row) as v:
                for columns, (first_column, last_column) in _alike(grid.x):
                    with T.serial(first_column, last_column) as u:
                        words(plane, rows, v, columns, u)


def _alike(axis: Axis) -> list[tuple[tuple[int, ...], Pair]]:
    """The phases in a row that have the same lanes."""
    found = []
    for lanes, phases in groupby(range(axis.phases), axis.lanes):
        of = list(phases)
        found.append((lanes, (of[0], of[-1] + 1)))
    return found
