"""Straight-line code: one expression a gate, each output counted when it is known.

Fast, and larger than a tape; its compile time grows with the network, so that it is for small ones. What is in a
register and what in memory is decided in `register_program.py`, where the order of gates is known: compilers
allocate registers well for a given order, but do not look for one. Words of scores hold one class, two or four.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.one_sample.classify import counted_gate
from lgn_edge.forms.straight.register_program import RegisterProgram, Step
from lgn_edge.kernels.shape import Core
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, kernel
from lgn_edge.network import Circuit, Head
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

MACROS: Final = """\
/* Read anew: a compiler that remembers the value instead would run out of registers. */
#define lgn_read(x) (*(const volatile __typeof__(x)*)&(x))

/* A parameter that the network has no use for: every score of it is constant. */
#define lgn_unused(x) ((void)(x))
"""

_EXECUTE_TABLE: Final = dict(zip(OPERATIONS, EXECUTE, strict=True))


def straight(circuit: Circuit, head: Head, program: RegisterProgram, slot: str, core: Core, prefix: str) -> Kernel:
    """`void PREFIX_gates(slot *slots, int32_t *scores)`: all gates and scores.

    C around it has MACROS, and COUNTING and KEEP of `one_sample.classify`.

    Args:
        circuit: simplified; its gates are `push_complements.OPERATIONS`.
        head: counts the circuit's outputs.
        program: `register_program` of them.
        slot: the type of a slot.
        core: its registers.
        prefix: of the C symbol.
    """
    bit = f"uint{core.register_bits}"

    def emit(slots: Buffer, scores: Buffer) -> None:
        known: dict[int, Expr] = {}
        totals = _Totals(circuit, head, program, core.register_bits)
        if not program.count(Step.READ):
            T.evaluate(tirx.call_extern("void", "lgn_unused", slots.data))
        for step, of, place in zip(program.step.tolist(), program.of.tolist(), program.slot.tolist(), strict=True):
            if step == Step.READ:
                value = tirx.call_extern(slot, "lgn_read", slots[place]) if core.values else slots[place]
                known[of] = T.Bind(tirx.Cast(bit, value))
            elif step == Step.WRITE:
                T.buffer_store(slots, known[of], [place])
            elif step == Step.GATE:
                execute = _EXECUTE_TABLE[int(circuit.table[of])]
                a, b = known[int(circuit.a[of])], known[int(circuit.b[of])]
                known[circuit.n_inputs + of] = T.Bind(_computed(execute, a, b, bit))
            elif step == Step.COUNT:
                totals.add(known[int(circuit.outputs[of])], of)
            elif step == Step.FUSED:
                gate = int(circuit.outputs[of]) - circuit.n_inputs
                totals.add_gate(int(circuit.table[gate]), known[int(circuit.a[gate])], known[int(circuit.b[gate])], of)
            else:
                totals.turn()
        totals.store(scores)

    parameters = (Parameter("slots", slot, program.n_slots), Parameter("scores", "int32", head.n_outputs))
    return kernel(f"{prefix}_gates", parameters, (), emit)


class _Totals:
    """The words of scores."""

    def __init__(self, circuit: Circuit, head: Head, program: RegisterProgram, register_bits: int) -> None:
        """Scores begin with the number of outputs that are subtracted, so that none is ever below zero."""
        self._circuit, self._head, self._lanes, self._turned = circuit, head, program.lanes, 0
        base = circuit.inverted.reshape(head.n_outputs, head.group).sum(axis=1)
        words = np.zeros(self._lanes.words, np.int64)
        for c, count in enumerate(base.tolist()):
            words[self._lanes.word(c)] += count << self._shift(c)
        bits = next(bits for bits in (8, 16, 32) if bits >= register_bits and head.group < 1 << bits)
        self._type = f"uint{bits}"
        self._words: list[Expr] = [constant(int(word), self._type) for word in words]

    def _shift(self, c: int) -> int:
        return (self._lanes.lane(c) - self._turned) % self._lanes.turns * self._lanes.bits

    def add(self, bit: Expr, output: int) -> None:
        """Add a bit to the class of an output, or subtract it."""
        c = output // self._head.group
        shift = self._shift(c)
        word, moved = self._lanes.word(c), bit << constant(shift, "uint32") if shift else bit
        change = operator.sub if self._circuit.inverted[output] else operator.add
        self._keep(word, _computed(change, self._words[word], moved, self._type))

    def add_gate(self, table: int, a: Expr, b: Expr, output: int) -> None:
        """Add the gate of an output whose lane is in turn, or subtract it."""
        word = self._lanes.word(output // self._head.group)
        self._keep(word, counted_gate(table, self._words[word], a, b, bool(self._circuit.inverted[output])))

    def _keep(self, word: int, changed: Expr) -> None:
        self._words[word] = T.Bind(tirx.call_extern(self._type, "lgn_keep", changed))

    def turn(self) -> None:
        """Bring the next lane to the lowest bits."""
        bits = self._lanes.bits
        for word, value in enumerate(self._words):
            self._keep(word, _rotated(T.Bind(value), bits))
        self._turned += 1

    def store(self, scores: Buffer) -> None:
        """Write all scores."""
        mask = constant((1 << self._lanes.bits) - 1, "uint32")
        for c in range(self._head.n_outputs):
            word, shift = self._words[self._lanes.word(c)], self._shift(c)
            value = tirx.Cast("uint32", word) >> constant(shift, "uint32") if shift else tirx.Cast("uint32", word)
            T.buffer_store(scores, tirx.Cast("int32", value & mask), [c])


def _computed(execute: Callable[[Any, Any], Any], a: Expr, b: Expr, dtype: str) -> Expr:
    """`execute(a, b)` of one type, where C would make an int of anything narrower."""
    if dtype == "uint32":
        return execute(a, b)
    return tirx.Cast(dtype, execute(tirx.Cast("uint32", a), tirx.Cast("uint32", b)))


def _rotated(word: Expr, bits: int) -> Expr:
    return (word >> constant(bits, "uint32")) | (word << constant(32 - bits, "uint32"))
