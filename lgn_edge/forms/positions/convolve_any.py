"""The kernels of image layers with few loops: stages share them, and have their numbers in a table.

Somebody waits until the code is compiled, and that takes as long as there are loops. So there is one for each operation
of two words, not for each kind of half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.images.trees import ROOTS
from lgn_edge.forms.positions.convolve import masks_of
from lgn_edge.forms.positions.halos import spread
from lgn_edge.forms.positions.levels import COPY, Levels, levels_of
from lgn_edge.forms.positions.memory import memory
from lgn_edge.forms.positions.program import Positions, Stage
from lgn_edge.kernels.tir import Buffer, Expr, Integers, Kernel, Table, as_index, constant, kernel, narrow, repeat
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

_QUARTERS: Final = (COPY, *range(len(OPERATIONS)))
_HALVES: Final = tuple(range(len(OPERATIONS)))
_ROOTS: Final = tuple(range(2 * len(ROOTS)))  # the kinds in ROOTS, twice, the second time complemented


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a stage, from its row of the table; behind them is where each kind begins.

    Attributes:
        words, cells: as in `Stage.points`.
        points: of both together.
        plane, first: words of a plane of the output, and the first one that is no halo.
        quarters: of the stage.
        quarter, half, root, point, word: how many of each the stages before have.
    """

    words: Expr
    cells: Expr
    points: Expr
    plane: Expr
    first: Expr
    quarters: Expr
    quarter: Expr
    half: Expr
    root: Expr
    point: Expr
    word: Expr


_PLAIN: Final = len(fields(_Numbers))
_BOUNDS: Final = tuple(np.cumsum([_PLAIN, len(_QUARTERS) + 1, len(_HALVES) + 1, len(_ROOTS) + 1]).tolist())


def words_of_any(positions: Positions) -> int:
    """Words that `convolve_any` works in: those of images, and behind them the values of a stage's gates."""
    return positions.n_words + max(levels_of(stage).n_values * stage.points.size for stage in positions.stages)


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
    """Emit a loop for each kind of quarter, half and root."""
    levels = ((_QUARTERS, run.quarter_of), (_HALVES, run.half_of), (_ROOTS, run.root_of))
    for (kinds, emit), first in zip(levels, _BOUNDS, strict=False):
        for i, kind in enumerate(kinds):
            with T.serial(row[at + first + i], row[at + first + i + 1]) as number:
                emit(kind, number, single)


def _n_folds(positions: Positions) -> int:
    return max(len(stage.folds) for stage in positions.stages)


def _tables(positions: Positions) -> dict[str, Integers]:
    """What all stages read: their rows, gates, points, and places and lanes of output words."""
    stages, levels = positions.stages, [levels_of(stage) for stage in positions.stages]
    places = [[stage.out.offset(y, x) - stage.out.offset(0, 0) for y, x in stage.out.homes()] for stage in stages]
    counts = [
        [len(of.quarter), len(of.half), len(of.root), stage.points.size, len(stage.points)]
        for stage, of in zip(stages, levels, strict=True)
    ]
    before = np.cumsum([[0] * len(counts[0]), *counts], axis=0).tolist()
    n_folds = _n_folds(positions)
    rows = [_row(stage, of, first, n_folds) for stage, of, first in zip(stages, levels, before, strict=False)]
    points = [stage.points.size for stage in stages]
    return {
        "stage": np.array(rows, np.int32).reshape(-1),
        "quarter": narrow(np.concatenate([of.quarter[:, 1:] for of in levels]).reshape(-1)),
        "half": _scaled([of.half[:, 1:] for of in levels], points),
        "root": _scaled([of.root for of in levels], points),
        "point": narrow(np.concatenate([stage.points.reshape(-1) for stage in stages])),
        "place": narrow(np.concatenate(places)),
        "mask": np.concatenate([masks_of(stage.out) for stage in stages]).astype(positions.word),
    }


def _row(stage: Stage, levels: Levels, before: Sequence[int], n_folds: int) -> list[int]:
    """What a stage has in the table of stages; its last numbers are how far lanes are moved to be ORed, 0 or more."""
    kinds = ((_QUARTERS, levels.quarter[:, 0]), (_HALVES, levels.half[:, 0]), (_ROOTS, 2 * stage.root + stage.flip))
    bounds = [bound for of, found in kinds for bound in np.searchsorted(found, [*of, of[-1] + 1]).tolist()]
    first = stage.out.first + stage.out.offset(0, 0)
    numbers = [*stage.points.shape, stage.points.size, stage.out.plane, first, len(levels.quarter), *before]
    return [*numbers, *bounds, *stage.folds, *[0] * (n_folds - len(stage.folds))]


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
        quarter, half, root, point, place, mask: tables of all stages.
    """

    memory: Buffer
    values: int
    numbers: _Numbers
    folds: Sequence[Expr]
    quarter: Buffer
    half: Buffer
    root: Buffer
    point: Buffer
    place: Buffer
    mask: Buffer

    def quarter_of(self, operation: int, number: Expr, single: bool) -> None:
        """Emit a quarter at all points, of which there may be a single one."""
        read = self._read(self.quarter, self.numbers.quarter + number, 0, 1 if operation == COPY else 2)
        to = T.Bind(number * self.numbers.points + self.values)
        if single:
            T.buffer_store(self.memory, self._gate(operation, read, 0), [to])
            return
        with T.serial(0, self.numbers.points) as i:
            point = T.Bind(as_index(self.point[self.numbers.point + i]))
            T.buffer_store(self.memory, self._gate(operation, read, point), [to + i])

    def half_of(self, operation: int, number: Expr, single: bool) -> None:
        """Emit a half of two quarters; likewise."""
        read = self._read(self.half, self.numbers.half + number, self.values, 2)
        to = T.Bind((self.numbers.quarters + number) * self.numbers.points + self.values)
        if single:
            T.buffer_store(self.memory, self._gate(operation, read, 0), [to])
            return
        with T.serial(0, self.numbers.points) as i:
            T.buffer_store(self.memory, self._gate(operation, read, i), [to + i])

    def root_of(self, kind: int, number: Expr, single: bool) -> None:
        """Emit the words of a kernel: the OR of what its root gives in its cells, and of the lanes that are folded."""
        operation, numbers, word = ROOTS[kind // 2], self.numbers, str(self.memory.dtype)
        read = self._read(self.root, numbers.root + number, self.values, 1 if operation == COPY else 2)
        plane = T.Bind(number * numbers.plane + numbers.first)

        def value(point: Expr | int) -> Expr:
            plain = self._gate(operation, read, point)
            return plain ^ constant(2 ** (8 * np.dtype(word).itemsize) - 1, word) if kind % 2 else plain

        def store(number: Expr, result: Expr) -> None:
            whole = T.Bind(result)
            for up in self.folds:
                whole = T.Bind(whole | whole >> tirx.Cast(word, up))
            T.buffer_store(self.memory, whole & self.mask[number], [plane + as_index(self.place[number])])

        if single:
            store(numbers.word, value(0))
            return
        with T.serial(0, numbers.words) as i:
            first = T.Bind(i * numbers.cells)
            result = repeat(numbers.cells, 1, value(first), lambda cell, ored: ored | value(first + cell), word, 1)
            store(T.Bind(numbers.word + i), result)

    def _read(self, table: Buffer, entry: Expr, base: int, count: int) -> list[Expr]:
        """Where a gate reads, at the first point: the two numbers of an entry are words behind the base."""
        return [T.Bind(as_index(table[entry * 2 + i]) + base) for i in range(count)]

    def _gate(self, operation: int, read: Sequence[Expr], point: Expr | int) -> Expr:
        of = [self.memory[first + point] for first in read]
        return of[0] if operation == COPY else EXECUTE[operation](*of)
