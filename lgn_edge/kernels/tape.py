"""The kernels of a tape: one sample at a time, a byte a bit, small loops over tables without a wasted byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.classify import counted_gate
from lgn_edge.kernels.encoding import Comparisons
from lgn_edge.kernels.pack import float_above
from lgn_edge.kernels.tir import Buffer, Expr, Integers, Kernel, Parameter, Table, as_index, constant, kernel, narrow
from lgn_edge.network import GroupSum
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS
from lgn_edge.passes.tape import N_OPERATIONS, Tape

Operands: TypeAlias = tuple[int, Expr, Expr]  # the number of an operation, and its two operands as uint32

_SLOT = "uint8"
LEVEL_BITS: Final = 9  # of a level of uint8 samples: -1 to 255, and 256 more


def pack_one(
    bits: Comparisons, complemented: NDArray[np.bool_], slot: str, n_slots: int, prefix: str, unroll: int = 1
) -> Kernel:
    """`void PREFIX_pack(const element *sample, slot *slots)`: encode one sample, a slot a bit.

    Args:
        bits: the comparisons, one a slot, by feature.
        complemented: bool[bits], the bits that are stored as their complements.
        slot: the type of a slot.
        n_slots: slots in all.
        prefix: of the C symbols.
        unroll: comparisons that the loop takes at a time, a power of two.
    """
    tables = tuple(Table(f"{prefix}_{name}", values) for name, values in encoder_tables(bits, complemented).items())
    parameters = (Parameter("sample", bits.element, 1), Parameter("slots", slot, n_slots))
    octets, flips = bits.element == "uint8", bool(complemented.any())

    def body(sample: Buffer, slots: Buffer, *table: Buffer) -> None:
        column = variable()
        T.buffer_store(column, constant(0, "int32"), [0])

        def compare(bit: Expr) -> None:
            entry = T.Bind(as_index(table[0][bit]))
            step = entry >> LEVEL_BITS if octets else entry >> 1 if flips else entry
            at = T.Bind(column[0] + step)
            T.buffer_store(column, at, [0])
            if octets:
                # bit 8 of the difference is its borrow; what the entry holds above the level does not reach it
                value = borrow(entry - as_index(sample[at]))
            else:
                value = float_above(sample[at], as_index(table[1][bit]))
                value = tirx.Cast("int32", value) ^ (entry & 1) if flips else value
            T.buffer_store(slots, tirx.Cast(slot, value), [bit])

        _unrolled(len(bits.feature), unroll, compare)

    return kernel(f"{prefix}_pack", parameters, tables, body)


def encoder_tables(bits: Comparisons, complemented: NDArray[np.bool_]) -> dict[str, Integers]:
    """What `pack_one` reads for each bit.

    For uint8 one number: the step to its feature above nine bits of the level, 256 more where the bit is complemented:
    then the difference has a borrow where it had none. For float32 the step, above a bit that says whether it is
    complemented where one is, and the level.
    """
    step = np.diff(bits.feature, prepend=0)
    if bits.element == "uint8":
        level = (bits.level + 256 * complemented) % (1 << LEVEL_BITS)
        return {"compare": narrow(step << LEVEL_BITS | level)}
    return {"step": narrow(step << 1 | complemented if complemented.any() else step), "level": bits.level}


def load_one(
    input_bit: Int32Array, complemented: NDArray[np.bool_], slot: str, n_slots: int, word: str, prefix: str
) -> Kernel:
    """`void PREFIX_load(const word *words, int32_t stride, int32_t bit, slot *slots)`: one packed sample.

    `words` points at the word of signal 0 that holds the sample, as bit `bit`; signal i is `stride` words further for
    each i. Slot s takes signal `input_bit[s]`, or its complement where `complemented[s]`.
    """
    flips = bool(complemented.any())
    table = Table(f"{prefix}_input_bit", narrow(input_bit << 1 | complemented if flips else input_bit))
    parameters = (
        Parameter("words", word, 1),
        Parameter("stride"),
        Parameter("bit"),
        Parameter("slots", slot, n_slots),
    )

    def body(words: Buffer, stride: Expr, bit: Expr, slots: Buffer, input_bit: Buffer) -> None:
        with T.serial(0, len(table.values)) as i:
            entry = T.Bind(as_index(input_bit[i]))
            value = words[(entry >> 1 if flips else entry) * stride] >> tirx.Cast(word, bit)
            value = value ^ tirx.Cast(word, entry) if flips else value
            T.buffer_store(slots, tirx.Cast(slot, value & constant(1, word)), [i])

    return kernel(f"{prefix}_load", parameters, (table,), body)


def run_tape(tape: Tape, head: GroupSum, prefix: str) -> Kernel:
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
        Parameter("scores", "int32", head.classes),
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

        with T.serial(0, 2 * head.classes) as group:
            T.buffer_store(total, constant(0, "uint32"), [0])
            walk.count(group, count, count_slots)
            c, sum_ = T.Bind(group >> 1), T.Bind(tirx.Cast("int32", total[0]))
            with T.If((group & 1) == 0):
                with T.Then():
                    T.buffer_store(scores, as_index(base[c]) + sum_, [c])
                with T.Else():
                    T.buffer_store(scores, scores[c] - sum_, [c])
        first_maximum(scores, classes, head.classes, constant(0, "int32"))

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
        self._element, self._output, self._place = (variable() for _ in range(3))
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


def borrow(difference: Expr) -> Expr:
    """Bit 8 of a difference, 0 or 1: unsigned, as C leaves to its compiler how a negative number is moved."""
    eighth = (tirx.Cast("uint32", difference) >> constant(8, "uint32")) & constant(1, "uint32")
    return tirx.Cast("int32", eighth)


def first_maximum(scores: Buffer, classes: Buffer, n_classes: int, sample: Expr) -> None:
    """Emit the first maximum of a sample's scores."""
    best, winner = variable(), variable()
    T.buffer_store(best, scores[sample * n_classes], [0])
    T.buffer_store(winner, constant(0, "int32"), [0])
    with T.serial(1, n_classes) as c:
        score = T.Bind(scores[sample * n_classes + c])
        with T.If(score > best[0]), T.Then():
            T.buffer_store(best, score, [0])
            T.buffer_store(winner, c, [0])
    T.buffer_store(classes, tirx.Cast("uint16", winner[0]), [sample])


def variable(dtype: str = "int32") -> Buffer:
    """A local variable; TVM's C knows arrays of global scope only."""
    return T.alloc_buffer((1,), dtype, scope="global")


def _unrolled(count: Expr | int, factor: int, emit: Callable[[Expr], None]) -> None:
    """`emit(0)` to `emit(count - 1)`: a loop that takes `factor`, a power of two, at a time, and one for the rest."""
    done: Expr | int = 0
    if factor > 1 and not (isinstance(count, int) and count < factor):
        with T.serial(0, count // factor if isinstance(count, int) else count >> (factor.bit_length() - 1)) as group:
            for i in range(factor):
                emit(group * factor + i)
        done = count - count % factor if isinstance(count, int) else T.Bind(count & -factor)
    if not (isinstance(count, int) and count == done):
        with T.serial(done, count) as i:
            emit(i)
