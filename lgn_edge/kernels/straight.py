"""Straight-line code: one expression a gate, each output added to its class when it is known.

Fast, and larger than a tape; its compile time grows with the network, so that it is for small ones. Scores of up to 255
share a word of four: the shift that brings a bit to its place is part of an Arm core's addition. Values that one
function makes and a later one reads go through the slots behind the inputs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, kernel
from lgn_edge.network import Circuit, GroupSum
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.parts import Parts
from lgn_edge.passes.push_complements import EXECUTE, OPERATIONS

KEEP: Final = """\
/* Tells a compiler not to put off additions until the end: it would have to keep every bit until then. */
#if defined(__GNUC__) && !defined(__AVR__)
#define lgn_keep(x) __extension__({ uint32_t kept = (x); __asm__("" : "+r"(kept)); kept; })
#else
#define lgn_keep(x) (x)
#endif
"""

_EXECUTE_TABLE = dict(zip(OPERATIONS, EXECUTE, strict=True))


def straight(circuit: Circuit, head: GroupSum, split: Parts, input_bit: Int32Array, prefix: str) -> tuple[Kernel, ...]:
    """`void PREFIX_part0(uint8_t *slots, int32_t *scores)` and so on, to be called one after the other.

    Args:
        circuit: simplified; its gates are `push_complements.OPERATIONS`.
        head: counts the circuit's outputs.
        split: `parts(circuit)`.
        input_bit: int32[L], the input in each of the first L slots.
        prefix: of the C symbols.
    """
    slot = {int(signal): place for place, signal in enumerate((*input_bit, *split.crossing))}
    uses: dict[int, list[int]] = {}
    for output, signal in enumerate(circuit.outputs.tolist()):
        uses.setdefault(signal, []).append(output)
    return tuple(_part(circuit, head, split, number, slot, uses, prefix) for number in range(len(split.gates)))


def run_parts(count: int, head: GroupSum, prefix: str) -> str:
    """C of `void PREFIX_run(uint8_t *slots, int32_t *scores, uint16_t *classes)`: all parts, then the first maximum."""
    calls = "".join(f"    {prefix}_part{number}(slots, scores);\n" for number in range(count))
    return f"""\
void {prefix}_run(uint8_t* slots, int32_t* scores, uint16_t* classes);

void {prefix}_run(uint8_t* slots, int32_t* scores, uint16_t* classes) {{
    int32_t best;
    uint16_t c;
    uint16_t winner = 0u;

{calls}    best = scores[0];
    for (c = 1u; c < {head.classes}u; c++) {{
        if (scores[c] > best) {{
            best = scores[c];
            winner = c;
        }}
    }}
    *classes = winner;
}}
"""


class _Scores:
    """The scores of one function, some in a word each."""

    def __init__(self, head: GroupSum, inverted: NDArray[np.bool_]) -> None:
        """Scores begin with the number of outputs that are subtracted, so that none is ever below zero."""
        self._bits = next(bits for bits in (8, 16, 32) if head.group < 1 << bits)
        self._head = head
        base = inverted.reshape(head.classes, head.group).sum(axis=1)
        lane = self._bits * (np.arange(head.classes) % (32 // self._bits))
        words = np.zeros(-(-head.classes * self._bits // 32), np.int64)
        np.add.at(words, np.arange(head.classes) * self._bits // 32, base << lane)
        self._words: list[Expr] = [constant(int(word), "uint32") for word in words]

    def add(self, bit: Expr, output: int, inverted: bool) -> None:
        """Add a bit to the class of an output, or subtract it."""
        word, lane = divmod(output // self._head.group * self._bits, 32)
        moved = tirx.Cast("uint32", bit) << constant(lane, "uint32") if lane else tirx.Cast("uint32", bit)
        changed = self._words[word] - moved if inverted else self._words[word] + moved
        self._words[word] = T.Bind(tirx.call_extern("uint32", "lgn_keep", changed))

    def store(self, scores: Buffer, first: bool) -> None:
        """Write all scores, or add to what earlier functions wrote."""
        mask = constant((1 << self._bits) - 1, "uint32")
        for c in range(self._head.classes):
            word, lane = divmod(c * self._bits, 32)
            value = tirx.Cast("int32", (self._words[word] >> constant(lane, "uint32")) & mask)
            T.buffer_store(scores, value if first else scores[c] + value, [c])


def _part(
    circuit: Circuit,
    head: GroupSum,
    split: Parts,
    number: int,
    slot: dict[int, int],
    uses: dict[int, list[int]],
    prefix: str,
) -> Kernel:
    gates = split.gates[number].tolist()
    made = [circuit.n_inputs + gate for gate in gates]
    inputs = range(circuit.n_inputs) if number == 0 else ()  # outputs that are inputs are added by the first function
    own = [output for signal in (*inputs, *made) for output in uses.get(signal, ())]
    inverted = np.zeros(head.n_inputs, np.bool_)
    inverted[own] = circuit.inverted[own]

    def emit(slots: Buffer, scores: Buffer) -> None:
        known: dict[int, Expr] = {}
        totals = _Scores(head, inverted)

        def value(signal: int) -> Expr:
            if signal not in known:
                known[signal] = T.Bind(tirx.Cast("uint32", slots[slot[signal]]))
                if signal < circuit.n_inputs and number == 0:
                    count(signal)
            return known[signal]

        def count(signal: int) -> None:
            for output in uses.get(signal, ()):
                totals.add(known[signal], output, bool(circuit.inverted[output]))

        for gate, signal in zip(gates, made, strict=True):
            execute = _EXECUTE_TABLE[int(circuit.table[gate])]
            known[signal] = T.Bind(execute(value(int(circuit.a[gate])), value(int(circuit.b[gate]))))
            if signal in slot:
                T.buffer_store(slots, tirx.Cast("uint8", known[signal]), [slot[signal]])
            count(signal)
        for signal in inputs:
            if signal in uses:
                value(signal)
        totals.store(scores, first=number == 0)

    parameters = (Parameter("slots", "uint8", len(slot)), Parameter("scores", "int32", head.classes))
    return kernel(f"{prefix}_part{number}", parameters, (), emit)
