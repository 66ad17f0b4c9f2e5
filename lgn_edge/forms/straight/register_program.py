"""Straight-line code before it is written: which value is in a register, which in memory, and what is counted when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.forms.straight.register_order import register_order
from lgn_edge.network import Circuit, Head
from lgn_edge.network.layers import ArrayRecord, Int32Array, frozen_array
from lgn_edge.network.truth_table import AND, XOR
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

_NEVER: Final = 1 << 60
_EXCHANGED: Final = 100  # classes at most that are exchanged between lanes: every two of them are tried
_EXECUTE_TABLE: Final = dict(zip(OPERATIONS, EXECUTE, strict=True))


class Step(IntEnum):
    """What one step does, with the numbers it has.

    READ and WRITE move a signal between its slot and a register. GATE computes the gate `of`. COUNT adds the signal of
    output `of` to its class, or subtracts it; FUSED computes an output's gate and does the same. TURN rotates the words
    of scores by a lane, so that the next lane's scores are counted without a shift.
    """

    READ = 0
    WRITE = 1
    GATE = 2
    COUNT = 3
    FUSED = 4
    TURN = 5


@dataclass(frozen=True)
class Lanes:
    """Where the score of each class is: class c in lane `place[c] % turns` of word `place[c] // turns`.

    Attributes:
        bits: of a lane: 8, 16 or 32.
        place: one a class.
    """

    bits: int
    place: tuple[int, ...]

    @property
    def turns(self) -> int:
        """Lanes in a word of 32 bits: that many turns change nothing."""
        return 32 // self.bits

    @property
    def words(self) -> int:
        """Words in all."""
        return -(-len(self.place) // self.turns)

    def word(self, c: int) -> int:
        """The word of a class."""
        return self.place[c] // self.turns

    def lane(self, c: int) -> int:
        """The lane of a class."""
        return self.place[c] % self.turns


def lanes(head: Head, totals: int) -> Lanes:
    """The widest lanes with which all scores are in `totals` registers, or the narrowest that hold a score."""
    fitting = [Lanes(bits, tuple(range(head.n_outputs))) for bits in (32, 16, 8) if head.group < 1 << bits]
    return next((each for each in fitting if each.words <= totals), fitting[-1])


@dataclass(frozen=True, eq=False)
class RegisterProgram(ArrayRecord):
    """The steps of a circuit and its head.

    The inputs are in the first slots, in the order of `input_bit`.

    Attributes:
        step: uint8[S], a `Step` each.
        of: int32[S], a signal, a gate, or an output; 0 for TURN.
        slot: int32[S], of READ and WRITE; 0 for the others.
        lanes: where scores are.
        input_bit: int32[L], the live inputs.
        n_slots: slots in all.
    """

    step: NDArray[np.uint8]
    of: Int32Array
    slot: Int32Array
    lanes: Lanes
    input_bit: Int32Array
    n_slots: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", frozen_array(self.step, np.uint8, "register program: step"))
        for name in ("of", "slot", "input_bit"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32, f"register program: {name}"))
        if not len(self.step) == len(self.of) == len(self.slot):
            raise InputError(f"register program: {len(self.step)} steps, {len(self.of)} of and {len(self.slot)} slots")

    def count(self, step: Step) -> int:
        """How many steps are of a kind."""
        return int((self.step == step).sum())

    def evaluate(self, circuit: Circuit, head: Head, bits: ArrayLike) -> Int32Array:
        """Scores int32[n, classes] of bits [n, n_inputs], step after step: slow, and the definition."""
        inputs = np.asarray(bits, np.uint8)
        if inputs.ndim != 2 or inputs.shape[1] != circuit.n_inputs:
            raise InputError(f"bits have shape {list(inputs.shape)}; the program takes [n, {circuit.n_inputs}]")
        slots = np.zeros((self.n_slots, len(inputs)), np.uint8)
        slots[: len(self.input_bit)] = inputs[:, self.input_bit].T
        known: dict[int, NDArray[np.uint8]] = {}
        scores = np.zeros((head.n_outputs, len(inputs)), np.int32)
        scores += circuit.inverted.reshape(head.n_outputs, head.group).sum(axis=1)[:, None]
        for step, of, slot in zip(self.step.tolist(), self.of.tolist(), self.slot.tolist(), strict=True):
            if step == Step.READ:
                known[of] = slots[slot]
            elif step == Step.WRITE:
                slots[slot] = known[of]
            elif step == Step.GATE:
                known[circuit.n_inputs + of] = _computed(circuit, known, of)
            elif step in (Step.COUNT, Step.FUSED):
                signal = int(circuit.outputs[of])
                bit = known[signal] if step == Step.COUNT else _computed(circuit, known, signal - circuit.n_inputs)
                scores[of // head.group] += bit * np.int32(-1 if circuit.inverted[of] else 1)
        return scores.T


def _computed(circuit: Circuit, known: dict[int, NDArray[np.uint8]], gate: int) -> NDArray[np.uint8]:
    value: NDArray[np.uint8] = _EXECUTE_TABLE[int(circuit.table[gate])](
        known[int(circuit.a[gate])], known[int(circuit.b[gate])]
    )
    return value


def register_program(
    circuit: Circuit, head: Head, input_bit: Int32Array, *, values: int, totals: int, fused: bool
) -> RegisterProgram:
    """The steps of a simplified circuit on a core.

    Scores of several lanes are counted lane after lane: outputs that nothing else reads wait until their lane is in
    turn, the others are counted while they are in a register, when it is, or at the last opportunity. Of the values in
    registers, the one that is read last goes, as Belady proved best; it is written where it has no slot yet.

    Args:
        circuit: its gates are `push_complements.OPERATIONS`.
        head: counts the circuit's outputs.
        input_bit: int32[L], the input in each of the first L slots; all that are read.
        values: bits that are kept in registers. 0 leaves that to the compiler: every input is read once, nothing is
            written, and there are no turns.
        totals: words of scores that are kept in registers besides.
        fused: count a gate that only one output reads in one step, where it is an AND, or an XOR that is added.

    Cost: that of `register_order`.
    """
    where = lanes(head, totals)
    n_turns = min(where.turns, head.n_outputs) - 1 if values else 0
    if n_turns and head.n_outputs <= _EXCHANGED:
        where = _apart(circuit, head, where)
    turn = _turns(circuit, head, where) if n_turns else np.zeros(circuit.n_gates, np.int64)
    order = register_order(circuit, turn)
    writer = _Writer(circuit, head, values, fused, where, input_bit, order.tolist())
    for current in range(n_turns + 1):
        writer.turn(current)
        for gate in order[turn[order] == current].tolist():
            writer.gate(gate)
    return writer.finish()


def _apart(circuit: Circuit, head: Head, where: Lanes) -> Lanes:
    """Classes exchanged between lanes, where that makes fewer gates wait in memory from one turn to the next."""
    reached = _reached(circuit, head)
    lane = np.array([where.lane(c) for c in range(head.n_outputs)])
    place = list(where.place)
    counts = np.stack([reached[:, lane == number].sum(axis=1) for number in range(where.turns)])
    better = True
    while better:
        better = False
        for c, d in combinations(range(head.n_outputs), 2):
            if lane[c] == lane[d]:
                continue
            own, other = counts[lane[c]], counts[lane[d]]
            change = reached[:, d].astype(np.int64) - reached[:, c]
            moved = ((own + change) > 0).sum() + ((other - change) > 0).sum()
            if moved < (own > 0).sum() + (other > 0).sum():
                counts[lane[c]], counts[lane[d]] = own + change, other - change
                lane[[c, d]] = lane[[d, c]]
                place[c], place[d] = place[d], place[c]
                better = True
    return Lanes(where.bits, tuple(place))


def _zeros(circuit: Circuit) -> NDArray[np.bool_]:
    """The gates bool[G] that are 0 for every input, an XOR of a signal with itself, and that only outputs read."""
    read = np.zeros(circuit.n_signals, np.bool_)
    read[circuit.a] = read[circuit.b] = True
    zero: NDArray[np.bool_] = (circuit.table == XOR) & (circuit.a == circuit.b) & ~read[circuit.n_inputs :]
    return zero


def _reached(circuit: Circuit, head: Head) -> NDArray[np.bool_]:
    """The classes that each gate has a part in, besides those it is counted for itself: bool[G, classes]."""
    read = np.zeros(circuit.n_signals, np.bool_)
    read[circuit.a] = read[circuit.b] = True
    reached = np.zeros((circuit.n_signals, head.n_outputs), np.bool_)
    outputs = np.flatnonzero(~read[circuit.outputs])
    reached[circuit.outputs[outputs], outputs // head.group] = True
    for gate in range(circuit.n_gates - 1, -1, -1):
        for wire in (circuit.a[gate], circuit.b[gate]):
            reached[wire] |= reached[circuit.n_inputs + gate]
    return reached[circuit.n_inputs :]


def _turns(circuit: Circuit, head: Head, where: Lanes) -> NDArray[np.int64]:
    """The turn int64[G] of each gate: that of the output it is counted for, or of its first reader."""
    lane = np.array([where.lane(c) for c in range(head.n_outputs)])[np.arange(head.n_inputs) // head.group]
    turn = np.full(circuit.n_signals, head.n_outputs, np.int64)
    np.minimum.at(turn, circuit.outputs, lane)
    read = np.zeros(circuit.n_signals, np.bool_)
    read[circuit.a] = read[circuit.b] = True
    turn[read] = head.n_outputs  # its outputs do not hold it up: it is counted when it is there
    for gate in range(circuit.n_gates - 1, -1, -1):
        for wire in (circuit.a[gate], circuit.b[gate]):
            turn[wire] = min(turn[wire], turn[circuit.n_inputs + gate])
    return turn[circuit.n_inputs :]


class _Writer:
    """Writes steps; knows what is in registers, and when it is read next."""

    def __init__(
        self,
        circuit: Circuit,
        head: Head,
        values: int,
        fused: bool,
        where: Lanes,
        input_bit: Int32Array,
        order: list[int],
    ) -> None:
        self._circuit, self._values, self._fuses, self._where, self._group = circuit, values, fused, where, head.group
        self._a, self._b = circuit.a.tolist(), circuit.b.tolist()
        self._zero = _zeros(circuit).tolist()
        self._input_bit = input_bit
        self._slot = {int(signal): place for place, signal in enumerate(input_bit)}
        self._n_slots, self._free = len(input_bit), list[int]()
        self._reads: dict[int, list[int]] = {}  # when each signal is read, the next time last
        for time in range(len(order) - 1, -1, -1):
            for wire in self._wires(order[time]):
                self._reads.setdefault(wire, []).append(time)
        self._uncounted: dict[int, list[int]] = {}
        for output, signal in enumerate(circuit.outputs.tolist()):
            self._uncounted.setdefault(signal, []).append(output)
        self._held: dict[int, None] = {}  # signals in registers
        self._turn = 0
        self._steps: list[tuple[Step, int, int]] = []

    def turn(self, number: int) -> None:
        """Begin a turn."""
        if number:
            self._steps.append((Step.TURN, 0, 0))
        self._turn = number

    def gate(self, gate: int) -> None:
        """Compute the next gate of the order; one that counts as zero needs nothing."""
        wires, signal = self._wires(gate), self._circuit.n_inputs + gate
        if self._zero[gate]:
            self._uncounted.pop(signal)
            return
        for wire in wires:
            if wire not in self._held:
                self._make_room(wires)
                self._steps.append((Step.READ, wire, self._slot[wire]))
                self._held[wire] = None
            self._reads[wire].pop()
            self._count(wire)
        for wire in wires:
            if not self._reads[wire]:
                del self._held[wire]
                if wire in self._slot:
                    self._free.append(self._slot[wire])
        if self._fused(signal):
            self._steps.append((Step.FUSED, self._uncounted.pop(signal)[0], 0))
            return
        self._steps.append((Step.GATE, gate, 0))
        if self._reads.get(signal):
            self._make_room(())
            self._held[signal] = None
        self._count(signal)

    def finish(self) -> RegisterProgram:
        """Count the inputs that no gate reads, and hand over."""
        for signal in sorted(self._uncounted):
            self._steps.append((Step.READ, signal, self._slot[signal]))
            self._count(signal)
        step, of, slot = np.array(self._steps, np.int64).reshape(-1, 3).T
        return RegisterProgram(
            step.astype(np.uint8),
            of.astype(np.int32),
            slot.astype(np.int32),
            self._where,
            self._input_bit,
            self._n_slots,
        )

    def _wires(self, gate: int) -> dict[int, None]:
        """The signals that a gate is computed from, each once."""
        return {} if self._zero[gate] else dict.fromkeys((self._a[gate], self._b[gate]))

    def _next_read(self, signal: int) -> int:
        times = self._reads.get(signal)
        return times[-1] if times else _NEVER

    def _make_room(self, keep: object) -> None:
        """Let go of a value where all registers are taken."""
        if not self._values or len(self._held) < self._values:
            return
        kept = keep if isinstance(keep, dict) else {}
        signal = max((signal for signal in self._held if signal not in kept), key=self._next_read)
        if signal not in self._slot:
            if not self._free:
                self._free.append(self._n_slots)
                self._n_slots += 1
            self._slot[signal] = self._free.pop()
            self._steps.append((Step.WRITE, signal, self._slot[signal]))
        del self._held[signal]

    def _count(self, signal: int) -> None:
        """Count a signal that is in a register for those of its outputs whose turn it is; for all, if never again."""
        outputs = self._uncounted.get(signal)
        if not outputs:
            return
        last = not self._reads.get(signal)
        later = [output for output in outputs if not last and self._lane(output) > self._turn]
        self._steps += [(Step.COUNT, output, 0) for output in outputs if output not in later]
        if later:
            self._uncounted[signal] = later
        else:
            del self._uncounted[signal]

    def _fused(self, signal: int) -> bool:
        """Whether a gate is nothing but one output of this turn."""
        outputs = self._uncounted.get(signal, [])
        if not self._fuses or len(outputs) != 1 or self._reads.get(signal):
            return False
        table = self._circuit.table[signal - self._circuit.n_inputs]
        plain = not self._circuit.inverted[outputs[0]]
        return self._lane(outputs[0]) == self._turn and bool(table == AND or (table == XOR and plain))

    def _lane(self, output: int) -> int:
        """The turn in which an output is best counted; without turns, any time."""
        return self._where.lane(output // self._group) if self._values else 0
