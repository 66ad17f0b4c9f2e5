"""From a circuit to a program: the order of the gates, their runs, and where each result lives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgn_edge.errors import InputError
from lgn_edge.network import Circuit
from lgn_edge.passes.prune import prune
from lgn_edge.passes.push_complements import OPERATIONS, push_complements
from lgn_edge.passes.rewrite import IntArray, stable_order
from lgn_edge.passes.schedule.program import EXECUTE, Program
from lgn_edge.passes.schedule.slots import allocate_slots
from lgn_edge.passes.schedule.trail import trail_order
from lgn_edge.passes.schedule.uniform import TREE, UniformProgram, uniform_gate, uniform_schedule

__all__ = [
    "EXECUTE",
    "OPERATIONS",
    "TREE",
    "Program",
    "ScheduleOptions",
    "UniformProgram",
    "schedule",
    "uniform_gate",
    "uniform_schedule",
]

_OP_OF_TABLE = np.zeros(16, np.uint8)
_OP_OF_TABLE[list(OPERATIONS)] = range(len(OPERATIONS))


@dataclass(frozen=True)
class ScheduleOptions:
    """How to schedule.

    Attributes:
        tile: gates that are sorted by operation among themselves. Large tiles make long runs, small ones keep the
            readers of a signal together; 1 keeps the trails.
    """

    tile: int = 256

    def __post_init__(self) -> None:
        if self.tile < 1:
            raise InputError(f"schedule: tile is {self.tile}; it needs at least one gate")


def schedule(circuit: Circuit, options: ScheduleOptions = ScheduleOptions()) -> Program:
    """Order the gates of a circuit and give every signal a slot.

    Complements are pushed and dead gates removed first where that has not been done. The order is by level, inside a
    level along trails of common inputs (`trail_order`), inside a tile of a level by operation; every other tile is
    sorted the other way round, so that runs continue over its border. Slots follow from the order (`allocate_slots`).

    The same circuit and options always give the same program.

    Cost: O(gates * log(longest trail)).
    """
    circuit = prune(push_complements(circuit))
    n_inputs = circuit.n_inputs
    op = _OP_OF_TABLE[circuit.table]
    level = circuit.levels()[n_inputs:]
    kept = np.zeros(circuit.n_signals, np.bool_)
    kept[circuit.outputs] = True
    order = trail_order(level, circuit.a, circuit.b, kept)
    order = order[_tiled(level[order], op[order], options.tile)]

    live = np.zeros(circuit.n_signals, np.bool_)
    for signals in (circuit.a, circuit.b, circuit.outputs):
        live[signals] = True
    live[0] |= not live[:n_inputs].any()
    input_bit = np.flatnonzero(live[:n_inputs]).astype(np.int32)
    number = np.zeros(circuit.n_signals, np.int32)
    number[input_bit] = np.arange(len(input_bit))
    number[n_inputs + order] = len(input_bit) + np.arange(len(order))

    op, a, b = op[order], number[circuit.a[order]], number[circuit.b[order]]
    outputs = number[circuit.outputs]
    slot, n_slots = allocate_slots(len(input_bit), a, b, outputs)
    starts = np.flatnonzero(np.diff(op, prepend=255))
    return Program(
        n_inputs=n_inputs,
        input_bit=input_bit,
        op=op[starts],
        length=np.diff(starts, append=len(op)),
        dst=slot[len(input_bit) :],
        a=slot[a],
        b=slot[b],
        n_slots=n_slots,
        output_slot=slot[outputs],
        output_inverted=circuit.inverted,
    )


def _tiled(level: IntArray, op: IntArray, tile: int) -> IntArray:
    """Permutation that sorts each tile by operation; tiles begin anew at each level."""
    index = np.arange(len(op))
    starts = np.diff(level, prepend=-1) != 0
    starts |= (index - np.maximum.accumulate(np.where(starts, index, 0))) % tile == 0
    number = np.cumsum(starts)
    return stable_order(4 * number + np.where(number % 2, op, 3 - op))
