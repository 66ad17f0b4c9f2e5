"""The interpreter of uniform programs: one loop over gates that are all the same, and trees that count outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script.builder import ir as T

from lgn_edge.forms.rows.counters import add_tree, counter_planes, flips, set_counters
from lgn_edge.forms.rows.schedule import TREE, UniformProgram, uniform_gate
from lgn_edge.forms.rows.workspace import Workspace
from lgn_edge.kernels.shape import Shape
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
    quotient,
    store_row,
)

_WORD = 64  # bits of a word of wires
_UNROLLED = 4  # gates an iteration


def uniform_interpreter(program: UniformProgram, workspace: Workspace, shape: Shape, prefix: str) -> Kernel:
    """`void PREFIX_gates(word *slots)`: run all gates of a program on one block of samples, and count its outputs.

    The counters stand behind the rows of values, those of class c from row `n_rows + c * counter_planes` on.

    Args:
        program: what to run; live inputs are already in their slots.
        workspace: which row of [n_rows, lanes] words each slot is.
        shape: the machine's row; more than one word.
        prefix: of the C symbols.
    """
    lanes, n_planes = shape.lanes, counter_planes(program.group)
    form, row_of = wire_form(workspace.n_rows, lanes), workspace.slot_row
    slots = [row_of[slot] for slot in (program.dst, program.x, program.y, program.z)]
    tables = (
        Table(f"{prefix}_wires", pack_wires(slots, form)),
        # Rows by their first word, in 32 bits: narrower indices have LLVM widen and scale sixteen of them in a vector,
        # and taking them out again costs more than all the rest.
        Table(
            f"{prefix}_tree_row",
            row_of[program.tree_slot] * np.int32(lanes) if program.n_trees else np.zeros(1, np.int32),
        ),
        Table(f"{prefix}_tree_stop", narrow(np.concatenate([[0], program.tree_stop]))),
        Table(f"{prefix}_tree_class", narrow(program.tree_class)),
        Table(f"{prefix}_tree_inverted", narrow(program.tree_inverted)),
        Table(f"{prefix}_flip", flips(shape)),
        Table(f"{prefix}_base", narrow(program.base)),
    )

    zero_row = int(row_of[program.zero_slot])
    sizes = Sizes(workspace.n_rows, zero_row, program.n_trees, program.classes, n_planes)

    def body(slots: Buffer, *given: Buffer) -> None:
        *trees, base = given
        set_counters(slots, workspace.n_rows, program.classes, n_planes, base, shape)
        run_gates(sizes, form, shape, slots, *trees)

    rows = workspace.n_rows + program.classes * n_planes
    return kernel(f"{prefix}_gates", [Parameter("slots", shape.word, rows * lanes)], tables, body)


@dataclass(frozen=True)
class Sizes:
    """How large a uniform program is: numbers, or parameters of a kernel for any program.

    Attributes:
        n_slots, zero_slot: rows of values, and the row of zeros among them.
        n_trees, classes: as in `UniformProgram`.
        n_planes: planes a class.
    """

    n_slots: int | Expr
    zero_slot: int | Expr
    n_trees: int | Expr
    classes: int | Expr
    n_planes: int | Expr


def run_gates(
    sizes: Sizes,
    form: WireForm,
    shape: Shape,
    slots: Buffer,
    wires: Buffer,
    tree_row: Buffer,
    stop: Buffer,
    class_of: Buffer,
    inverted: Buffer,
    flip: Buffer,
) -> None:
    """Emit the loop over trees and the gates before each, from tables as `uniform_interpreter` has them.

    The counters hold what counting begins with.
    """
    lanes, n_planes = shape.lanes, sizes.n_planes
    store_row(slots, sizes.zero_slot, lanes, constant(0, shape.word, lanes))

    def run(gate: Expr) -> None:
        dst, x, y, z = first_words(wires, gate, form)
        value = uniform_gate(*(_row_from(slots, word, lanes) for word in (x, y, z)))
        T.buffer_store(slots, value, [tirx.Ramp(dst, 1, lanes)])

    with T.serial(0, sizes.n_trees) as tree:
        start, end = T.Bind(as_index(stop[tree])), T.Bind(as_index(stop[tree + 1]))
        several = T.Bind(quotient(end - start, _UNROLLED))
        with T.serial(0, several) as i:
            for gate in range(_UNROLLED):
                run(start + i * _UNROLLED + gate)
        with T.serial(start + several * _UNROLLED, end) as gate:
            run(gate)
        complemented = as_index(inverted[tree])

        def read(i: int, tree: Expr = tree, complemented: Expr = complemented) -> Expr:
            value = _row_from(slots, tree_row[tree * TREE + i], lanes)
            return value ^ tirx.Broadcast(flip[complemented + i], lanes)

        counter = T.Bind(sizes.n_slots + as_index(class_of[tree]) * n_planes)
        add_tree(slots, read, counter, n_planes, shape)


def _row_from(slots: Buffer, first_word: Expr, lanes: int) -> Expr:
    return tirx.BufferLoad(slots, [tirx.Ramp(first_word, 1, lanes)])


@dataclass(frozen=True)
class WireForm:
    """How the slots of gates lie in 64-bit words.

    Attributes:
        field: bits of a slot, 16 or 32.
        scaled: binary logarithm of what fields are multiplied by when they are packed.
        scale: what is left of that to the loop.
    """

    field: int
    scaled: int
    scale: int


def wire_form(n_slots: int, lanes: int) -> WireForm:
    """The narrowest form; fields hold the first words of rows where they can."""
    shift = lanes.bit_length() - 1
    if n_slots << shift <= 1 << 16:
        return WireForm(16, shift, 0)
    return WireForm(16, 0, shift) if n_slots <= 1 << 16 else WireForm(32, shift, 0)


def pack_wires(slots: Sequence[Integers], form: WireForm) -> Integers:
    """The slots of each gate side by side in as few 64-bit words as hold them, from the lowest bits on.

    Loads are what the loop has most of: one for the four slots leaves more for the rows.
    """
    packed = (np.stack(slots, axis=1) << form.scaled).astype(f"<u{form.field // 8}").view("<u8").ravel()
    return packed if len(packed) else np.zeros(1, np.uint64)


def first_words(wires: Buffer, gate: Expr, form: WireForm) -> list[Expr]:
    """The first word of each of the four rows of a gate."""
    fields = _WORD // form.field
    mask = constant((1 << form.field) - 1 << form.scale, "uint64")
    words = [T.Bind(wires[gate * (4 // fields) + i]) for i in range(4 // fields)]
    result = []
    for i in range(4):
        word, shift = words[i // fields], i % fields * form.field - form.scale  # scaling is part of the shift
        moved = word << constant(-shift, "uint64") if shift < 0 else word >> constant(shift, "uint64")
        result.append(T.Bind(tirx.Cast("int32", moved & mask)))
    return result
