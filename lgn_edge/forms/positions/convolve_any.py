"""The kernels of image layers with few loops: stages share them, and have their numbers in a table.

Somebody waits until the code is compiled, and that takes as long as there are loops. So there is one for each operation
of two words, not for each kind of half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.positions.convolve import masks_of
from lgn_edge.forms.positions.halos import spread
from lgn_edge.forms.positions.levels import COPY, Levels, levels_of
from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.positions.program import Positions, Stage
from lgn_edge.kernels.tir import (
    Buffer,
    Expr,
    Integers,
    Kernel,
    Table,
    as_index,
    constant,
    kernel,
    narrow,
    quotient,
    repeat,
)
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

_QUARTERS: Final = (COPY, *range(len(OPERATIONS)))
_GATES: Final = tuple(range(len(OPERATIONS)))  # of halves, and of roots
_TOGETHER: Final = 4  # points of a stage of several, which are filled up to a multiple


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a stage, from its row of the table; behind them is where each kind begins.

    Attributes:
        words, cells: as in `Stage.points`.
        points: of both together.
        plane, first: words of a plane of the output, and the first one that is no halo.
        quarters, kernels: of the stage.
        quarter, gate, kernel, point, word: how many of each the stages before have.
    """

    words: Expr
    cells: Expr
    points: Expr
    plane: Expr
    first: Expr
    quarters: Expr
    kernels: Expr
    quarter: Expr
    gate: Expr
    kernel: Expr
    point: Expr
    word: Expr


_PLAIN: Final = len(fields(_Numbers))
_BOUNDS: Final = tuple(np.cumsum([_PLAIN, len(_QUARTERS) + 1, len(_GATES) + 1, len(_GATES) + 1]).tolist())


def words_of_any(positions: Positions) -> int:
    """Words that `convolve_any` works in: those of images, and behind them the values of a stage's gates."""
    return positions.n_words + max(levels_of(stage).n_values * _filled(stage.points.size) for stage in positions.stages)


def _filled(points: int) -> int:
    """Points with those that fill them up."""
    return points if points == 1 else -(-points // _TOGETHER) * _TOGETHER


def convolve_any(positions: Positions, prefix: str) -> Kernel:
    """`void PREFIX_convolve(word *memory)`: all stages, as `convolve` has them.

    Stages of one point have loops of their own: a loop in each that runs once would take as long as the gate.
    """
    tables = [Table(f"{prefix}_{name}", values) for name, values in _tables(positions).items()]
    n_folds = _n_folds(positions)
    width = _BOUNDS[-1] + n_folds

    def body(memory: Buffer, row: Buffer, *tables: Buffer) -> None:
        spread(positions.images[0], memory)
        with T.serial(0, len(positions.stages)) as stage:
            at = T.Bind(stage * width)
            numbers = _Numbers(*(T.Bind(row[at + i]) for i in range(_PLAIN)))
            folds = [T.Bind(row[at + _BOUNDS[-1] + i]) for i in range(n_folds)]
            run = _Run(memory, positions.n_words, numbers, folds, *tables)
            with T.If(numbers.points == 1):
                with T.Then():
                    _all_kinds(run, row, at, single=True)
                with T.Else():
                    _all_kinds(run, row, at, single=False)
            for number, each in enumerate(positions.stages):
                with T.If(stage == number), T.Then():
                    spread(each.out, memory)

    return kernel(f"{prefix}_convolve", [memory(positions)], tables, body)


def _all_kinds(run: _Run, row: Buffer, at: Expr, single: bool) -> None:
    """Emit a loop for each kind of quarter, one for each kind of gate above, and one for the kernels."""

    def each(kinds: Sequence[int], bounds: Expr, emit: Callable[[int, Expr, bool], None]) -> None:
        for i, kind in enumerate(kinds):
            with T.serial(row[bounds + i], row[bounds + i + 1]) as number:
                emit(kind, number, single)

    each(_QUARTERS, at + _BOUNDS[0], run.quarter)
    with T.serial(0, 2) as level:
        each(_GATES, T.Bind(at + _BOUNDS[1] + level * (len(_GATES) + 1)), run.gate)
    with T.serial(0, run.numbers.kernels) as number:
        run.kernel(number, single)


def _n_folds(positions: Positions) -> int:
    return max(len(stage.folds) for stage in positions.stages)


def _tables(positions: Positions) -> dict[str, Integers]:
    """What all stages read: their rows, gates, points, and places and lanes of output words."""
    stages, levels = positions.stages, [levels_of(stage) for stage in positions.stages]
    places = [[stage.out.offset(y, x) - stage.out.offset(0, 0) for y, x in stage.out.homes()] for stage in stages]
    points = [_filled(stage.points.size) for stage in stages]
    counts = [
        [len(of.quarter), len(of.half) + len(of.root), len(of.kernel), n, len(stage.points)]
        for stage, of, n in zip(stages, levels, points, strict=True)
    ]
    before = np.cumsum([[0] * len(counts[0]), *counts], axis=0).tolist()
    n_folds = _n_folds(positions)
    rows = [_row(stage, of, first, n_folds) for stage, of, first in zip(stages, levels, before, strict=False)]
    return {
        "stage": np.array(rows, np.int32).reshape(-1),
        "quarter": narrow(np.concatenate([of.quarter[:, 1:] for of in levels]).reshape(-1)),
        "gate": _scaled([np.concatenate([of.half, of.root])[:, 1:] for of in levels], points),
        "kernel": _scaled([of.kernel for of in levels], points),
        "flip": np.concatenate([stage.flip for stage in stages]).astype(np.uint8),
        "point": narrow(np.concatenate([np.resize(stage.points, n) for stage, n in zip(stages, points, strict=True)])),
        "place": narrow(np.concatenate(places)),
        "mask": np.concatenate([masks_of(stage.out) for stage in stages]).astype(positions.word),
    }


def _row(stage: Stage, levels: Levels, before: Sequence[int], n_folds: int) -> list[int]:
    """What a stage has in the table of stages; its last numbers are how far lanes are moved to be ORed, 0 or more."""
    first = stage.out.first + stage.out.offset(0, 0)
    numbers = [*stage.points.shape, _filled(stage.points.size), stage.out.plane, first]
    numbers += [len(levels.quarter), len(levels.kernel), *before]
    of_quarters, of_halves, of_roots = (
        np.searchsorted(gates[:, 0], [*kinds, len(_GATES)])
        for kinds, gates in ((_QUARTERS, levels.quarter), (_GATES, levels.half), (_GATES, levels.root))
    )
    numbers += [*of_quarters.tolist(), *of_halves.tolist(), *(of_roots + len(levels.half)).tolist()]
    return [*numbers, *stage.folds, *[0] * (n_folds - len(stage.folds))]


def _scaled(values: Sequence[Integers], points: Sequence[int]) -> Integers:
    """Where values are: each stage has so many points."""
    return narrow(np.concatenate([of * n for of, n in zip(values, points, strict=True)]).reshape(-1))


@dataclass(frozen=True)
class _Run:
    """What runs a stage.

    Attributes:
        memory: the words; values of gates are from `values` on.
        numbers: of the stage.
        folds: as in `Stage.folds`; 0 ORs a word with itself.
        quarter_table, gate_table, kernel_table, flip, point, place, mask: of all stages.
    """

    memory: Buffer
    values: int
    numbers: _Numbers
    folds: Sequence[Expr]
    quarter_table: Buffer
    gate_table: Buffer
    kernel_table: Buffer
    flip: Buffer
    point: Buffer
    place: Buffer
    mask: Buffer

    def quarter(self, operation: int, number: Expr, single: bool) -> None:
        """Emit a quarter at all points, of which there may be a single one."""
        read = self._read(self.quarter_table, self.numbers.quarter + number, 0, 1 if operation == COPY else 2)
        to = T.Bind(number * self.numbers.points + self.values)

        def store(number: Expr | int, point: Expr | int) -> None:
            of = [self.memory[first + point] for first in read]
            value = of[0] if operation == COPY else EXECUTE[operation](*of)
            T.buffer_store(self.memory, value, [to + number])

        if single:
            store(0, 0)
            return
        with T.serial(0, quotient(self.numbers.points, _TOGETHER)) as i:
            for j in range(_TOGETHER):
                number = i * _TOGETHER + j
                store(number, T.Bind(as_index(self.point[self.numbers.point + number])))

    def gate(self, operation: int, number: Expr, single: bool) -> None:
        """Emit a gate of two values; likewise."""
        read = self._read(self.gate_table, self.numbers.gate + number, self.values, 2)
        to = T.Bind((self.numbers.quarters + number) * self.numbers.points + self.values)
        lanes = 1 if single else _TOGETHER
        with T.serial(0, 1 if single else quotient(self.numbers.points, lanes)) as i:
            a, b, result = ([tirx.Ramp(first + i * lanes, 1, lanes) if lanes > 1 else first] for first in (*read, to))
            value = EXECUTE[operation](tirx.BufferLoad(self.memory, a), tirx.BufferLoad(self.memory, b))
            T.buffer_store(self.memory, value, result)

    def kernel(self, number: Expr, single: bool) -> None:
        """Emit the words of a kernel: the OR of its values in its cells, and of the lanes that are folded."""
        numbers, word = self.numbers, str(self.memory.dtype)
        first = T.Bind(as_index(self.kernel_table[numbers.kernel + number]) + self.values)
        plane = T.Bind(number * numbers.plane + numbers.first)
        ones = constant(2 ** (8 * np.dtype(word).itemsize) - 1, word)
        flip = T.Bind(tirx.Cast(word, self.flip[numbers.kernel + number]) * ones)

        def value(point: Expr | int) -> Expr:
            return self.memory[first + point] ^ flip

        def store(number: Expr, result: Expr) -> None:
            whole = T.Bind(result)
            for up in self.folds:
                whole = T.Bind(whole | whole >> tirx.Cast(word, up))
            T.buffer_store(self.memory, whole & self.mask[number], [plane + as_index(self.place[number])])

        if single:
            store(numbers.word, value(0))
            return
        with T.serial(0, numbers.words) as i:
            at = T.Bind(i * numbers.cells)
            result = repeat(numbers.cells, 1, value(at), lambda cell, ored: ored | value(at + cell), word, 1)
            store(T.Bind(numbers.word + i), result)

    def _read(self, table: Buffer, entry: Expr, base: int, count: int) -> list[Expr]:
        """Where a gate reads, at the first point: the two numbers of an entry are words behind the base."""
        return [T.Bind(as_index(table[entry * 2 + i]) + base) for i in range(count)]
