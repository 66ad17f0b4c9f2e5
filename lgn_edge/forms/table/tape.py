"""A circuit and its group sum as a tape: what a machine that handles one sample at a time reads from front to back.

A bit of a sample is a byte, 0 or 1, so an output is counted by adding its byte. Gates of one operation stand together,
sorted by their first operand: the step from one gate's operand to the next one's fits a byte, and nothing says where
the result goes. That is three bytes a gate, where an operation with three slots has seven.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from lgn_edge.errors import InputError
from lgn_edge.network import Circuit, Head
from lgn_edge.network.layers import ArrayRecord, Int32Array, frozen_array
from lgn_edge.passes.prune import prune
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS, push_complements
from lgn_edge.passes.rewrite import BoolArray, IntArray

N_OPERATIONS: Final = len(OPERATIONS)

_AND, _AND_NOT, _OR, _XOR = range(N_OPERATIONS)
_SHORTEST_GAP: Final = 32  # free slots in a row that are worth a group of their own
_NARROW: Final = 0xFF  # the largest step of a tape with three bytes a gate
_WIDE: Final = 0xFFFF  # the same with four
_MANY: Final = 4000  # gates for which loops that take four at a time are worth their code and fillers

_OP_OF_TABLE = np.zeros(16, np.uint8)
_OP_OF_TABLE[list(OPERATIONS)] = range(N_OPERATIONS)


@dataclass(frozen=True, eq=False)
class Tape(ArrayRecord):
    """Groups of runs; each group has a run of each operation, and runs walk over the slots in steps.

    Live input `input_bit[i]` is loaded into slot i; the two slots behind are 0 and 1. A run starts at slot `first` and
    takes `length` gates: each adds its `step` to the slot, giving a, and takes the next `b` for `op(slot[a], slot[b])`.
    The groups that store come first: group g writes its results to the slots where[g], where[g] + 1, ... Then come two
    groups a class: the first adds its results to the class's score, the second subtracts them; each then walks over
    `slots` more slots, from `slot_first` in `slot_step`s, and adds or subtracts these. Scores begin with `base`.

    Attributes:
        n_inputs: input bits of the circuit, live or not.
        input_bit: int32[L], the live inputs, in the order they are loaded; at least one.
        where: int32[S], first slot that each storing group writes.
        length: int32[(S + 2 * classes) * N_OPERATIONS], gates of each run; a multiple of `unit`.
        first: int32[(S + 2 * classes) * N_OPERATIONS].
        step: int32[E], one a gate.
        b: int32[E], one a gate.
        slots: int32[2 * classes].
        slot_first: int32[2 * classes].
        slot_step: int32[sum(slots)].
        base: int32[classes].
        n_gates: gates of the circuit; E is larger by repetitions and by fillers, which change nothing.
        n_slots: slots in all.
        unit: gates that a loop takes at a time, 2 or 4.
    """

    n_inputs: int
    input_bit: Int32Array
    where: Int32Array
    length: Int32Array
    first: Int32Array
    step: Int32Array
    b: Int32Array
    slots: Int32Array
    slot_first: Int32Array
    slot_step: Int32Array
    base: Int32Array
    n_gates: int
    n_slots: int
    unit: int

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not name.startswith(("n_", "unit")):
                object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32, f"tape: {name}"))
        runs = (len(self.where) + 2 * len(self.base)) * N_OPERATIONS
        if not len(self.length) == len(self.first) == runs or len(self.slots) != 2 * len(self.base):
            raise InputError(f"tape: {len(self.length)} lengths and {len(self.first)} first; {runs} runs have one each")
        if not int(self.length.sum()) == len(self.step) == len(self.b) or (self.length % self.unit).any():
            raise InputError(f"tape: {len(self.step)} steps and {len(self.b)} b in runs of {int(self.length.sum())}")

    @property
    def n_live_inputs(self) -> int:
        """Inputs that are loaded."""
        return len(self.input_bit)

    def evaluate(self, bits: ArrayLike) -> Int32Array:
        """Scores int32[n, classes] of bits [n, n_inputs], entry after entry: slow, and the definition."""
        inputs = np.asarray(bits, np.uint8)
        if inputs.ndim != 2 or inputs.shape[1] != self.n_inputs:
            raise InputError(f"bits have shape {list(inputs.shape)}; the tape takes [n, {self.n_inputs}]")
        slots = np.zeros((self.n_slots, len(inputs)), np.uint8)
        slots[: self.n_live_inputs] = inputs[:, self.input_bit].T
        slots[self.n_live_inputs + 1] = 1
        scores = np.repeat(self.base[:, None], len(inputs), axis=1)
        entries = iter(zip(self.step.tolist(), self.b.tolist(), strict=True))
        slot_steps = iter(self.slot_step.tolist())
        for run, (length, a) in enumerate(zip(self.length.tolist(), self.first.tolist(), strict=True)):
            group, op = divmod(run, N_OPERATIONS)
            counts = group - len(self.where)
            if counts < 0 and op == 0:
                place = int(self.where[group])
            for step, b in islice(entries, length):
                a += step
                value = EXECUTE[op](slots[a], slots[b])
                if counts < 0:
                    slots[place] = value
                    place += 1
                else:
                    scores[counts // 2] += value * np.int32(-1 if counts % 2 else 1)
            if counts >= 0 and op == N_OPERATIONS - 1:
                a = int(self.slot_first[counts])
                for step in islice(slot_steps, int(self.slots[counts])):
                    a += step
                    scores[counts // 2] += slots[a] * np.int32(-1 if counts % 2 else 1)
        return scores.T


def make_tape(circuit: Circuit, head: Head, order: IntArray | None = None, loaded: IntArray | None = None) -> Tape:
    """Put a circuit and its head on a tape.

    Complements are pushed and dead gates removed first where that has not been done. A gate that nothing but an output
    or two reads is counted, once for each, and never stored. The others are stored level by level; slots whose signals
    were read for the last time are used again from the next level on. Steps are made to fit a byte by fillers, gates
    whose result is known or not needed; where that takes too many, to fit two.

    The same arguments always give the same tape.

    Args:
        circuit: the gates.
        head: counts the circuit's outputs.
        order: int[n_inputs]: inputs are loaded in the order of these numbers (see `loading_order`). By default in their
            own.
        loaded: int[L], the inputs that somebody loads, read or not, in that order; by default those that are read.

    Cost: O(gates * log(gates)), and a few array operations a level.
    """
    circuit = prune(push_complements(circuit))
    inputs = _read(circuit, order) if loaded is None else loaded
    narrow = _lay_out(circuit, head, inputs, _NARROW)
    if max(int(narrow.step.max(initial=0)), int(narrow.slot_step.max(initial=0))) < _NARROW:
        return narrow  # no step was too long, so that wider ones would change nothing
    wide = _lay_out(circuit, head, inputs, _WIDE) if 3 * len(narrow.step) > 4 * circuit.n_gates else narrow
    return narrow if 3 * len(narrow.step) <= 4 * len(wide.step) else wide


@dataclass(frozen=True)
class _Entries:
    """Gates as they stand on the tape: group, operation, operands, and which gate it is; -1 for a filler."""

    group: IntArray
    op: IntArray
    a: IntArray
    b: IntArray
    gate: IntArray


def _read(circuit: Circuit, order: IntArray | None) -> IntArray:
    """The inputs that something reads, in order; at least one."""
    live = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        live[signals] = True
    live[0] |= not live[: circuit.n_inputs].any()
    inputs = np.flatnonzero(live[: circuit.n_inputs])
    return inputs if order is None else inputs[np.argsort(order[inputs], kind="stable")]


def _lay_out(circuit: Circuit, head: Head, input_bit: IntArray, limit: int) -> Tape:
    n_inputs = circuit.n_inputs
    read = np.bincount(np.concatenate([circuit.a, circuit.b]), minlength=circuit.n_signals)
    uses = np.bincount(circuit.outputs, minlength=circuit.n_signals)
    is_gate = np.arange(circuit.n_signals) >= n_inputs
    counted = is_gate & (read == 0) & (uses <= 2)
    slot = np.full(circuit.n_signals, -1, np.int64)
    slot[input_bit] = np.arange(len(input_bit))
    stored, where, n_slots = _store(circuit, counted, slot, len(input_bit), limit)
    group = 2 * (np.arange(head.n_inputs) // head.group) + circuit.inverted
    others = np.flatnonzero(~counted[circuit.outputs])
    output_group, output_slot = _bridged(group[others], slot[circuit.outputs[others]], limit)
    direct = np.flatnonzero(counted[circuit.outputs])
    gates = circuit.outputs[direct] - n_inputs
    op, a, b = _operands(circuit, gates, slot)
    entries = _in_order(_Entries(group[direct], op, a, b, gates), len(input_bit), limit, _unit(circuit))
    base = np.bincount(group[circuit.inverted] >> 1, minlength=head.n_outputs)
    ones = entries.group[(entries.gate < 0) & (entries.op == _OR)]
    np.subtract.at(base, ones >> 1, np.where(ones & 1, -1, 1))

    run = np.concatenate([part.group * N_OPERATIONS + part.op for part in stored])
    run = np.concatenate([run, (entries.group + len(where)) * N_OPERATIONS + entries.op])
    a, b = (np.concatenate([getattr(part, name) for part in (*stored, entries)]) for name in ("a", "b"))
    n_runs = (len(where) + 2 * head.n_outputs) * N_OPERATIONS
    length, first, step = _walks(run, a, n_runs)

    n_outputs, slot_first, slot_step = _walks(output_group, output_slot, 2 * head.n_outputs)
    return Tape(
        n_inputs=n_inputs,
        input_bit=input_bit.astype(np.int32),
        where=where.astype(np.int32),
        length=length.astype(np.int32),
        first=first.astype(np.int32),
        step=step.astype(np.int32),
        b=b.astype(np.int32),
        slots=n_outputs.astype(np.int32),
        slot_first=slot_first.astype(np.int32),
        slot_step=slot_step.astype(np.int32),
        base=base.astype(np.int32),
        n_gates=circuit.n_gates,
        n_slots=n_slots,
        unit=_unit(circuit),
    )


def _unit(circuit: Circuit) -> int:
    return 4 if circuit.n_gates > _MANY else 2


def _store(
    circuit: Circuit, counted: BoolArray, slot: IntArray, n_live: int, limit: int
) -> tuple[list[_Entries], IntArray, int]:
    """The gates that are stored, level after level, where each group writes, and slots in all; fills in `slot`."""
    n_inputs, level, unit = circuit.n_inputs, circuit.levels(), _unit(circuit)
    depth = int(level.max(initial=0))
    last = np.zeros(circuit.n_signals, np.int64)  # the level that reads a signal last; what is counted comes at the end
    for signals in (circuit.a, circuit.b):
        np.maximum.at(last, signals, np.where(counted[n_inputs:], depth + 1, level[n_inputs:]))
    last[circuit.outputs] = depth + 1
    gates = np.flatnonzero(~counted[n_inputs:])
    gates = gates[np.argsort(level[n_inputs + gates], kind="stable")]
    bounds = np.searchsorted(level[n_inputs + gates], np.arange(1, depth + 2))
    dying = np.argsort(last, kind="stable")
    dead = np.searchsorted(last[dying], np.arange(depth + 2))

    free = np.zeros(n_live + 2, np.bool_)
    stored, where, groups = [_no_entries()], [np.zeros(0, np.int64)], 0
    for number in range(1, depth + 1):
        died = slot[dying[dead[number - 1] : dead[number]]]
        free[died[died >= 0]] = True
        here = gates[bounds[number - 1] : bounds[number]]
        op, a, b = _operands(circuit, here, slot)
        entries = _in_order(_Entries(np.zeros_like(here), op, a, b, here), n_live, limit, unit)
        places = _take(free, len(entries.gate), unit)
        free = np.concatenate([free, np.ones(max(0, int(places.max(initial=-1)) + 1 - len(free)), np.bool_)])
        real = entries.gate >= 0
        slot[n_inputs + entries.gate[real]] = places[real]
        free[places[real]] = False
        begins = np.diff(places, prepend=-2) != 1
        stored.append(replace(entries, group=groups + np.cumsum(begins) - 1))
        where.append(places[begins])
        groups += int(begins.sum())
    return stored, np.concatenate(where), len(free)


def _no_entries() -> _Entries:
    return _Entries(*np.zeros((5, 0), np.int64))


def _take(free: BoolArray, count: int, unit: int) -> IntArray:
    """`count` slots, a multiple of `unit`: long gaps of free ones, whole units of each, then new ones."""
    edges = np.flatnonzero(np.diff(free, prepend=False, append=False))
    start, length = edges[::2], (edges[1::2] - edges[::2]) & -unit
    start, length = start[length >= _SHORTEST_GAP], length[length >= _SHORTEST_GAP]
    gaps = np.arange(length.sum()) + np.repeat(start - np.cumsum(length) + length, length)
    return np.concatenate([gaps, len(free) + np.arange(max(0, count - len(gaps)))])[:count]


def _operands(circuit: Circuit, gates: IntArray, slot: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Operation, a and b of gates."""
    return _OP_OF_TABLE[circuit.table[gates]].astype(np.int64), slot[circuit.a[gates]], slot[circuit.b[gates]]


def _bridged(group: IntArray, slot: IntArray, limit: int) -> tuple[IntArray, IntArray]:
    """Groups and slots sorted, with slots between that make every step at most `limit`.

    What a class's one group adds for nothing, its other group subtracts.
    """
    order = np.lexsort((slot, group))
    group, slot = group[order], slot[order]
    step = np.where(np.diff(group, prepend=-1) != 0, 0, np.diff(slot, prepend=0))
    number = np.maximum(step - 1, 0) // limit
    source = np.repeat(np.arange(len(slot)), number)
    place = np.arange(len(source)) - np.repeat(np.cumsum(number) - number, number)
    bridge = slot[source] - step[source] + (place + 1) * limit
    group = np.concatenate([group, group[source], group[source] ^ 1])
    slot = np.concatenate([slot, bridge, bridge])
    order = np.lexsort((slot, group))
    return group[order], slot[order]


def _in_order(given: _Entries, zero: int, limit: int, unit: int) -> _Entries:
    """Gates by group, operation and a, with fillers: every step is at most `limit`, every run has whole units.

    Where the operation does not care which operand is a, it is the lower slot of every other gate and the higher one
    of the rest, so that the a are spread evenly over all slots. Fillers are 0, or 1 for OR, or not needed.
    """
    group, op, a, b, gates = given.group, given.op, given.a, given.b, given.gate
    higher = np.empty(len(gates), np.bool_)
    higher[np.lexsort((np.minimum(a, b), op, group))] = np.arange(len(gates)) % 2 == 1
    swap = np.where(higher, a < b, a > b) & (op != _AND_NOT)
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    order = np.lexsort((a, op, group))
    gates, group, op, a, b = gates[order], group[order], op[order], a[order], b[order]

    run = group * N_OPERATIONS + op
    begins = np.diff(run, prepend=-1) != 0
    step = np.where(begins, 0, np.diff(a, prepend=0))
    before = np.maximum(step - 1, 0) // limit
    ends = np.append(begins[1:], True)[: len(run)]
    missing = -np.bincount(run, 1 + before, minlength=1).astype(np.int64) % unit
    after = np.where(ends, missing[run], 0)
    copies = before + 1 + after
    source = np.repeat(np.arange(len(run)), copies)
    place = np.arange(len(source)) - np.repeat(np.cumsum(copies) - copies, copies) - before[source]
    filler = place != 0
    a, op = a[source] + np.where(place < 0, (place + before[source] + 1) * limit - step[source], 0), op[source]
    constant = np.where(op == _AND, zero, np.where(op == _OR, zero + 1, a))
    return _Entries(group[source], op, a, np.where(filler, constant, b[source]), np.where(filler, -1, gates[source]))


def _walks(run: IntArray, a: IntArray, n_runs: int) -> tuple[IntArray, IntArray, IntArray]:
    """Length and first slot of each run, and the step of each entry; `run` ascends."""
    begins = np.diff(run, prepend=-1) != 0
    first = np.zeros(n_runs, np.int64)
    first[run[begins]] = a[begins]
    return np.bincount(run, minlength=n_runs), first, np.where(begins, 0, np.diff(a, prepend=0))
