"""The kernels of a tape: one sample at a time, a byte a bit, small loops over tables without a wasted byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.classify import counted_gate, first_maximum
from lgn_edge.forms.table.tape import N_OPERATIONS, Tape
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
    variable,
)
from lgn_edge.network import Head
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

Operands: TypeAlias = tuple[int, Expr, Expr]  # the number of an operation, and its two operands as uint32

_SLOT = "uint8"


def run_tape(tape: Tape, head: Head, prefix: str) -> Kernel:
    """`void PREFIX_run(uint8_t *slots, int32_t *scores, uint16_t *classes)`: all groups, then the first maximum.

    C around it has `classify.COUNTING`.

    Args:
        tape: what to run; its live inputs are in their slots already.
        head: classes.
        prefix: of the C symbols.
    """
    base = narrow(tape.base) if (tape.base >= 0).all() else tape.base
    tables = (*tape_tables(tape, prefix), Table(f"{prefix}_base", base))
    parameters = (
        Parameter("slots", _SLOT, tape.n_slots),
        Parameter("scores", "int32", head.n_outputs),
        Parameter("classes", "uint16", 1),
    )

    def body(slots: Buffer, scores: Buffer, classes: Buffer, *tables: Buffer) -> None:
        *walked, base = tables
        walk, total = Walk(tape, slots, _SLOT, 1, walked), variable("uint32")
        walk.store()

        def count(gates: Sequence[Operands]) -> None:
            for op, a, b in gates:
                T.buffer_store(total, counted_gate(OPERATIONS[op], total[0], a, b), [0])

        def count_slots(values: Sequence[Expr]) -> None:
            for value in values:
                T.buffer_store(total, total[0] + value, [0])

        with T.serial(0, 2 * head.n_outputs) as group:
            T.buffer_store(total, constant(0, "uint32"), [0])
            walk.count(group, count, count_slots)
            c, sum_ = T.Bind(group >> 1), T.Bind(tirx.Cast("int32", total[0]))
            with T.If((group & 1) == 0):
                with T.Then():
                    T.buffer_store(scores, as_index(base[c]) + sum_, [c])
                with T.Else():
                    T.buffer_store(scores, scores[c] - sum_, [c])
        first_maximum(scores, classes, head.n_outputs, constant(0, "int32"))

    return kernel(f"{prefix}_run", parameters, tables, body)


def tape_tables(tape: Tape, prefix: str) -> tuple[Table, ...]:
    """What `Walk` reads, in its order."""
    return (
        Table(f"{prefix}_where", narrow(tape.where)),
        Table(f"{prefix}_length", narrow(tape.length // tape.unit)),
        Table(f"{prefix}_first", narrow(tape.first)),
        Table(f"{prefix}_pairs", _pairs(tape)[0]),
        Table(f"{prefix}_slots", narrow(tape.slots)),
        Table(f"{prefix}_slot_first", narrow(tape.slot_first)),
        Table(f"{prefix}_slot_step", narrow(tape.slot_step)),
    )


class Walk:
    """The loops that walk over a tape: over its groups, the runs of a group, and the gates of a run."""

    def __init__(self, tape: Tape, slots: Buffer, slot: str, one: int, tables: Sequence[Buffer]) -> None:
        """Write the two constant slots, 0 and `one`, and begin at the start of the tape."""
        self._tape, self._slots, self._slot = tape, slots, slot
        self._where, self._length, self._first, self._pairs, self._n_slots, self._slot_first, self._slot_step = tables
        used = np.split(tape.length.reshape(-1, N_OPERATIONS), [len(tape.where)])
        self._stored, self._counted = (part.sum(axis=0) > 0 for part in used)
        T.buffer_store(slots, constant(0, slot), [tape.n_live_inputs])
        T.buffer_store(slots, constant(one, slot), [tape.n_live_inputs + 1])
        self._element, self._output = variable(), variable()
        if self._stored.any() or len(tape.slot_step):  # C compilers warn of a variable that nothing uses
            self._place = variable()
        T.buffer_store(self._element, constant(0, "int32"), [0])
        T.buffer_store(self._output, constant(0, "int32"), [0])

    def store(self) -> None:
        """The groups that store."""

        def store(gates: Sequence[Operands]) -> None:
            for op, a, b in gates:
                T.buffer_store(self._slots, tirx.Cast(self._slot, EXECUTE[op](a, b)), [self._place[0]])
                T.buffer_store(self._place, self._place[0] + 1, [0])

        if not self._stored.any():
            return
        with T.serial(0, len(self._tape.where)) as group:
            T.buffer_store(self._place, as_index(self._where[group]), [0])
            self._runs(group, self._stored, store)

    def count(
        self,
        group: Expr,
        gates: Callable[[Sequence[Operands]], None],
        values: Callable[[Sequence[Expr]], None],
    ) -> None:
        """The next of the groups that count: `gates` takes what a loop has at a time, `values` slots, four or one."""
        self._runs(group + len(self._tape.where), self._counted, gates)
        if not len(self._tape.slot_step):
            return
        begin, many = T.Bind(self._output[0]), T.Bind(as_index(self._n_slots[group]))
        T.buffer_store(self._place, as_index(self._slot_first[group]), [0])

        def walk(i: Expr) -> Expr:
            T.buffer_store(self._place, self._place[0] + as_index(self._slot_step[begin + i]), [0])
            return T.Bind(self._bit(self._place[0]))

        fours = T.Bind(many & -4) if self._tape.slots.max() >= 4 else constant(0, "int32")
        if self._tape.slots.max() >= 4:
            with T.serial(0, fours >> 2) as four:
                values([walk(four * 4 + i) for i in range(4)])
        with T.serial(fours, many) as i:
            values([walk(i)])
        T.buffer_store(self._output, begin + many, [0])

    def _runs(self, group: Expr, present: NDArray[np.bool_], finish: Callable[[Sequence[Operands]], None]) -> None:
        """The runs of a group, of the operations that are present."""
        pairs, together = _pairs(self._tape)
        per_pair = pairs.size * 2 // max(len(self._tape.step), 1)
        per_unit = per_pair * self._tape.unit // 2
        for op in np.flatnonzero(present).tolist():
            run = T.Bind(group * N_OPERATIONS + op)
            begin, many = T.Bind(self._element[0]), T.Bind(as_index(self._length[run]))
            a = variable()
            T.buffer_store(a, as_index(self._first[run]), [0])
            with T.serial(0, many) as i:
                for at in (begin + i * per_unit + pair * per_pair for pair in range(self._tape.unit // 2)):
                    steps = [as_index(self._pairs[at + side]) for side in range(2)]
                    if together:
                        both = T.Bind(as_index(self._pairs[at]))
                        steps = [both & 255, both >> 8]
                    found = []
                    for side in range(2):
                        operand = T.Bind(a[0] + steps[side])
                        T.buffer_store(a, operand, [0])
                        found.append(
                            (op, self._bit(operand), self._bit(as_index(self._pairs[at + per_pair - 2 + side])))
                        )
                    finish(found)
            T.buffer_store(self._element, begin + many * per_unit, [0])

    def _bit(self, slot: Expr) -> Expr:
        return tirx.Cast("uint32", self._slots[slot])


def _pairs(tape: Tape) -> tuple[Integers, bool]:
    """The gates two by two: two steps, in one element where that holds both, and two b; whether it does."""
    step, b = tape.step.reshape(-1, 2), tape.b.reshape(-1, 2)
    together = int(b.max(initial=0)) >= 1 << 8 > int(step.max(initial=0))
    steps = (step[:, :1] | step[:, 1:] << 8) if together else step
    return narrow(np.concatenate([steps, b], axis=1).ravel()), together
