"""The gate interpreter: one loop over runs of equal operations, whatever the network."""

from __future__ import annotations

import numpy as np
from tvm.tirx.script.builder import ir as T

from lgn_edge.kernels.shape import Shape
from lgn_edge.kernels.tir import Buffer, Expr, Kernel, Parameter, Table, as_index, kernel, narrow, row, store_row
from lgn_edge.passes.schedule.program import EXECUTE, Program


def gate_interpreter(program: Program, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_gates(word *slots)`: run all gates of a program on one block of samples.

    Tables: the operation of each run, the first gate of each run and one past the last, and the slots (dst, a, b) of
    each gate in the narrowest index that holds them.

    Args:
        program: what to run; slots [n_slots, lanes] words, live inputs already in their slots.
        shape: the machine's row.
        prefix: of the C symbols.
    """
    n_runs = len(program.op)
    starts = np.concatenate([[0], np.cumsum(program.length)])
    wires = narrow(np.stack([program.dst, program.a, program.b], axis=1).ravel())
    tables = (
        Table(f"{prefix}_run_op", narrow(program.op)),
        Table(f"{prefix}_run_start", narrow(starts)),
        Table(f"{prefix}_wires", wires),
    )

    def body(slots: Buffer, run_op: Buffer, run_start: Buffer, wire: Buffer) -> None:
        def gates(operation: int, start: Expr, stop: Expr) -> None:
            with T.serial(start, stop) as gate:
                dst, a, b = (as_index(wire[gate * 3 + i]) for i in range(3))
                value = EXECUTE[operation](row(slots, a, shape.lanes), row(slots, b, shape.lanes))
                store_row(slots, dst, shape.lanes, value)

        def dispatch(operation: int, op: Expr, start: Expr, stop: Expr) -> None:
            if operation == len(EXECUTE) - 1:
                gates(operation, start, stop)
                return
            with T.If(op == operation):
                with T.Then():
                    gates(operation, start, stop)
                with T.Else():
                    dispatch(operation + 1, op, start, stop)

        if n_runs:
            with T.serial(0, n_runs) as run:
                op = T.Bind(as_index(run_op[run]))
                start, stop = T.Bind(as_index(run_start[run])), T.Bind(as_index(run_start[run + 1]))
                dispatch(0, op, start, stop)

    slots = Parameter("slots", shape.word, program.n_slots * shape.lanes)
    return kernel(f"{prefix}_gates", [slots], tables, body)
