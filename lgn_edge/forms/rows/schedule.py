"""From a circuit to a program of equal gates, in an order that stays in the first-level cache."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgn_edge.errors import InputError
from lgn_edge.native import native_library
from lgn_edge.network import Circuit
from lgn_edge.network.bits import unpack
from lgn_edge.network.layers import ArrayRecord, Int32Array, check_wiring, frozen_array
from lgn_edge.network.truth_table import A_AND_NOT_B, XOR
from lgn_edge.passes.prune import prune
from lgn_edge.passes.push_complements import OPERATIONS, push_complements
from lgn_edge.passes.rewrite import BoolArray

__all__ = ["TREE", "UniformProgram", "uniform_gate", "uniform_schedule"]

TREE: Final = 16  # rows that are counted together, as in schedule.c
CACHE_ROWS: Final = 700  # rows of 64 bytes that are taken to stay in a first-level cache of 48 KiB
LATENCY: Final = 16  # gates between a result and its first reader, so that nobody waits for it

_SOURCE: Final = Path(__file__).with_name("schedule.c")
_OP_OF_TABLE = np.zeros(16, np.uint8)
_OP_OF_TABLE[list(OPERATIONS)] = range(len(OPERATIONS))


def uniform_gate(x: Any, y: Any, z: Any) -> Any:
    """The one gate: `x ^ (y & ~z)`, of words of any kind.

    With a row of zeros it is each of the four operations that are left when complements are pushed: `a & b` is (a, a,
    b), `a & ~b` is (0, a, b), `a | b` is (a, b, a), `a ^ b` is (a, b, 0). One instruction where there is a ternary one
    (AVX-512), two elsewhere.
    """
    return x ^ (y & ~z)


@dataclass(frozen=True, eq=False)
class UniformProgram(ArrayRecord):
    """Gates that are all the same function of three slots, with the counting of outputs in between.

    Live input `input_bit[i]` is loaded into slot i, and slot `zero_slot`, behind them, holds zeros. Gate g then does
    `slot[dst[g]] = uniform_gate(slot[x[g]], slot[y[g]], slot[z[g]])`, all read before the result is written. When
    `tree_stop[t]` gates have run, the 16 slots of tree t are counted for class `tree_class[t]`, the last
    `tree_inverted[t]` of them complemented. Counting begins with `base`.

    Attributes:
        n_inputs: input bits of the circuit, live or not.
        input_bit: int32[L], the live inputs, ascending; at least one.
        dst, x, y, z: int32[G], the slots each gate writes and reads.
        n_slots: slots in all, more than L.
        classes: classes that are counted for.
        group: outputs a class; no score is larger.
        base: int32[classes], outputs that are always one.
        tree_slot: int32[16 * T].
        tree_stop: int32[T], ascending, at most G.
        tree_class, tree_inverted: int32[T].
    """

    n_inputs: int
    input_bit: Int32Array
    dst: Int32Array
    x: Int32Array
    y: Int32Array
    z: Int32Array
    n_slots: int
    classes: int
    group: int
    base: Int32Array
    tree_slot: Int32Array
    tree_stop: Int32Array
    tree_class: Int32Array
    tree_inverted: Int32Array

    def __post_init__(self) -> None:
        for name in (
            "input_bit",
            "dst",
            "x",
            "y",
            "z",
            "base",
            "tree_slot",
            "tree_stop",
            "tree_class",
            "tree_inverted",
        ):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int32, f"program: {name}"))
        check_wiring(self.input_bit, self.n_inputs, "program: input_bit")
        if not 1 <= self.n_live_inputs < self.n_slots or (np.diff(self.input_bit) <= 0).any():
            raise InputError(
                f"program: {self.n_live_inputs} live inputs in {self.n_slots} slots; it needs at least one,"
                " ascending, a slot for each and one of zeros"
            )
        if len(self.base) != self.classes or (self.base < 0).any() or (self.base > self.group).any():
            raise InputError(f"program: base is not one of 0..{self.group} for each of {self.classes} classes")
        if not len(self.dst) == len(self.x) == len(self.y) == len(self.z):
            raise InputError(
                f"program: {len(self.dst)} dst, {len(self.x)} x, {len(self.y)} y and {len(self.z)} z; one each a gate"
            )
        if (self.dst == self.zero_slot).any():
            raise InputError(f"program: dst names slot {self.zero_slot}, which holds zeros")
        if (
            not len(self.tree_slot)
            == TREE * self.n_trees
            == TREE * len(self.tree_class)
            == TREE * len(self.tree_inverted)
        ):
            raise InputError(
                f"program: {self.n_trees} trees with {len(self.tree_slot)} slots, {len(self.tree_class)} classes and"
                f" {len(self.tree_inverted)} numbers; {TREE}, one and one each"
            )
        if (np.diff(self.tree_stop, prepend=0) < 0).any():
            raise InputError("program: tree_stop is not ascending")
        for name, limit in (
            *((name, self.n_slots) for name in ("dst", "x", "y", "z", "tree_slot")),
            ("tree_stop", self.n_gates + 1),
            ("tree_class", self.classes),
            ("tree_inverted", TREE + 1),
        ):
            values = getattr(self, name)
            if len(values) and not (values.min() >= 0 and values.max() < limit):
                raise InputError(f"program: {name} names something outside 0..{limit - 1}")

    @property
    def n_gates(self) -> int:
        """Gates executed."""
        return len(self.dst)

    @property
    def n_live_inputs(self) -> int:
        """Inputs that are loaded."""
        return len(self.input_bit)

    @property
    def zero_slot(self) -> int:
        """The slot that holds zeros."""
        return len(self.input_bit)

    @property
    def n_trees(self) -> int:
        """Trees counted."""
        return len(self.tree_stop)

    def evaluate(self, words: ArrayLike) -> NDArray[np.int32]:
        """Counts int32[classes, samples] of packed inputs [n_inputs, words], one gate after the other: the definition.

        Slow. Samples are all bits of the words.
        """
        inputs = np.asarray(words)
        if inputs.ndim != 2 or len(inputs) != self.n_inputs or inputs.dtype.kind != "u":
            raise InputError(
                f"packed inputs are {inputs.dtype} {list(inputs.shape)};"
                f" the program takes unsigned words [{self.n_inputs}, words]"
            )
        samples = inputs.shape[1] * inputs.dtype.itemsize * 8
        slots = np.zeros((self.n_slots, inputs.shape[1]), inputs.dtype)
        slots[: self.n_live_inputs] = inputs[self.input_bit]
        counts = np.repeat(self.base[:, None], samples, axis=1)
        trees = self.tree_slot.reshape(-1, TREE)
        start = 0
        for t, stop in enumerate(self.tree_stop.tolist()):
            for gate in range(start, stop):
                slots[self.dst[gate]] = uniform_gate(*(slots[w[gate]] for w in (self.x, self.y, self.z)))
            start = stop
            rows = slots[trees[t]]
            rows[TREE - self.tree_inverted[t] :] ^= np.array(np.iinfo(inputs.dtype).max, inputs.dtype)
            counts[self.tree_class[t]] += unpack(rows, samples).sum(axis=1, dtype=np.int32)
        return counts


def uniform_schedule(circuit: Circuit, classes: int) -> UniformProgram:
    """Order the gates of a circuit, give every signal a slot, and say when outputs are counted.

    Complements are pushed and dead gates removed first where that has not been done, and an AND-NOT that only an XOR
    reads becomes one gate with it. The next gate is one whose inputs are all in the first-level cache (a clock of the
    rows that came in stands for it); else, of the latest with some of them there, the one that frees most; else the
    first of those left in the circuit's order. A result's readers wait until some other gates have run, as they would
    wait for it in the machine. A signal's slot is freed with its last
    reading, and the slot freed last is taken first. Outputs are counted when 16 of a class are there, a few trees at a
    time, and their slots freed; outputs that are constant are counted beforehand.

    The same circuit always gives the same program.

    Cost: O(gates), compiled.

    Args:
        circuit: its outputs are the classes' blocks, one behind the other.
        classes: how many; divides the outputs.

    Raises:
        MissingProgramError: the C toolchain is not installed.
    """
    circuit = push_complements(circuit)
    n_inputs, n_outputs = circuit.n_inputs, len(circuit.outputs)
    group, inverted = n_outputs // classes, circuit.inverted
    constant = _zeros(circuit)[circuit.outputs]
    base = (constant & inverted).reshape(classes, group).sum(axis=1)
    circuit = prune(replace(circuit, outputs=circuit.outputs[~constant], inverted=inverted[~constant]))
    live = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        live[signals] = True
    live[0] |= not live[:n_inputs].any()
    input_bit = np.flatnonzero(live[:n_inputs]).astype(np.int32)
    n_live, n_gates = len(input_bit), circuit.n_gates
    number = np.zeros(circuit.n_signals, np.int32)
    number[input_bit] = np.arange(n_live)
    number[n_inputs:] = n_live + np.arange(n_gates)

    output = np.full(n_outputs, -1, np.int32)
    output[~constant] = number[circuit.outputs]
    library = native_library(_SOURCE)

    def zeros(n: int) -> Int32Array:
        return np.zeros(n, np.int32)

    def call(function: Any, *arguments: int | NDArray[Any]) -> int:
        return int(function(*[_argument(value) for value in arguments]))

    gate = [zeros(n_gates) for _ in range(3)]  # the signals x, y and z of each
    scratch = [zeros(n_live + n_gates) for _ in range(2)]
    given: list[int | NDArray[Any]] = [_OP_OF_TABLE[circuit.table], number[circuit.a], number[circuit.b]]
    given += [n_outputs, output]
    n_gates = call(library.lgn_uniform_gates, n_live, n_gates, *given, *gate, *scratch)
    n_signals = n_live + n_gates
    most_trees = classes * -(-group // TREE)
    dst, x, y, z = (zeros(n_gates) for _ in range(4))
    tree_slot, n_trees = zeros(most_trees * TREE), zeros(1)
    tree_stop, tree_class, tree_inverted = (zeros(most_trees) for _ in range(3))
    given = [n_outputs, classes, output, inverted.view(np.uint8), CACHE_ROWS, LATENCY]
    working: list[NDArray[Any]] = [zeros(n_signals + 1), zeros(n_signals), zeros(3 * n_gates)]  # readers of signals
    working += [np.zeros(n_signals, np.uint8), zeros(n_signals), zeros(n_signals)]  # state, readings left, slot
    working += [zeros(n_signals + 1), zeros(n_signals + 1)]  # free slots, when each slot was touched
    working += [np.zeros(library.lgn_schedule_stack_bytes(), np.uint8), zeros(n_gates)]  # candidates, the order
    working += [zeros(n_signals + 1), zeros(n_outputs), zeros(classes * TREE), zeros(classes)]  # outputs of signals
    result = [dst, x, y, z, tree_slot, tree_stop, tree_class, tree_inverted, n_trees]
    n_slots = call(library.lgn_schedule_uniform, n_live, n_gates, *gate, *given, *working, *result)
    found = int(n_trees[0])
    return UniformProgram(
        n_inputs=n_inputs,
        input_bit=input_bit,
        dst=dst,
        x=x,
        y=y,
        z=z,
        n_slots=n_slots,
        classes=classes,
        group=group,
        base=base,
        tree_slot=tree_slot[: found * TREE],
        tree_stop=tree_stop[:found],
        tree_class=tree_class[:found],
        tree_inverted=tree_inverted[:found],
    )


def _zeros(circuit: Circuit) -> BoolArray:
    """Which signals bool[n_signals] are gates that are always 0, as `push_complements` leaves constants."""
    zeros = np.zeros(circuit.n_signals, np.bool_)
    zeros[circuit.n_inputs :] = (circuit.a == circuit.b) & np.isin(circuit.table, (XOR, A_AND_NOT_B))
    return zeros


def _argument(value: int | NDArray[Any]) -> Any:
    if isinstance(value, int):
        return ctypes.c_int32(value)
    assert value.flags.c_contiguous
    return value.ctypes  # which keeps the array alive
