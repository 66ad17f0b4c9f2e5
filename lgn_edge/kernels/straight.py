"""Straight-line code: one expression a gate, each output added to its class when it is known.

Fast, and larger than a tape; its compile time grows with the network, so that it is for small ones. Values that one
function makes and a later one reads go through the slots behind the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, constant, kernel
from lgn_edge.network import Circuit, GroupSum
from lgn_edge.network.layers import Int32Array
from lgn_edge.passes.push_complements import OPERATIONS
from lgn_edge.passes.schedule.program import EXECUTE

LARGEST_FUNCTION = 2000  # gates; compilers take much longer than twice as long for twice as many

_EXECUTE_TABLE = dict(zip(OPERATIONS, EXECUTE, strict=True))


@dataclass(frozen=True)
class _Step:
    """One statement: a gate, or an output that is added to its class."""

    signal: int
    output: int = -1


def straight(circuit: Circuit, head: GroupSum, input_bit: Int32Array, prefix: str) -> tuple[Kernel, ...]:
    """`void PREFIX_part0(uint8_t *slots, int32_t *scores)` and so on, to be called one after the other.

    Args:
        circuit: simplified; its gates are `push_complements.OPERATIONS`.
        head: counts the circuit's outputs.
        input_bit: int32[L], the input in each of the first L slots.
        prefix: of the C symbols.
    """
    parts = _parts(circuit)
    slot = {int(signal): place for place, signal in enumerate(input_bit)}
    for signal in _crossing(circuit, parts):
        slot[signal] = len(slot)
    return tuple(_function(circuit, head, body, number, slot, prefix) for number, body in enumerate(parts))


def slots_between(circuit: Circuit) -> int:
    """Slots that values take on their way from one function to a later one."""
    return len(_crossing(circuit, _parts(circuit))) if circuit.n_gates > LARGEST_FUNCTION else 0


def run_parts(parts: int, head: GroupSum, prefix: str) -> str:
    """C of `void PREFIX_run(uint8_t *slots, int32_t *scores, uint16_t *classes)`: all parts, then the first maximum."""
    calls = "".join(f"    {prefix}_part{number}(slots, scores);\n" for number in range(parts))
    return f"""\
void {prefix}_run(uint8_t *slots, int32_t *scores, uint16_t *classes);

void {prefix}_run(uint8_t *slots, int32_t *scores, uint16_t *classes) {{
    uint16_t c;

{calls}    *classes = 0u;
    for (c = 1u; c < {head.classes}u; c++) {{
        if (scores[c] > scores[*classes]) {{
            *classes = c;
        }}
    }}
}}
"""


def _parts(circuit: Circuit) -> list[list[_Step]]:
    """The statements of each function."""
    parts: list[list[_Step]] = [[]]
    gates = 0
    for step in _steps(circuit):
        if step.output < 0:
            if gates == LARGEST_FUNCTION:
                parts.append([])
                gates = 0
            gates += 1
        parts[-1].append(step)
    return parts


def _steps(circuit: Circuit) -> Iterator[_Step]:
    """Output after output, each gate when it is first needed: what is computed is used soon."""
    done = np.zeros(circuit.n_signals, np.bool_)
    done[: circuit.n_inputs] = True
    a, b = circuit.a.tolist(), circuit.b.tolist()
    for output, signal in enumerate(circuit.outputs.tolist()):
        stack = [signal]
        while stack:
            top = stack[-1]
            if done[top]:
                stack.pop()
                continue
            gate = top - circuit.n_inputs
            missing = [wire for wire in (b[gate], a[gate]) if not done[wire]]
            if missing:
                stack += missing
                continue
            done[top] = True
            yield _Step(stack.pop())
        yield _Step(signal, output)


def _crossing(circuit: Circuit, parts: list[list[_Step]]) -> list[int]:
    """Gates that a later function than their own reads, in the order of signals."""
    own = np.zeros(circuit.n_signals, np.int64)
    found = set()
    for number, body in enumerate(parts):
        for step in body:
            gate = step.signal - circuit.n_inputs
            if step.output < 0:
                own[step.signal] = number
            read = (step.signal,) if step.output >= 0 else (int(circuit.a[gate]), int(circuit.b[gate]))
            found |= {signal for signal in read if signal >= circuit.n_inputs and own[signal] < number}
    return sorted(found)


def _function(
    circuit: Circuit, head: GroupSum, body: list[_Step], number: int, slot: dict[int, int], prefix: str
) -> Kernel:
    parameters = (Parameter("slots", "uint8", len(slot)), Parameter("scores", "int32", head.classes))
    base = circuit.inverted.reshape(head.classes, head.group).sum(axis=1)

    def emit(slots: Buffer, scores: Buffer) -> None:
        if number == 0:
            for c in range(head.classes):
                T.buffer_store(scores, constant(int(base[c]), "int32"), [c])
        known: dict[int, Expr] = {}

        def value(signal: int) -> Expr:
            if signal not in known:
                known[signal] = T.Bind(tirx.Cast("int32", slots[slot[signal]]))
            return known[signal]

        current, total = -1, None
        for step in body:
            if step.output < 0:
                gate = step.signal - circuit.n_inputs
                execute = _EXECUTE_TABLE[int(circuit.table[gate])]
                result = T.Bind(execute(value(int(circuit.a[gate])), value(int(circuit.b[gate]))))
                known[step.signal] = result
                if step.signal in slot:
                    T.buffer_store(slots, tirx.Cast("uint8", result), [slot[step.signal]])
                continue
            c = step.output // head.group
            if c != current:
                if total is not None:
                    T.buffer_store(scores, total, [current])
                current, total = c, T.Bind(scores[c])
            bit = value(step.signal)
            total = T.Bind(total - bit if circuit.inverted[step.output] else total + bit)
        if total is not None:
            T.buffer_store(scores, total, [current])

    return kernel(f"{prefix}_part{number}", parameters, (), emit)
